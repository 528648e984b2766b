"""`python -m fencewatch`: the console script for processes that start another of their own kind."""

from __future__ import annotations

from fencewatch.cli import main

if __name__ == "__main__":
    main()
