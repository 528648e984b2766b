"""What the engine is fed: one merged order, each row accepted or rejected, divided among shards."""
