"""Rows as JSON, many of them in one text: read all at once, and by themselves only where somebody asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

#: So many rows are in one text: what is made of them for the moment stays near the processor.
AT_ONCE = 2_000
_apart = msgspec.json.Decoder(list[msgspec.Raw]).decode
_scanned = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Part:
    """So many rows, with commas between them."""

    count: int
    text: str

    def lines(self) -> list[str]:
        """Each by itself. Raises ValueError where it is no JSON, or other than so many rows."""
        try:
            found = [bytes(raw).decode() for raw in _apart(f"[{self.text}]")]
        except msgspec.MsgspecError:  # NaN, or half of a surrogate pair, which json reads
            found = list(_each(self.text))
        if len(found) != self.count:
            raise ValueError(f"{len(found)} rows stand where {self.count} should")
        return found


def _each(text: str) -> Iterator[str]:
    first = 0
    while first < len(text):
        _, end = _scanned(text, first)
        yield text[first:end]
        first = end + 1


class JoinedLines(Sequence[str]):
    """Rows in their order, in parts."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = [part for part in parts if part.count]
        self._ends = np.fromiter(accumulate(part.count for part in self.parts), np.int64)
        #: The part that was asked for last, row by row: whoever asks for one asks for its neighbours.
        self._apart: tuple[int, list[str]] = (-1, [])

    @classmethod
    def of(cls, lines: Sequence[str]) -> JoinedLines:
        """The same rows, if they are not joined already."""
        if isinstance(lines, JoinedLines):
            return lines
        starts = range(0, len(lines), AT_ONCE)
        pieces = (lines[first : first + AT_ONCE] for first in starts)
        return cls(Part(len(piece), ",".join(piece)) for piece in pieces)

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.parts else 0

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(f"no row {place} of {len(self)}")
        number = int(np.searchsorted(self._ends, place, "right"))
        apart = self._apart  # another thread may ask for another part meanwhile
        if apart[0] != number:
            apart = self._apart = number, self.parts[number].lines()
        return apart[1][place - int(self._ends[number])]

    def __iter__(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.lines()


class Placed(NamedTuple):
    """Rows with the place of each, shape (n,)."""

    places: NDArray[np.int64]
    part: Part


def in_order(given: Sequence[Placed]) -> JoinedLines:
    """All rows by their places; parts of which no row moves, nearly always all, are left as they are."""
    places = np.concatenate([np.empty(0, np.int64), *(one.places for one in given)])
    # What stands behind a row of a later place is out of order; all others are in order without it.
    strays = places < np.maximum.accumulate(places)
    if not strays.any():
        return JoinedLines(one.part for one in given)
    counts = [one.part.count for one in given]
    of_part = np.repeat(np.arange(len(given)), counts)
    stays = np.flatnonzero(~strays)
    # Each comes into the part of the last row that stays before its place, or else into the first.
    target = of_part.copy()
    before = np.searchsorted(places[stays], places[strays], "right") - 1
    target[strays] = of_part[stays[np.maximum(before, 0)]]
    begins = np.cumsum([0, *counts])
    lines = {int(number): given[number].part.lines() for number in np.unique(of_part[strays])}
    moving = np.flatnonzero(strays)
    parts = []
    for number, (_, part) in enumerate(given):
        come = moving[target[moving] == number]
        if number not in lines and not len(come):
            parts.append(part)
            continue
        own = np.arange(begins[number], begins[number + 1])
        mine = lines[number] if number in lines else part.lines()
        found = [(int(places[at]), mine[at - begins[number]]) for at in own[~strays[own]]]
        found += [(int(places[at]), lines[int(of_part[at])][at - begins[of_part[at]]]) for at in come]
        found.sort(key=itemgetter(0))
        parts.append(Part(len(found), ",".join(line for _, line in found)))
    return JoinedLines(parts)
