"""The command line."""

from __future__ import annotations

from fencewatch.startup import require_one_home


def main() -> None:
    """The console script: checks where the packages come from, then does what the arguments say."""
    require_one_home()
    from fencewatch.commands import app  # not before the check: it imports all packages

    app()
