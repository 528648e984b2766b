"""The archive of fixes: by local hour, each fix once, a file whole or not at all."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.tracks import TrackArchive, TrackColumn, TrackFileDamaged, TrackFix, check_file, has_checksum

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
    """Files without the checksum that their names end in."""
    names = (path.relative_to(directory / "tracks").as_posix() for path in directory.rglob("*.parquet"))
    return sorted(re.sub(r"\.[0-9a-f]{8}\.parquet$", ".parquet", name) for name in names)


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


def test_no_changed_bit_of_a_file_goes_unnoticed(archive: TrackArchive, tmp_path: Path) -> None:
    """A changed bit is told, or it is one that nothing is read from and the fixes are the same."""
    archive.append(columns(*((f"P{number % 7}", 1) for number in range(300))), "epoch-1")
    (path,) = tmp_path.rglob("*.parquet")
    whole, chance = path.read_bytes(), random.Random(1)
    expected = archive.read("P1", MIDNIGHT_MS, MIDNIGHT_MS + 24 * HOUR_MS)
    noticed = 0
    for bit in chance.sample(range(8 * len(whole)), 400):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        try:
            found = archive.read("P1", MIDNIGHT_MS, MIDNIGHT_MS + 24 * HOUR_MS)
        except TrackFileDamaged:
            noticed += 1
            continue
        assert found == expected, bit
    assert noticed > 300
    for spoiled in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"0", b"PAR1" + whole):
        path.write_bytes(spoiled)
        with pytest.raises(TrackFileDamaged, match="damaged"):
            check_file(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(TrackFileDamaged):
        check_file(path)


def test_a_damaged_file_is_left_and_all_else_goes_on(archive: TrackArchive, tmp_path: Path) -> None:
    """Its hour stays as it is, other hours become one file each, and new fixes are taken."""
    for epoch in range(2):
        archive.append(columns(("P1", 1), ("P1", 2), (f"P{epoch}", 3)), f"epoch-{epoch}")
    spoiled = next(path for path in sorted(tmp_path.rglob("*.parquet")) if path.parent.name == "02")
    spoiled.write_bytes(b"PAR1 and nothing more")
    assert archive.compact(MIDNIGHT_MS + 24 * HOUR_MS) == 2
    assert list(archive.damaged) == [spoiled]
    archive.append(columns(("P1", 5)), "epoch-2")
    assert hours(archive, "P1", 3) == [3, 5]
    assert hours(archive, "P1", 0, 2) == [1]
    with pytest.raises(TrackFileDamaged, match=spoiled.name):
        hours(archive, "P1")


def test_a_file_from_before_there_were_checksums_is_read_and_merged(
    archive: TrackArchive, tmp_path: Path
) -> None:
    archive.append(columns(("P1", 1)), "epoch-1")
    (path,) = tmp_path.rglob("*.parquet")
    former = path.rename(path.with_name("epoch-1.parquet"))
    assert has_checksum(path)
    assert not has_checksum(former)
    assert hours(archive, "P1") == [1]
    archive.append(columns(("P1", 1)), "epoch-1")
    assert not former.exists(), "the same batch replaces its own file, whatever that was called"
    assert hours(archive, "P1") == [1]
