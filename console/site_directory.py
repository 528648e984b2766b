"""Who is supervised by which office, from the site: looked up by person, device, office and time."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
from functools import cached_property

from console.gazetteer import Gazetteer
from console.masking import NameMask
from pipeline.sites.offices import offices_above
from pipeline.sites.records import Binding, Leave, Office, Person, Site


class SiteDirectory:
    """The site's people, devices and offices as the console asks for them."""

    def __init__(self, site: Site, gazetteer: Gazetteer | None = None) -> None:
        self.gazetteer = Gazetteer() if gazetteer is None else gazetteer
        self.offices: dict[str, Office] = {office.office_id: office for office in site.offices}
        self.device_ids = tuple(sorted({binding.device_id for binding in site.bindings}))
        #: Of each office itself and all above it, nearest first.
        self.above = offices_above(list(site.offices))
        self._people: dict[str, list[Person]] = defaultdict(list)
        for person in sorted(site.people, key=lambda row: row.valid_from_ms):
            self._people[person.person_id].append(person)
        self._bindings: dict[str, list[Binding]] = defaultdict(list)
        self._bound: dict[str, list[Binding]] = defaultdict(list)
        for binding in sorted(site.bindings, key=lambda row: row.valid_from_ms):
            self._bindings[binding.device_id].append(binding)
            self._bound[binding.person_id].append(binding)
        self._leaves: dict[str, list[Leave]] = defaultdict(list)
        for leave in site.leaves:
            self._leaves[leave.person_id].append(leave)
        spans = [(row.valid_from_ms, row.valid_to_ms) for row in site.people]
        spans += [(row.valid_from_ms, row.valid_to_ms) for row in site.bindings]
        self._turns = sorted({ms for span in spans for ms in span})

    def turns_between(self, after_ms: int, to_ms: int) -> bool:
        """Whether any supervision or binding begins or ends after the one instant and up to the other."""
        return bisect_right(self._turns, after_ms) < bisect_right(self._turns, to_ms)

    def within(self, office_id: str) -> frozenset[str]:
        """An office and all below it."""
        below = (name for name, chain in self.above.items() if office_id in chain)
        return frozenset([office_id, *below])

    def person(self, person_id: str, at_ms: int) -> Person | None:
        """A person's row at a time, else the last before it, else the first; None for a stranger."""
        rows = self._people.get(person_id)
        if not rows:
            return None
        begun = [row for row in rows if row.valid_from_ms <= at_ms]
        return begun[-1] if begun else rows[0]

    def named(self, text: str, offices: Collection[str]) -> list[str]:
        """The people of these offices, in any of their rows, whose name has a text in it."""
        wanted = text.casefold()
        return [
            person_id
            for person_id, rows in self._people.items()
            if any(row.office_id in offices and wanted in row.name.casefold() for row in rows)
        ]

    def is_supervised(self, person_id: str, at_ms: int) -> bool:
        """Whether a person is under supervision at a time."""
        return any(row.valid_from_ms <= at_ms < row.valid_to_ms for row in self._people.get(person_id, ()))

    def bound_to(self, device_id: str, at_ms: int) -> str | None:
        """Whose a device is at a time."""
        for row in self._bindings.get(device_id, ()):
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
        bound = self._bound.get(person_id, ())
        return sorted(
            (row for row in bound if (is_upcoming or row.valid_from_ms <= at_ms) and at_ms < row.valid_to_ms),
            key=lambda row: (row.device_id, row.valid_from_ms),
        )

    def leaves_of(self, person_id: str) -> list[Leave]:
        """All leaves of a person."""
        return list(self._leaves.get(person_id, ()))

    def device_kind(self, device_id: str | None, at_ms: int) -> str | None:
        """What a device was at a time, else before it, else when it was first bound; None for none."""
        rows = [] if device_id is None else self._bindings.get(device_id, [])
        begun = [row for row in rows if row.valid_from_ms <= at_ms]
        return next((row.kind for row in (*begun[::-1], *rows)), None)

    @cached_property
    def mask(self) -> NameMask:
        """Makes the names of everybody who is or was in the site unreadable in text."""
        return NameMask({row.name for rows in self._people.values() for row in rows})

    def is_seen_by(self, offices: frozenset[str], person_id: str, at_ms: int) -> bool:
        """Whether a person's whereabouts of a time are these offices': not where they were another's."""
        rows = [
            row for row in self._people.get(person_id, ()) if row.valid_from_ms <= at_ms < row.valid_to_ms
        ]
        return not rows or any(row.office_id in offices for row in rows)

    def spans_within(self, offices: frozenset[str], person_id: str, now_ms: int) -> list[tuple[int, int]]:
        """When a person was these offices', up to now and in order; adjoining times are one."""
        spans: list[tuple[int, int]] = []
        for row in self._people.get(person_id, ()):
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
