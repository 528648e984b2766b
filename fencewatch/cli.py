"""The command line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator

from fencewatch.kernel_cache import keep_kernels
from fencewatch.memory import require_memory, rooms
from fencewatch.startup import require_one_home

#: Options that take one file or several: ``--pings a.parquet b.parquet``.
SEVERAL = ("--pings", "--confirmations")
#: Commands that keep nothing, and write where and for whom their user says.
ELSEWHERE = frozenset(("replay", "simulate", "site", "bench"))
#: What of these works on a data directory all the same.
OF_A_DIRECTORY = (["import"], ["diff"], ["export"], ["history"], ["fences"])


def main() -> None:
    """The console script: checks where the packages come from, then does what the arguments say."""
    is_elsewhere = ELSEWHERE.intersection(sys.argv[1:2]) and sys.argv[2:3] not in OF_A_DIRECTORY
    if not is_elsewhere:
        os.umask(0o077)  # what a data directory holds is for its owner alone
    if sys.argv[1:2] in (["run"], ["serve"]):
        # Importing takes a second; whoever is told to end before the work has begun ends well.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    home = require_one_home()
    if sys.argv[1:2] in (["run"], ["serve"], ["replay"], ["demo"]):
        require_memory(rooms())
    keep_kernels(home, sys.argv[1:], os.environ)
    from fencewatch.commands import app  # not before the check: it imports all packages

    app(list(one_by_one(sys.argv[1:])), prog_name="fencewatch")


def one_by_one(arguments: Iterable[str]) -> Iterator[str]:
    """The arguments with an option of several values repeated before each, as the parser wants it."""
    several, values = "", 0
    for argument in arguments:
        if argument.startswith("-"):
            several, values = argument if argument in SEVERAL else "", 0
        elif several:
            values += 1
            if values > 1:
                yield several
        yield argument
