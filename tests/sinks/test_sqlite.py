"""One SQLite for all stores, of a version that several programs may write with at once."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sinks.sqlite import OLDEST, sqlite3
from sinks.sqlite_file import SqliteFile

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("geofences", "sinks", "pipeline", "simulators", "console", "fencewatch", "benchmarks", "tests")


@pytest.mark.smoke
def test_it_is_without_the_fault_of_older_ones() -> None:
    assert sqlite3.sqlite_version_info >= OLDEST


def test_nobody_brings_another_into_the_process() -> None:
    """Two libraries with one file open would let go of each other's locks."""
    other = re.compile(r"^\s*(?:import|from) sqlite3\b", re.MULTILINE)
    sources = (path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py"))
    found = [path for path in sources if other.search(path.read_text("utf-8"))]
    assert found == [CHECKOUT / "sinks" / "sqlite.py"]


def test_writers_and_checkpoints_at_once_leave_a_sound_file(tmp_path: Path) -> None:
    """What the fault needs: several connections, the log reset under writes, over and over."""
    file = SqliteFile(tmp_path / "f.sqlite", "CREATE TABLE IF NOT EXISTS t (n INTEGER, said TEXT)")

    def write(number: int) -> None:
        for _ in range(40):
            with file.writing() as connection:
                connection.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 3000))

    def checkpoint() -> None:
        for _ in range(40):
            file.reading().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    works = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    works += [threading.Thread(target=checkpoint) for _ in range(2)]
    for work in works:
        work.start()
    for work in works:
        work.join()
    file.close()
    with closing(sqlite3.connect(tmp_path / "f.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT n, count(*) FROM t GROUP BY n").fetchall() == [
            (0, 40),
            (1, 40),
            (2, 40),
        ]
