"""Where recorded rows are not in order of arrival, and where one of them drags the clock far ahead."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS
from pipeline.errors import InputError
from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import TOO_LATE, USABLE
from pipeline.sites.records import Site
from pipeline.sites.row_columns import cells_of
from sinks.alert import instant_text

Ints = NDArray[np.int64]

_DAY_MS = 86_400_000
#: A gap between two rows that is worth a word.
_LONG_MS = 7 * _DAY_MS
#: So many confirmations missed in one gap are no recording but a wrong time.
MISSED_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class At:
    """A row of a file and the arrival that it gave the clock."""

    file: str
    row: int
    arrival_ms: int

    def describe(self, file: str) -> str:
        """As one says it where a file has been named."""
        of = "" if self.file == file else f" of {self.file}"
        return f"row {self.row}{of} ({instant_text(self.arrival_ms)})"


@dataclass(frozen=True, slots=True)
class Overridden:
    """Rows of a file that say they arrived before a row that is already merged.

    ``rows`` of them in all, the first of them ``first_row``, by up to ``most_ms`` at row ``most_row``
    behind ``behind``; ``too_late`` of them are rejected for it alone.
    """

    rows: int
    first_row: int
    most_ms: int
    most_row: int
    behind: At
    too_late: int = 0

    def with_more(self, more: Overridden) -> Overridden:
        """With further rows of the same file."""
        worst = more if more.most_ms > self.most_ms else self
        first_row, too_late = min(self.first_row, more.first_row), self.too_late + more.too_late
        return replace(worst, rows=self.rows + more.rows, first_row=first_row, too_late=too_late)


@dataclass(frozen=True, slots=True)
class Jump:
    """The longest time without any arrival: from one row to the next."""

    before: At
    after: At

    @property
    def ahead_ms(self) -> int:
        """How far the clock went ahead at once."""
        return self.after.arrival_ms - self.before.arrival_ms

    def __str__(self) -> str:
        file = self.after.file
        after, before = self.after.describe(file), self.before.describe(file)
        return f"{file}: {after} arrives {_duration(self.ahead_ms)} after {before}"


class Owed:
    """About how many confirmations a site's people owe between two instants."""

    def __init__(self, site: Site) -> None:
        per_day: dict[str, int] = {}
        for policy in site.policies.all:
            for name, windows in policy.windows.items():
                per_day[name] = max(len(windows), per_day.get(name, 0))
        self._per_day = np.array([per_day[name] for name in cells_of(site.people, "class_name")], np.float64)
        self._from_ms = np.array(cells_of(site.people, "valid_from_ms"), np.int64)
        self._to_ms = np.array(cells_of(site.people, "valid_to_ms"), np.int64)

    def between(self, from_ms: int, to_ms: int) -> int:
        """All windows of the class of everybody supervised then."""
        held_ms = np.minimum(self._to_ms, to_ms) - np.maximum(self._from_ms, from_ms)
        return int((np.maximum(held_ms, 0) / _DAY_MS * self._per_day).sum())


