"""Who is supervised by which office, from the site: looked up by person, device, office and time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeVar

import numpy as np

from console.gazetteer import Gazetteer
from console.masking import KnownNames, NameMask
from console.offices_now import OfficesNow
from geofences.instant import END_MS
from pipeline.sites.records import Binding, Leave, Office, Person, Site
from pipeline.sites.row_columns import cells_of
from pipeline.sites.rows import Rows, as_rows

Row = TypeVar("Row", Person, Binding, Leave)

_BEGIN = attrgetter("valid_from_ms")


class Concerned(NamedTuple):
    """Whom a change of the site concerns: devices that are bound otherwise, and people with other rows."""

    devices: frozenset[str]
    people: frozenset[str]


class SiteDirectory:
    """The site's people, devices and offices as the console asks for them."""

    def __init__(
        self,
        site: Site,
        gazetteer: Gazetteer | None = None,
        before: SiteDirectory | None = None,
        at_ms: int = END_MS - 1,
    ) -> None:
        """``before`` is that of the site before a change: what did not change is taken from it.

        Offices stand above each other as they do at ``at_ms``.
        """
        self.site = site
        self.gazetteer = Gazetteer() if gazetteer is None else gazetteer
        known: OfficesNow | None = None if before is None else before.offices_now
        self.offices_now: OfficesNow = OfficesNow.following(known, site.offices, at_ms)
        self.offices: dict[str, Office] = self.offices_now.present
        #: Of each office itself and all above it, nearest first.
        self.above = self.offices_now.above
        self._people = as_rows(site.people, "person_id")
        self._bindings = as_rows(site.bindings, "device_id", "person_id")
        self._leaves = as_rows(site.leaves, "leave_id", "person_id")
        self._names: KnownNames = KnownNames() if before is None else before._names
        #: The rows that are new since ``before``; all of them where that was made of other files.
        self.new_people = _new_rows(self._people, None if before is None else before._people)
        self.new_bindings = _new_rows(self._bindings, None if before is None else before._bindings)
        if before is not None:
            self._names.learn(person.name for person in self.new_people)
            self._names.learn(person.name for person in _new_rows(before._people, self._people))
        turns = _turns(self.new_people) | _turns(self.new_bindings)
        # Turns that are none any more only have somebody look once too often.
        self._turns: list[int] = sorted(turns) if before is None else _with(before._turns, turns)

    def concerned_since(self, before: SiteDirectory) -> Concerned | None:
        """Whom the two tell otherwise; None where they were made of different files."""
        people, bindings = (
            self._people.moved_since(before._people),
            self._bindings.moved_since(before._bindings),
        )
        if people is None or bindings is None:
            return None
        rows = [row for _, *both in (*people, *bindings) for row in both if row is not None]
        return Concerned(
            frozenset(row.device_id for row in rows if isinstance(row, Binding)),
            frozenset(row.person_id for row in rows if isinstance(row, Person)),
        )

    def turns_between(self, after_ms: int, to_ms: int) -> bool:
        """Whether any supervision or binding begins or ends after the one instant and up to the other."""
        return bisect_right(self._turns, after_ms) < bisect_right(self._turns, to_ms)

    def within(self, office_id: str) -> frozenset[str]:
        """An office and all below it."""
        below = (name for name, chain in self.above.items() if office_id in chain)
        return frozenset([office_id, *below])

    def _of_person(self, person_id: str) -> list[Person]:
        return _in_order(self._people.about(person_id))

    def _of_device(self, device_id: str) -> list[Binding]:
        return _in_order(self._bindings.about(device_id))

    def person(self, person_id: str, at_ms: int) -> Person | None:
        """A person's row at a time, else the last before it, else the first; None for a stranger."""
        rows = self._of_person(person_id)
        if not rows:
            return None
        begun = [row for row in rows if row.valid_from_ms <= at_ms]
        return begun[-1] if begun else rows[0]

    def named(self, text: str, offices: Collection[str]) -> list[str]:
        """The people of these offices, in any of their rows, whose name has a text in it."""
        wanted = text.casefold()
        return list(
            dict.fromkeys(
                row.person_id
                for row in self._people
                if row.office_id in offices and wanted in row.name.casefold()
            )
        )

    def is_supervised(self, person_id: str, at_ms: int) -> bool:
        """Whether a person is under supervision at a time."""
        return any(row.valid_from_ms <= at_ms < row.valid_to_ms for row in self._of_person(person_id))

    def bound_to(self, device_id: str, at_ms: int) -> str | None:
        """Whose a device is at a time."""
        for row in self._of_device(device_id):
            if row.valid_from_ms <= at_ms < row.valid_to_ms:
                return row.person_id
        return None

    def bearer(self, device_id: str, person_id: str, at_ms: int) -> Person | None:
        """A person who carries a device at a time; None where it is not theirs or supervision is over."""
        if self.bound_to(device_id, at_ms) != person_id or not self.is_supervised(person_id, at_ms):
            return None
        return self.person(person_id, at_ms)

    def devices_of(self, person_id: str, at_ms: int, *, is_upcoming: bool = False) -> list[Binding]:
        """The devices that are a person's at a time, by id; also those that come to be it later."""
        bound = self._bindings.about(person_id, "person_id")
        return sorted(
            (row for row in bound if (is_upcoming or row.valid_from_ms <= at_ms) and at_ms < row.valid_to_ms),
            key=lambda row: (row.device_id, row.valid_from_ms),
        )

    def leaves_of(self, person_id: str) -> list[Leave]:
        """All leaves of a person."""
        return _in_order(self._leaves.about(person_id, "person_id"))

    def device_kind(self, device_id: str | None, at_ms: int) -> str | None:
        """What a device was at a time, else before it, else when it was first bound; None for none."""
        rows = () if device_id is None else self._of_device(device_id)
        begun = [row for row in rows if row.valid_from_ms <= at_ms]
        return next((row.kind for row in (*begun[::-1], *rows)), None)

    @property
    def mask(self) -> NameMask:
        """Makes the names of everybody who is or was in the site unreadable in text."""
        return self._names.mask(person.name for person in self._people)

    def is_seen_by(self, offices: frozenset[str], person_id: str, at_ms: int) -> bool:
        """Whether a person's whereabouts of a time are these offices': not where they were another's."""
        rows = [row for row in self._of_person(person_id) if row.valid_from_ms <= at_ms < row.valid_to_ms]
        return not rows or any(row.office_id in offices for row in rows)

    def spans_within(self, offices: frozenset[str], person_id: str, now_ms: int) -> list[tuple[int, int]]:
        """When a person was these offices', up to now and in order; adjoining times are one."""
        spans: list[tuple[int, int]] = []
        for row in self._of_person(person_id):
            if row.office_id not in offices or row.valid_from_ms > now_ms:
                continue
            if spans and spans[-1][1] == row.valid_from_ms:
                spans[-1] = (spans[-1][0], row.valid_to_ms)
            else:
                spans.append((row.valid_from_ms, row.valid_to_ms))
        return spans

    def name(self, person_id: str, at_ms: int) -> str | None:
        """What a person is called; None for a stranger."""
        row = self.person(person_id, at_ms)
        return None if row is None else row.name


def _in_order(rows: list[Row]) -> list[Row]:
    """Rows in the order in which they begin."""
    return rows if len(rows) < 2 else sorted(rows, key=_BEGIN)


def _new_rows(rows: Rows[Row], before: Rows[Row] | None) -> Sequence[Row]:
    """The rows that another table has not."""
    moved = None if before is None else rows.moved_since(before)
    return rows if moved is None else [now for _, _, now in moved if now is not None]


def _turns(rows: Sequence[Person] | Sequence[Binding]) -> set[int]:
    columns = (np.unique(cells_of(rows, name)) for name in ("valid_from_ms", "valid_to_ms"))
    return {ms for column in columns for ms in column.tolist()}


def _with(turns: list[int], more: Iterable[int]) -> list[int]:
    """Instants in order with some that are new."""
    known = turns
    for turn_ms in more:
        place = bisect_left(known, turn_ms)
        if place == len(known) or known[place] != turn_ms:
            known = known.copy() if known is turns else known
            known.insert(place, turn_ms)
    return known
