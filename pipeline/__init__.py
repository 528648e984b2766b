"""Pings in, alerts out: the site, the streams, the engine and its dataflow."""
