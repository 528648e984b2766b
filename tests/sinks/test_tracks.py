"""The archive of fixes: by local hour, each fix once, a file whole or not at all."""

from __future__ import annotations

import math
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.tracks import TrackArchive, TrackColumn, TrackFix

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR_MS = 3_600_000
#: 2025-07-14T00:00+08:00
MIDNIGHT_MS = 1_752_422_400_000


def columns(*rows: tuple[str, int]) -> dict[str, TrackColumn]:
    """Fixes of (person, hours after midnight)."""
    return {
        "person_id": [person for person, _ in rows],
        "device_id": ["D" + person for person, _ in rows],
        "office_id": ["O1" for _ in rows],
        "kind": ["ping" for _ in rows],
        "event_ms": [MIDNIGHT_MS + hour * HOUR_MS for _, hour in rows],
        "arrival_ms": [MIDNIGHT_MS + hour * HOUR_MS + 5 for _, hour in rows],
        "lon": [106.5 for _ in rows],
        "lat": [29.5 for _ in rows],
        "accuracy_m": [math.nan for _ in rows],
        "source": [None for _ in rows],
    }


def hours(archive: TrackArchive, person: str, first: int = -1000, last: int = 1000) -> list[int]:
    found = archive.read(person, MIDNIGHT_MS + first * HOUR_MS, MIDNIGHT_MS + last * HOUR_MS)
    return [(fix.event_ms - MIDNIGHT_MS) // HOUR_MS for fix in found]


@pytest.fixture
def archive(tmp_path: Path) -> TrackArchive:
    return TrackArchive(tmp_path / "tracks", SHANGHAI)


def files(archive: TrackArchive, directory: Path) -> list[str]:
    return sorted(path.relative_to(directory / "tracks").as_posix() for path in directory.rglob("*.parquet"))


def test_files_stand_by_local_day_and_hour(archive: TrackArchive, tmp_path: Path) -> None:
    assert archive.append(columns(("P1", 0), ("P1", -1), ("P2", 0)), "epoch-1") == 3
    assert files(archive, tmp_path) == ["2025-07-13/23/epoch-1.parquet", "2025-07-14/00/epoch-1.parquet"]
    (fix,) = archive.read("P1", MIDNIGHT_MS, MIDNIGHT_MS + 1)
    assert fix == TrackFix("P1", "DP1", "O1", "ping", MIDNIGHT_MS, MIDNIGHT_MS + 5, 106.5, 29.5, None, None)


def test_a_batch_written_again_is_there_once(archive: TrackArchive) -> None:
    archive.append(columns(("P1", 1), ("P1", 2)), "epoch-1")
    archive.append(columns(("P1", 1), ("P1", 2)), "epoch-1")
    archive.append(columns(("P1", 2), ("P1", 3)), "epoch-2")  # cut in other places after a crash
    assert hours(archive, "P1") == [1, 2, 3]
    assert archive.append(columns(), "epoch-3") == 0


def test_what_was_being_written_is_not_read(archive: TrackArchive, tmp_path: Path) -> None:
    archive.append(columns(("P1", 1)), "epoch-1")
    (tmp_path / "tracks" / "2025-07-14" / "01" / "epoch-2.parquet.writing").write_bytes(b"PAR1")
    assert hours(archive, "P1") == [1]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [(0, 24, [0, 1, 23]), (0, 1, [0]), (1, 23, [1]), (23, 24, [23]), (2, 3, []), (-30, 0, [-25, -1])],
)
def test_the_start_is_within_and_the_end_is_not(
    archive: TrackArchive, first: int, last: int, found: list[int]
) -> None:
    archive.append(columns(*(("P1", hour) for hour in (24, 23, 1, 0, -1, -25)), ("P2", 1)), "epoch-1")
    assert hours(archive, "P1", first, last) == found


def test_hours_that_are_over_become_one_file(archive: TrackArchive, tmp_path: Path) -> None:
    for epoch in range(3):
        archive.append(columns(("P1", 1), (f"P{epoch}", 1), ("P1", 2)), f"epoch-{epoch}")
    assert archive.compact(MIDNIGHT_MS + 2 * HOUR_MS) == 2
    assert files(archive, tmp_path)[0].startswith("2025-07-14/01/merged-")
    assert len(files(archive, tmp_path)) == 4
    assert [hours(archive, person) for person in ("P0", "P1", "P2")] == [[1], [1, 2], [1]]
    assert archive.compact(MIDNIGHT_MS + 2 * HOUR_MS) == 0


def test_days_that_are_over_are_removed_whole(archive: TrackArchive) -> None:
    archive.append(columns(("P1", -25), ("P1", -1), ("P1", 0)), "epoch-1")
    assert archive.remove_before(MIDNIGHT_MS) == ["2025-07-12", "2025-07-13"]
    assert hours(archive, "P1") == [0]


FIXES = st.tuples(st.sampled_from(["P1", "P2"]), st.integers(-50, 50))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from(["P1", "P2"]), st.integers(-50, 50)), max_size=8), max_size=4)
)
def test_everything_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int]]]
) -> None:
    archive = TrackArchive(tmp_path_factory.mktemp("archive") / "tracks", SHANGHAI)
    for epoch, rows in enumerate(batches):
        archive.append(columns(*rows), f"epoch-{epoch}")
    for person in ("P1", "P2"):
        assert hours(archive, person) == sorted(
            {hour for rows in batches for who, hour in rows if who == person}
        )
