"""Compiles what every other test needs compiled, before the tests begin; `make test` runs it for new kernels.

Without it the workers meet the same kernels at the same time, and each compiles them for itself: a minute of
work three times over. Two processes start with what the other does not need first, and find the rest on disk.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from minimal_site import write_site
from replay.command_line import invoked, surroundings

#: What one process reads, one after the other: lines of JSON take as long as all else together.
SHARES = (("ndjson",), ("csv", "parquet"))

WRITERS: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    "ndjson": pl.DataFrame.write_ndjson,
    "csv": pl.DataFrame.write_csv,
    "parquet": pl.DataFrame.write_parquet,
}


def main(*kinds: str) -> int:
    """Replays a few rows of each kind; without any, shares them out among processes."""
    if kinds:
        for kind in kinds:
            _replay(kind)
        return 0
    words = [sys.executable, __file__]
    processes = [subprocess.Popen([*words, *share], env=surroundings()) for share in SHARES]
    return max([process.wait() for process in processes])


def _replay(kind: str) -> None:
    with TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "site").mkdir()
        write_site(home / "site")
        pings = home / f"pings.{kind}"
        WRITERS[kind](_rows(), pings)
        done = invoked(
            "replay",
            "--site",
            home / "site",
            "--pings",
            pings,
            "--alerts",
            home / "a",
            "--rejects",
            home / "r",
        )
        assert done.exit_code == 0, done.output


def _rows() -> pl.DataFrame:
    """Two people who go from one side of a border to the other, and a row that is no good."""
    made = [
        {
            "device_id": ("D1", "D2", "D9")[number % 3],
            "event_time": f"2025-07-14T02:{number:02}:00.000Z",
            "lon": 105.9 + number / 100,
            "lat": 29.5,
            "accuracy_m": 9.0,
            "source": "gnss",
        }
        for number in range(30)
    ]
    return pl.DataFrame(made)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
