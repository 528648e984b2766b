"""Very many lines of text in one piece of memory, held against others with no object for any of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geofences.compiled import compiled

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

#: So many lines may lack at one place for the next ones to be found side by side again.
_AHEAD = 8
#: And so many times as many as have been lacking, each time that these are twice as many.
_FARTHER = 1 << 12
#: So many bytes are looked through at a time.
_PIECE = 1 << 18


class Lines:
    """Lines by their places."""

    def __init__(self, text: bytes | Bytes) -> None:
        """Each line of ``text`` ends by a line feed."""
        self._text = np.frombuffer(text, np.uint8)
        self._offsets: Ints = np.concatenate([np.zeros(1, np.int64), *_ends(self._text)])
        assert self._offsets[-1] == len(self._text), "the last line has an end too"

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Those of texts without a line feed."""
        return cls("".join(f"{text}\n" for text in texts).encode())

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def at(self, places: Ints) -> list[bytes]:
        """The lines at these places, without their ends."""
        spans = zip(self._offsets[places].tolist(), self._offsets[places + 1].tolist(), strict=True)
        text = self._text.data
        return [bytes(text[begin : end - 1]) for begin, end in spans]

    def among(self, few: Lines) -> Ints:
        """The places of the lines that are among a few others, in order."""
        found = pc.is_in(self._column, value_set=few._column)
        return np.flatnonzero(found.to_numpy(zero_copy_only=False))

    def differing(self, others: Lines) -> tuple[Ints, Ints]:
        """The places of lines, here and there, that are left where equal ones are taken together in order.

        Where both have nearly the same lines in the same order, that is nearly all; what stands at another
        place is left in both.
        """
        partner = np.full(len(self), -1, np.int64)
        _walk(self._text, self._offsets, others._text, others._offsets, partner)
        is_left = np.ones(len(others), np.bool_)
        is_left[partner[partner >= 0]] = False
        return np.flatnonzero(partner < 0), np.flatnonzero(is_left)

    @property
    def _column(self) -> pa.Array:
        buffers = [None, pa.py_buffer(self._offsets), pa.py_buffer(self._text)]
        return pa.Array.from_buffers(pa.large_binary(), len(self), buffers)


def _ends(text: Bytes) -> Iterator[Ints]:
    """Where lines end, piece by piece: what is made of one for the moment stays near the processor."""
    for first in range(0, len(text), _PIECE):
        yield np.flatnonzero(text[first : first + _PIECE] == ord("\n")) + (first + 1)


@compiled
def _are_same(
    text: Bytes, offsets: Ints, line: int, others: Bytes, other_offsets: Ints, other: int, count: int
) -> bool:
    """Whether so many lines are the same from these on; False where there are fewer."""
    if line + count >= len(offsets) or other + count >= len(other_offsets):
        return False
    begin, other_begin, place = offsets[line], other_offsets[other], 0
    length = offsets[line + count] - begin
    if other_offsets[other + count] - other_begin != length:
        return False
    while place < length and text[begin + place] == others[other_begin + place]:
        place += 1
    return bool(place == length)


@compiled
def _walk(text: Bytes, offsets: Ints, others: Bytes, other_offsets: Ints, partner: Ints) -> None:
    """Fills in the other line that each is taken together with, -1 where none is."""
    next_place, lacking = 0, 0
    for line in range(len(partner)):
        # Now and then much farther, where very many may have gone.
        is_far = lacking >= _AHEAD and lacking & (lacking - 1) == 0
        for step in range(-1, lacking * _FARTHER if is_far else _AHEAD):
            # First as if lines had been replaced one by one, then as if some had come or gone.
            other = next_place + (lacking if step < 0 else step)
            if other + 1 >= len(other_offsets):
                if step >= 0:
                    break
            # A row that was moved far away takes nothing with it: there the next one has to be the same too.
            elif _are_same(text, offsets, line, others, other_offsets, other, 1 if step < _AHEAD else 2):
                partner[line] = other
                next_place, lacking = other + 1, -1
                break
        lacking += 1
