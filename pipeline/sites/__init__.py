"""Sites: the records of who is watched where, and their loading and complete checking from a directory."""
