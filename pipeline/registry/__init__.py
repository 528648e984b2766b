"""The site of a running system: its rows in all their versions, and every change with who asked for it."""
