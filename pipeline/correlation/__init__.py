"""What no shard sees alone: where all of them are, and what concerns everybody."""
