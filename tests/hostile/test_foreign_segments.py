"""A segment of another data directory put among ours: by its name and checksums alone it would pass."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from replay.command_line import invoked
from stores.kept import gone_on, made

from pipeline.log.journal import Journal, JournalDamagedError, JournalReader, clock_mark
from pipeline.log.journal.segment import foreign_segments, read_head, segment_firsts, segment_path
from pipeline.log.record import PINGS, Entry
from pipeline.upkeep.repair import repair
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import StoresUnfit, enter, look
from sinks.bearing import BearingFile


def gone_farther(data: Path) -> None:
    """Two more segments of ten records."""
    with Journal(data / Store.LOG, segment_bytes=1) as journal:
        for second in (3, 4):
            journal.append([clock_mark(second * 1_000), *(Entry(PINGS, b"x" * 40) for _ in range(9))])
    assert segment_firsts(data / Store.LOG) == [0, 10, 20]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    gone_farther(made(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    gone_farther(made(tmp_path / "other"))
    return tmp_path / "other"


def put_among(data: Path, other: Path, first: int) -> Path:
    """The other's segment in place of ours, which has the same records by number and clock."""
    path = segment_path(data / Store.LOG, first)
    shutil.copy(segment_path(other / Store.LOG, first), path)
    return path


def read_all(data: Path, found: list[int]) -> None:
    """The numbers of all records, one after another."""
    reader = JournalReader(data / Store.LOG)
    while records := reader.poll():
        found += [record.number for record in records]


@pytest.mark.parametrize("first", [10, 20])
def test_a_start_is_refused_and_the_segment_named(data: Path, other: Path, first: int) -> None:
    assert enter(data) == []
    path = put_among(data, other, first)
    with pytest.raises(StoresUnfit, match=f"{path}: the segment is of another data directory"):
        enter(data)
    done = invoked("data", "verify", "--data", data)
    assert done.exit_code == 1
    assert f"{path}: the segment is of another data directory" in done.stdout


@pytest.mark.parametrize("first", [10, 20])
def test_no_record_of_it_is_read(data: Path, other: Path, first: int) -> None:
    """Put there while an engine runs, which looked at the stores when it began."""
    put_among(data, other, first)
    found: list[int] = []
    with pytest.raises(JournalDamagedError, match="another data directory"):
        read_all(data, found)
    assert found == list(range(first))


@pytest.mark.parametrize("first", [10, 20])
def test_repair_sets_it_aside_and_goes_on_behind_it(data: Path, other: Path, first: int) -> None:
    path = put_among(data, other, first)
    said = "\n".join(repair(data, 5_000))
    assert f"{path}: set aside" in said
    assert f"records {first} to {first + 9} are lost" in said
    assert foreign_segments(data / Store.LOG) == []
    assert enter(data) == []
    found: list[int] = []
    read_all(data, found)
    assert found == [number for number in range(30) if not first <= number < first + 10]


def test_the_very_first_segment_bears_the_mark_as_well(tmp_path: Path) -> None:
    """The identity is drawn before there is a log."""
    data = tmp_path / "data"
    assert enter(data) == []
    with Journal(data / Store.LOG) as journal:
        journal.append([clock_mark(1_000)])
    assert read_head(segment_path(data / Store.LOG, 0)).mark is not None
    again = tmp_path / "again"
    enter(again)
    with Journal(again / Store.LOG) as journal:
        journal.append([clock_mark(1_000)])
    shutil.copy(segment_path(data / Store.LOG, 0), segment_path(again / Store.LOG, 0))
    assert foreign_segments(again / Store.LOG) == [segment_path(again / Store.LOG, 0)]


def test_a_log_of_an_earlier_version_is_read_as_ever(tmp_path: Path) -> None:
    """Its segments bear no mark; those that it gets from now on do."""
    data = tmp_path / "data"
    with Journal(data / Store.LOG) as journal:
        journal.append([clock_mark(1_000)])
    assert segment_path(data / Store.LOG, 0).read_bytes()[:8] == b"FWJOURN1"
    enter(data)
    gone_on(data, 9)
    gone_farther(data)
    assert [read_head(segment_path(data / Store.LOG, first)).mark is None for first in (0, 10, 20)] == [
        True, False, False
    ]  # fmt: skip
    bearing = BearingFile(data / Store.LOG).read()
    assert bearing is not None
    assert look(data).root == bearing.identity
    assert enter(data) == []
    records = JournalReader(data / Store.LOG).poll()
    assert [record.number for record in records][:10] == list(range(10))
