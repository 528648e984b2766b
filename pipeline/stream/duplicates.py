"""Which rows were accepted already: an exact hash table over what makes two rows the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS
from pipeline.bare import bare

#: One accepted row. Bits of coordinates, so that nothing is the same as nothing; ``kind`` also holds face_ok.
ENTRY = np.dtype(
    [
        ("event_ms", np.int64),
        ("lon_bits", np.int64),
        ("lat_bits", np.int64),
        ("device", np.int32),
        ("challenge", np.int32),
        ("kind", np.int8),
    ]
)

Entries = NDArray[np.void]


#: So many rows are put into the next table for each one that comes in, and at least so many at a time: it has
#: caught up before the table at work, three quarters full when it is begun, has no more room.
_MOVED_FOR_EACH, _MOVED_LEAST = 8, 1024
#: How many rows are to be kept is estimated by every so many-th one.
_SAMPLED = 64


class SeenRows(NamedTuple):
    """The first ``used[0]`` entries are known rows; ``slots`` holds their numbers from 1 on, 0 where free."""

    entries: Entries
    slots: NDArray[np.int32]
    used: NDArray[np.int64]

    @classmethod
    def with_room(cls, rows: int) -> SeenRows:
        """An empty table for so many rows; memory that is not used yet takes no time."""
        size = max(1024, 1 << (rows - 1).bit_length())
        return cls(np.zeros(size, ENTRY), np.zeros(2 * size, np.int32), np.zeros(1, np.int64))

    @property
    def known(self) -> int:
        """How many rows are known."""
        return int(self.used[0])


class KnownRows:
    """The table at work. Where it gets full the next one is filled beside it, some rows a batch.

    A checkpoint takes its rows; another ``generation`` is another table.
    """

    def __init__(self, seen: SeenRows | None = None, generation: int = 0) -> None:
        self.generation = generation
        self.seen = SeenRows.with_room(1) if seen is None else seen
        self._next: SeenRows | None = None
        #: So many rows of the table at work were looked at for the next one.
        self._looked_at = 0

    def __len__(self) -> int:
        return self.seen.known

    def rows_from(self, first: int) -> dict[str, Entries]:
        """The known rows from a number on."""
        return {"entries": self.seen.entries[first : len(self)]}

    def make_room(self, more: int, oldest_ms: int) -> None:
        """Room for more rows; where the table must grow, rows before ``oldest_ms`` are forgotten."""
        room = len(self.seen.entries)
        if self._next is None and 4 * (len(self) + more) > 3 * room:
            kept = np.count_nonzero(self.seen.entries["event_ms"][: len(self) : _SAMPLED] >= oldest_ms)
            self._next, self._looked_at = SeenRows.with_room(2 * _SAMPLED * int(kept) + 2 * more), 0
        if self._next is not None:
            self._move(self._next, max(_MOVED_FOR_EACH * more, _MOVED_LEAST), oldest_ms)
        if len(self) + more > len(self.seen.entries):  # a batch as large as all before it
            kept_rows = self.seen.entries[: len(self)]
            self._take_over(seen_rows(kept_rows[kept_rows["event_ms"] >= oldest_ms], more))

    def _move(self, following: SeenRows, most: int, oldest_ms: int) -> None:
        beyond = min(self._looked_at + most, len(self))
        if following.known + beyond - self._looked_at > len(following.entries):
            self._next = None  # more are to be kept than was estimated
            return
        _put(self.seen.entries[self._looked_at : beyond], *following, oldest_ms)
        self._looked_at = beyond
        if beyond == len(self):
            self._take_over(following)

    def _take_over(self, following: SeenRows) -> None:
        # Where rows were forgotten the others have other numbers; else a table that grew goes on as it was.
        self.generation += following.known < len(self)
        self.seen, self._next = following, None


def seen_rows(entries: Entries, more: int = 0) -> SeenRows:
    """The table of some rows, with room for others."""
    table = SeenRows.with_room(len(entries) + len(entries) // 2 + more + 1)
    _put(entries, *table, BEGIN_MS)
    return table


def first_rows(seen: SeenRows, count: int) -> SeenRows:
    """A table with the first so many of its known rows alone, which uses the other up.

    Rows stand where they did when there were no more: each was put behind all that it met.
    """
    if count < seen.known:
        seen.slots[seen.slots > count] = 0
        seen.used[0] = count
    return seen


@njit(cache=True, nogil=True)
def _put(
    rows: Entries, entries: Entries, slots: NDArray[np.int32], used: NDArray[np.int64], oldest_ms: int
) -> None:
    """Rows, those from an instant on, into a table that has room for all.

    Each gets a slot of its own, one that is the same as another too: that finds the first.
    """
    rows, entries, slots = bare(rows), bare(entries), bare(slots)
    last = len(slots) - 1
    for row in range(len(rows)):
        if rows[row]["event_ms"] >= oldest_ms:
            slot = _hash(rows[row]) & last
            while slots[slot] > 0:
                slot = (slot + 1) & last
            entries[used[0]] = rows[row]
            used[0] += 1
            slots[slot] = used[0]


@njit(cache=True, nogil=True, forceinline=True)
def slot_of(entries: Entries, slots: NDArray[np.int32], row: np.void) -> int:
    """The slot of an equal row, or the free slot where the row belongs."""
    slot = _hash(row) & (len(slots) - 1)
    while slots[slot] > 0 and not _equal(entries[slots[slot] - 1], row):
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@njit(cache=True, nogil=True, forceinline=True)
def _equal(one: np.void, other: np.void) -> bool:
    return bool(
        one["event_ms"] == other["event_ms"]
        and one["device"] == other["device"]
        and one["lon_bits"] == other["lon_bits"]
        and one["lat_bits"] == other["lat_bits"]
        and one["challenge"] == other["challenge"]
        and one["kind"] == other["kind"]
    )


@njit(cache=True, nogil=True, forceinline=True)
def _hash(row: np.void) -> int:
    """Multiplies and folds; the constants are odd and otherwise arbitrary (2**64 over the golden ratio)."""
    value = np.uint64(row["event_ms"]) * np.uint64(0x9E3779B97F4A7C15)
    value ^= np.uint64(row["lon_bits"]) * np.uint64(0xC2B2AE3D27D4EB4F)
    value ^= np.uint64(row["lat_bits"]) * np.uint64(0x165667B19E3779F9)
    value ^= (np.uint64(row["device"]) * np.uint64(0xD6E8FEB86659FD93)) ^ np.uint64(row["challenge"] + 1)
    value = (value ^ (value >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    value ^= value >> np.uint64(29)
    return int(value & np.uint64(0x7FFFFFFFFFFFFFFF))
