"""What runs the engine: the dataflow and its steps, checkpoints, live and from files."""