class ArrivalOrder:
    """What the running maximum of arrivals does to the rows of a replay, observed batch by batch.

    ``files`` and ``jump`` are what it found so far.
    """

    def __init__(self, site: Site, until_ms: int | None, *, accept_jump: bool) -> None:
        self.files: dict[str, Overridden] = {}
        self.jump: Jump | None = None
        self._owed = Owed(site)
        self._horizon_ms = max(policy.backfill_horizon_ms for policy in site.policies.all)
        self._until_ms = until_ms
        self._accept_jump = accept_jump
        self._holder: At | None = None  # the row that the clock stands at

    def observe(self, batch: RawBatch, reason: NDArray[np.int8], arrival_ms: Ints) -> None:
        """A batch with its final reasons and effective arrivals.

        Raises InputError at a jump over which a million confirmations would count as missed, unless
        it was said that jumps are meant.
        """
        rows = batch.rows
        own_ms = np.where(rows.given_arrival_ms == BEGIN_MS, rows.event_ms, rows.given_arrival_ms)
        lost = (reason == TOO_LATE) & (own_ms < arrival_ms) & (rows.event_ms >= own_ms - self._horizon_ms)
        places = np.flatnonzero((reason == USABLE) | lost)
        if not len(places):
            return
        stretch = _Stretch(batch, places, arrival_ms[places], self._holder)
        self._look_for_jump(stretch)
        behind_ms = arrival_ms[places] - own_ms[places]
        for file in np.unique(batch.file[places[behind_ms > 0]]).tolist():
            mine = np.flatnonzero((behind_ms > 0) & (batch.file[places] == file))
            self._override(batch, stretch, mine, behind_ms[mine], int(lost[places[mine]].sum()))
        self._holder = stretch.holder(len(places) - 1)

    def _look_for_jump(self, stretch: _Stretch) -> None:
        most = int(np.argmax(stretch.ahead_ms))
        if stretch.ahead_ms[most] <= (0 if self.jump is None else self.jump.ahead_ms):
            return
        before = stretch.holder(most - 1)
        if before is None:
            return
        self.jump = jump = Jump(before, stretch.at(most))
        end_ms = jump.after.arrival_ms
        end_ms = end_ms if self._until_ms is None else min(end_ms, self._until_ms)
        missed = self._owed.between(before.arrival_ms, end_ms)
        if missed > MISSED_MOST and not self._accept_jump:
            raise InputError(
                f"{jump}; about {missed:,} confirmations would count as missed in between; expected true "
                "times of arrival, or --accept-jump to go on"
            )

    def _override(self, batch: RawBatch, stretch: _Stretch, mine: Ints, behind_ms: Ints, lost: int) -> None:
        """Rows of one file, by their numbers in the stretch."""
        most, rows = int(np.argmax(behind_ms)), batch.row[stretch.places[mine]]
        behind = stretch.holder(int(mine[most]))
        assert behind is not None, "the clock stands where a row put it"
        found = Overridden(len(mine), int(rows.min()), int(behind_ms[most]), int(rows[most]), behind, lost)
        name = batch.names[batch.file[stretch.places[mine[0]]]]
        known = self.files.get(name)
        self.files[name] = found if known is None else known.with_more(found)


class _Stretch:
    """The rows of a batch that the clock may go by, in merged order, and which of them moved it."""

    def __init__(self, batch: RawBatch, places: Ints, arrival_ms: Ints, before: At | None) -> None:
        self.places = places
        self._batch, self._arrival_ms, self._before = batch, arrival_ms, before
        begin_ms = int(arrival_ms[0]) - 1 if before is None else before.arrival_ms
        moves = np.diff(arrival_ms, prepend=begin_ms) > 0
        self._holder = np.maximum.accumulate(np.where(moves, np.arange(len(places)), -1))
        self.ahead_ms = np.diff(arrival_ms, prepend=begin_ms)

    def at(self, number: int) -> At:
        """A row of the stretch."""
        place = int(self.places[number])
        name = self._batch.names[self._batch.file[place]]
        return At(name, int(self._batch.row[place]), int(self._arrival_ms[number]))

    def holder(self, number: int) -> At | None:
        """The row that the clock stands at after a row of the stretch (-1: before all of them)."""
        held = -1 if number < 0 else int(self._holder[number])
        return self._before if held < 0 else self.at(held)


def order_warnings(order: ArrivalOrder) -> list[str]:
    """A line per file whose rows are overridden, and one for a long time without any row."""
    lines = [_overridden(name, found) for name, found in sorted(order.files.items())]
    if order.jump is not None and order.jump.ahead_ms >= _LONG_MS:
        lines.append(f"{order.jump}; what falls silent or is owed in between counts as silent or missed")
    return lines


def _overridden(name: str, found: Overridden) -> str:
    lost = f"; {found.too_late:,} of them are too_late for it alone" if found.too_late else ""
    return (
        f"{name}: not in order of arrival: {found.rows:,} rows, the first of them row {found.first_row}, say "
        f"they arrived before a row ahead of them (row {found.most_row} by {_duration(found.most_ms)} before "
        f"{found.behind.describe(name)}); they count as arriving with it, so their devices may seem silent "
        f"and their fixes late{lost}"
    )


def _duration(ms: int) -> str:
    """``3 days 4 h``, ``4 h 5 min``, ``5 min 6 s`` or ``6.789 s``: two units at most."""
    if ms < 60_000:
        return f"{ms / 1000:g} s"
    units = (("days", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))
    for number, (unit, size) in enumerate(units):
        if ms >= size:
            large, rest = divmod(ms, size)
            small_unit, small = units[min(number + 1, 3)]
            more = f" {rest // small} {small_unit}" if rest >= small else ""
            return f"{large:,} {unit if large > 1 or unit != 'days' else 'day'}{more}"
    raise AssertionError(ms)
