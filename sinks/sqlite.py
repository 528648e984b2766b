"""The SQLite that all stores are written and read with.

Two of them in one process would let go of each other's locks, so nobody imports another.
"""

import sqlite3

__all__ = ["sqlite3"]
