"""What the machine gives: time, files that are durable, and files that are there whole or not at all."""
