"""A shard and its state: rows in, alerts out. No bytewax, no input or output, no clock of its own."""
