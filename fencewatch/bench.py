"""Starts the benchmarks of the checkout; they are no part of an installed fencewatch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from fencewatch.startup import require_one_home


def run_benchmarks(arguments: Sequence[str]) -> int:
    """Runs ``benchmarks`` with these arguments and returns its exit code; 1 without a checkout."""
    home = require_one_home()
    if not (home / "benchmarks" / "__main__.py").exists():
        print("the benchmarks come with the source, not with an installed fencewatch", file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", "benchmarks", *arguments], cwd=home)
