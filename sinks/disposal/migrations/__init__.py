"""Steps that bring a queue's database from any older schema to ``sinks.disposal.tables``."""
