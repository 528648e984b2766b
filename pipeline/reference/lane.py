"""Entries in judged order with the state after each, so that a late one is put in its place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pipeline.reference.machine import Raised, State, Step
from pipeline.reference.row import END_RANK, OrderKey, ReferenceRow
from pipeline.reference.side import Look


class Entry(NamedTuple):
    """A fix with its look (None: not judged by this scope), or an opening or end (no row)."""

    key: OrderKey
    row: ReferenceRow | None = None
    look: Look | None = None


class Found(NamedTuple):
    """An alert of a lane, the key of the entry that raised it, and whether an end has cleared it."""

    key: OrderKey
    raised: Raised
    cleared_ms: int | None = None
    ended: bool = False


Stepper = Callable[[State, Entry], Step]


def steps(step: Stepper, state: State, entries: Iterable[Entry]) -> Iterator[Step]:
    """The steps of entries from a state on."""
    for entry in entries:
        result = step(state, entry)
        state = result.state
        yield result


def found(entries: Iterable[Entry], results: Iterable[Step]) -> dict[int, Found]:
    """The alerts that steps raise, by onset."""
    alerts: dict[int, Found] = {}
    onset_ms = 0
    for entry, result in zip(entries, results, strict=True):
        if result.raised is not None:
            onset_ms = result.raised.onset_ms
            alerts[onset_ms] = Found(entry.key, result.raised)
        if result.cleared_ms is not None and onset_ms in alerts:
            ended = entry.key[1] == END_RANK
            alerts[onset_ms] = alerts[onset_ms]._replace(cleared_ms=result.cleared_ms, ended=ended)
    return alerts


class Lane:
    """The live or the backfill entries of one binding and scope; nothing is ever forgotten."""

    def __init__(self, step: Stepper) -> None:
        self._step = step
        self.entries: list[Entry] = []
        self._results: list[Step] = []

    def insert(self, entry: Entry) -> dict[int, Found]:
        """Put an entry in its place and judge again from there on; gives what is raised no more."""
        place = bisect_right(self.entries, entry.key, key=lambda other: other.key)
        before = self.found(place)
        self.entries.insert(place, entry)
        del self._results[place:]
        state = self._results[-1].state if self._results else State()
        self._results += steps(self._step, state, self.entries[place:])
        after = self.found(place) if before else {}
        return {onset_ms: alert for onset_ms, alert in before.items() if onset_ms not in after}

    def found(self, place: int = 0) -> dict[int, Found]:
        """The alerts raised by the entries from a place on, as they stand now, by onset."""
        return found(self.entries[place:], self._results[place:])

    def first_after(self, key: OrderKey, side: str) -> ReferenceRow | None:
        """The first fix behind a place in the order that lies on a side."""
        place = bisect_right(self.entries, key, key=lambda other: other.key)
        behind = (self.entries[at] for at in range(place, len(self.entries)))
        return next((e.row for e in behind if e.look is not None and e.look.side == side), None)
