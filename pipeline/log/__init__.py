"""The durable order of everything that came in: what a record is, whatever keeps it."""
