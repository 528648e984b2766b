"""Who is supervised by which office, from the site: looked up by person, device, office and time."""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from console.gazetteer import Gazetteer
from console.grouping import Groups, difference, grouped, regrouped
from console.masking import NameMask
from pipeline.sites.offices import offices_above
from pipeline.sites.records import Binding, Leave, Office, Person, Site


def _by_person(row: Person | Binding | Leave) -> str:
    return row.person_id


def _by_device(row: Binding) -> str:
    return row.device_id


def _turns(rows: Iterable[Person | Binding]) -> set[int]:
    return {ms for row in rows for ms in (row.valid_from_ms, row.valid_to_ms)}


class SiteDirectory:
    """The site's people, devices and offices as the console asks for them."""

    def __init__(
        self, site: Site, gazetteer: Gazetteer | None = None, before: SiteDirectory | None = None
    ) -> None:
        """``before`` is that of the site before a change: what did not change is taken from it."""
        self.site = site
        self.gazetteer = Gazetteer() if gazetteer is None else gazetteer
        self.offices: dict[str, Office] = {office.office_id: office for office in site.offices}
        #: Of each office itself and all above it, nearest first.
        self.above = offices_above(list(site.offices))
        self.previous = None if before is None else weakref.ref(before)
        self._people: Groups[Person]
        self._bindings: Groups[Binding]
        self._bound: Groups[Binding]
        self._leaves: Groups[Leave]
        if before is None:
            self._group(site)
        else:
            self._regroup(site, before)

    def _group(self, site: Site) -> None:
        self._people = grouped(site.people, _by_person)
        self._bindings = grouped(site.bindings, _by_device)
        self._bound = grouped(site.bindings, _by_person)
        self._leaves = grouped(site.leaves, _by_person)
        self._known_mask: NameMask | None = None
        self._unmasked: tuple[str, ...] = ()
        self.new_people: Sequence[Person] = site.people
        self.new_bindings: Sequence[Binding] = site.bindings
        self._turns = sorted(_turns(site.people) | _turns(site.bindings))

    def _regroup(self, site: Site, before: SiteDirectory) -> None:
        people = difference(before.site.people, site.people)
        bindings = difference(before.site.bindings, site.bindings)
        leaves = difference(before.site.leaves, site.leaves)
        self._people = regrouped(before._people, people, _by_person)
        self._bindings = regrouped(before._bindings, bindings, _by_device)
        self._bound = regrouped(before._bound, bindings, _by_person)
        self._leaves = regrouped(before._leaves, leaves, _by_person)
        self.new_people, self.new_bindings = people.new, bindings.new
        own = before.__dict__.get("mask")
        self._known_mask = before._known_mask if own is None else own
        self._unmasked = (*(before._unmasked if own is None else ()), *(row.name for row in people.new))
        # Turns that are none any more only have somebody look once too often.
        self._turns = sorted({*before._turns, *_turns(people.new), *_turns(bindings.new)})

    @property
    def device_ids(self) -> Collection[str]:
        """Every device that is or was anybody's."""
        return self._bindings.keys()

    def concerns(self, before: SiteDirectory, device_id: str, person_id: str) -> bool:
        """Whether a person or the binding of a device may be another than before the last change."""
        return self._bindings.get(device_id) is not before._bindings.get(device_id) or self._people.get(
            person_id
        ) is not before._people.get(person_id)

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
        rows = () if device_id is None else self._bindings.get(device_id, ())
        begun = [row for row in rows if row.valid_from_ms <= at_ms]
        return next((row.kind for row in (*begun[::-1], *rows)), None)

    @cached_property
    def mask(self) -> NameMask:
        """Makes the names of everybody who is or was in the site unreadable in text."""
        if self._known_mask is None:
            return NameMask({row.name for rows in self._people.values() for row in rows})
        return self._known_mask.also(self._unmasked)

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
