"""The table of known rows grows a little with every batch, and never says another thing than a set would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.stream import duplicates
from pipeline.stream.duplicates import ENTRY, Entries, KnownRows, slot_of

#: Batches of so many rows each, as a stream, a file and one device at a time give them.
BATCHES = {"stream": 700, "file": 20_000, "single": 1}


def some_rows(chance: np.random.Generator, count: int, from_ms: int, to_ms: int) -> Entries:
    """Rows of a few devices at few places, so that some are the same."""
    rows = np.zeros(count, ENTRY)
    rows["event_ms"] = chance.integers(from_ms, to_ms, count)
    rows["device"] = chance.integers(0, 40, count)
    rows["lon_bits"] = chance.integers(0, 2, count)
    rows["challenge"] = -1
    return rows


def taken(known: KnownRows, rows: Entries) -> list[bool]:
    """As the intake takes rows: whether each was new."""
    entries, slots, used = known.seen
    found = []
    for row in rows:
        slot = slot_of(entries, slots, row)
        found.append(bool(slots[slot] == 0))
        if found[-1]:
            entries[used[0]] = row
            used[0] += 1
            slots[slot] = used[0]
    return found


@pytest.mark.parametrize("size", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("keeps_ms", [1_000, 30_000, 10**9], ids=["little", "some", "all"])
def test_known_rows_are_a_set(size: int, keeps_ms: int) -> None:
    """What is old enough to be forgotten does not come again: it would be too late before it is looked up."""
    chance, known, expected = np.random.default_rng(size + keeps_ms), KnownRows(), set[bytes]()
    for batch in range(60_000 // size if size > 1 else 6_000):
        now_ms = batch * 200 * size // 100
        oldest_ms = now_ms - keeps_ms
        rows = some_rows(chance, size, max(oldest_ms, now_ms - 5_000, 0), now_ms + 1_000)
        known.make_room(size, oldest_ms)
        new = []
        for row in rows:
            new.append(row.tobytes() not in expected)
            expected.add(row.tobytes())
        assert taken(known, rows) == new
        assert len(known) <= len(expected)


def test_a_grown_table_has_the_same_rows_under_the_same_numbers() -> None:
    """A checkpoint then goes on behind what it wrote."""
    chance, known = np.random.default_rng(1), KnownRows()
    told = np.zeros(0, ENTRY)
    for batch in range(200):
        known.make_room(500, 0)
        taken(known, some_rows(chance, 500, batch * 1000, batch * 1000 + 1000))
        assert np.array_equal(known.rows_from(0)["entries"][: len(told)], told)
        told = known.rows_from(0)["entries"].copy()
    assert known.generation == 0
    assert len(known.seen.entries) > 65_536, "it has grown again and again"


def test_where_rows_were_forgotten_it_is_another_table() -> None:
    chance, known = np.random.default_rng(2), KnownRows()
    for batch in range(200):
        known.make_room(500, batch * 1000 - 20_000)
        taken(known, some_rows(chance, 500, batch * 1000, batch * 1000 + 1000))
    assert known.generation > 0
    assert len(known) < 40_000
    assert len(known.seen.entries) <= 65_536


def test_no_batch_pays_for_all_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows are put into another table while one batch comes in."""
    chance, known, put_anew = np.random.default_rng(3), KnownRows(), duplicates._put
    put: list[int] = []

    def counted(rows: Entries, *table: Any) -> None:
        put.append(len(rows))
        put_anew(rows, *table)

    monkeypatch.setattr(duplicates, "_put", counted)
    for batch in range(400):
        known.make_room(500, 0)
        taken(known, some_rows(chance, 500, batch * 1000, batch * 1000 + 1000))
    assert max(put) == 4000
    assert sum(put) > 150_000, "all rows have been put into another table more than once"


def test_more_rows_are_kept_than_every_64th_row_lets_expect() -> None:
    """Old rows stand exactly where it is looked."""
    known = KnownRows()
    for batch in range(40):
        rows = some_rows(np.random.default_rng(batch), 640, 10_000, 2**40)
        known.make_room(640, 0 if batch < 8 else 5_000)
        rows["event_ms"][::64] = 1
        rows["lat_bits"][::64] = range(batch * 10, batch * 10 + 10)
        assert all(taken(known, rows)) or batch == 0
