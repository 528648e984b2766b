"""The words that cells are compared with, foremost the device ids: one hash table over their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.crs import CRS
from pipeline.columns import CONFIRMATION_COLUMNS, PING_COLUMNS
from pipeline.sites.policy import SOURCES

#: The names of all columns of both kinds of rows.
COLUMN_NAMES = tuple(PING_COLUMNS | CONFIRMATION_COLUMNS)
assert len(COLUMN_NAMES) <= 32, "a row notes in 32 bits which of them it has (fields.FIELDS)"

#: A word is looked up among those of its group, whose numbers start here.
COLUMN_WORD, SOURCE_WORD, CRS_WORD, DEVICE_WORD = b"csxd"
FIRST_SOURCE = len(COLUMN_NAMES)
FIRST_CRS = FIRST_SOURCE + len(SOURCES)
FIRST_DEVICE = FIRST_CRS + len(CRS)


class Words(NamedTuple):
    """Packed words and the open-addressing table over them.

    Word ``k`` is ``letters[offsets[k] : offsets[k + 1]]``, its group's byte first; ``slots`` holds
    numbers of words, -1 where free, is a power of two long and at most half full. Kernels are given the
    three arrays one by one: handing on a tuple of arrays costs more than a look-up.
    """

    letters: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    slots: NDArray[np.int32]


class DeviceIds:
    """Numbers device ids by their place in ``ids``, which are distinct and not empty.

    ``also`` gives one with more of them. All of one line share ``ids`` and ``numbers``, which grow, so that
    an earlier one may know the ids of a later one as well; ``words`` has those of its own alone.
    """

    def __init__(self, ids: Sequence[str], numbers: dict[str, int] | None = None) -> None:
        """``numbers`` of these very ids, where somebody has them: to copy them is much sooner done."""
        self.ids = list(ids)
        if numbers is None or len(numbers) != len(self.ids):
            self.numbers = dict(zip(self.ids, range(len(self.ids)), strict=True))
        else:
            self.numbers = numbers.copy()
        assert len(self.numbers) == len(self.ids), "device ids are distinct"
        groups = {COLUMN_WORD: COLUMN_NAMES, SOURCE_WORD: SOURCES, CRS_WORD: CRS, DEVICE_WORD: self.ids}
        letters = "".join(chr(group) + chr(group).join(of) for group, of in groups.items() if of)
        words = list(chain.from_iterable(groups.values()))
        lengths = map(len, words if letters.isascii() else map(str.encode, words))
        offsets = np.zeros(len(words) + 1, np.int64)
        np.cumsum(1 + np.fromiter(lengths, np.int64, len(words)), out=offsets[1:])
        self.words = Words(np.frombuffer(letters.encode(), np.uint8), offsets, _free_slots(len(words)))
        _fill(*self.words, 0)

    def also(self, ids: Sequence[str]) -> DeviceIds:
        """The same with some more behind them; these are new and distinct.

        Only the last of a line may be asked. It costs a copy of the words' bytes and numbers, which is some
        milliseconds for a million.
        """
        more = DeviceIds.__new__(DeviceIds)
        more.ids, more.numbers = self.ids, self.numbers
        for name in ids:
            assert name not in more.numbers, "device ids are distinct"
            more.numbers[name] = len(more.ids)
            more.ids.append(name)
        old, words = self.words, [bytes([DEVICE_WORD]) + name.encode() for name in ids]
        # Of bytes, as at first: for an array that may be written kernels would be compiled once more.
        letters = np.frombuffer(b"".join([old.letters.data, *words]), np.uint8)
        ends = old.offsets[-1] + np.cumsum([len(word) for word in words], dtype=np.int64)
        offsets = np.concatenate([old.offsets, ends])
        count, known = len(offsets) - 1, len(old.offsets) - 1
        is_full = 2 * count > len(old.slots)
        more.words = Words(letters, offsets, _free_slots(count) if is_full else old.slots.copy())
        _fill(*more.words, 0 if is_full else known)
        return more


def _free_slots(words: int) -> NDArray[np.int32]:
    return np.full(1 << (2 * words).bit_length(), -1, np.int32)


@njit(cache=True, nogil=True)
def _fill(
    letters: NDArray[np.uint8], offsets: NDArray[np.int64], slots: NDArray[np.int32], first: int
) -> None:
    """Puts the words from a number on into the table."""
    for number in range(first, len(offsets) - 1):
        slot = _hash(letters[offsets[number]], letters, offsets[number] + 1, offsets[number + 1])
        slot &= len(slots) - 1
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = number


@njit(cache=True, nogil=True, forceinline=True)
def _hash(group: int, text: NDArray[np.uint8], start: int, end: int) -> int:
    """FNV-1a, with its upper bits folded in (ids differ mostly in their last letters)."""
    value = np.uint64(0xCBF29CE484222325) ^ np.uint64(group)
    for place in range(start, end):
        value = (value ^ np.uint64(text[place])) * np.uint64(0x100000001B3)
    return int((value ^ (value >> np.uint64(29))) & np.uint64(0x7FFFFFFF))


@njit(cache=True, nogil=True, forceinline=True)
def find(
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    slots: NDArray[np.int32],
    group: int,
    text: NDArray[np.uint8],
    start: int,
    end: int,
) -> int:
    """The number of the word ``text[start:end]`` of a group, -1 where it is unknown."""
    slot = _hash(group, text, start, end) & (len(slots) - 1)
    while slots[slot] >= 0:
        number = int(slots[slot])
        if letters[offsets[number]] == group and same_word(letters, offsets, number, text, start, end):
            return number
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@njit(cache=True, nogil=True, forceinline=True)
def same_word(
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    number: int,
    text: NDArray[np.uint8],
    start: int,
    end: int,
) -> bool:
    """Whether a word (its group left aside) is ``text[start:end]``."""
    first = offsets[number] + 1
    if offsets[number + 1] - first != end - start:
        return False
    same = True
    for place in range(end - start):
        same &= letters[first + place] == text[start + place]
    return same
