"""Which rules there are: the one catalogue that engine, commands, page and documents read."""
