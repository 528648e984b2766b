"""One rule a file: pure functions, no clock, no input or output."""
