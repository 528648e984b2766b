"""Which rows were accepted already: an exact hash table over what makes two rows the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

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


class SeenRows(NamedTuple):
    """The first ``used[0]`` entries are known rows; ``slots`` holds their numbers, -1 where free."""

    entries: Entries
    slots: NDArray[np.int32]
    used: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KnownRows:
    """The entries of a table as a checkpoint takes them; another ``generation`` is another table."""

    seen: SeenRows
    generation: int

    def __len__(self) -> int:
        return int(self.seen.used[0])

    def rows_from(self, first: int) -> dict[str, Entries]:
        """The known rows from a number on."""
        return {"entries": self.seen.entries[first : len(self)]}


def seen_rows(entries: Entries, room: int) -> SeenRows:
    """The table of some known rows, with room for more: at least so many in all."""
    size = max(1024, 1 << (max(room, len(entries)) - 1).bit_length())
    grown = np.zeros(size, ENTRY)
    grown[: len(entries)] = entries
    seen = SeenRows(grown, np.full(2 * size, -1, np.int32), np.array([len(entries)], np.int64))
    _fill(seen.entries, seen.slots, len(entries))
    return seen


def room_for(seen: SeenRows, more: int, oldest_ms: int) -> SeenRows:
    """The same table with room for more rows; where it must grow, rows before ``oldest_ms`` are forgotten."""
    known = int(seen.used[0])
    if known + more <= len(seen.entries):
        return seen
    kept = seen.entries[:known]
    kept = kept[kept["event_ms"] >= oldest_ms]
    return seen_rows(kept, 2 * len(kept) + more)


def first_rows(seen: SeenRows, count: int) -> SeenRows:
    """A table with the first so many of its known rows alone, which uses the other up.

    Rows stand where they did when there were no more: each was put behind all that it met.
    """
    if count < seen.used[0]:
        seen.slots[seen.slots >= count] = -1
        seen.used[0] = count
    return seen


@njit(cache=True, nogil=True)
def _fill(entries: Entries, slots: NDArray[np.int32], used: int) -> None:
    """Gives each row a slot of its own, one that is the same as another too: that finds the first."""
    entries, slots = bare(entries), bare(slots)
    last = len(slots) - 1
    for number in range(used):
        slot = _hash(entries[number]) & last
        while slots[slot] >= 0:
            slot = (slot + 1) & last
        slots[slot] = number


@njit(cache=True, nogil=True, forceinline=True)
def slot_of(entries: Entries, slots: NDArray[np.int32], row: np.void) -> int:
    """The slot of an equal row, or the free slot where the row belongs."""
    slot = _hash(row) & (len(slots) - 1)
    while slots[slot] >= 0 and not _equal(entries[slots[slot]], row):
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
