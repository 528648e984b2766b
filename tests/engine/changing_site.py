"""How the site of a random world came to be what it is: one change after another, known before it counts.

A world has a site with all its versions. Here it is told as a story: every beginning and end of a row is
learnt of at some instant no later than itself, plans are made and undone, and a leave may be entered late.
Whoever judges by each site in turn must raise what whoever knew the last one all along raises.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from engine.random_world import LAT, LON, MINUTE_MS

from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.policies import LaterPolicy, Policies
from pipeline.sites.records import Binding, Leave, Person, Site

Row = TypeVar("Row")


_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Fact:
    """A row that is known from ``known_ms`` on, its end from ``end_known_ms``, and that may be undone."""

    row: Any
    known_ms: int
    end_known_ms: int
    undone_ms: int = END_MS

    def at(self, at_ms: int) -> Any | None:
        """The row as it is known at an instant."""
        if not self.known_ms <= at_ms < self.undone_ms:
            return None
        if self.end_known_ms <= at_ms or isinstance(self.row, LaterPolicy):
            return self.row
        return replace(self.row, valid_to_ms=END_MS)


@dataclass(frozen=True)
class _Teller:
    """Draws when facts are learnt of; ``start_ms`` is where the clock begins.

    Fixes are kept over ``horizon_ms``.
    """

    chance: random.Random
    start_ms: int
    horizon_ms: int


def story(seed: int, site: Site, start_ms: int, until_ms: int) -> list[tuple[int, Site]]:
    """Sites by the instant from which on they are known, the last of them the given one."""
    teller = _Teller(random.Random(f"story {seed}"), start_ms, site.policy.backfill_horizon_ms)
    facts = {
        "people": _versions(teller, site.people, "person_id"),
        "bindings": _versions(teller, site.bindings, "device_id"),
        "fences": _versions(teller, site.fences, "fence_id"),
        "leaves": [_leave(teller, leave) for leave in site.leaves],
    }
    named = {fence_id for leave in site.leaves for fence_id in leave.fence_ids}
    facts["fences"] = [
        replace(fact, known_ms=BEGIN_MS, end_known_ms=BEGIN_MS) if fact.row.fence_id in named else fact
        for fact in facts["fences"]
    ]
    facts["offices"] = _versions(teller, site.offices, "office_id")
    facts["later_policies"] = _policies(teller, site)
    facts["bindings"] += _undone_bindings(teller, site)
    facts["leaves"] += _undone_leaves(teller, site)
    known = sorted(
        {
            at_ms
            for table in facts.values()
            for fact in table
            for at_ms in (fact.known_ms, fact.end_known_ms, fact.undone_ms)
            if start_ms < at_ms <= until_ms
        }
    )
    return [(at_ms, _site_at(site, facts, at_ms)) for at_ms in (start_ms, *known)]


def _site_at(site: Site, facts: dict[str, list[Fact]], at_ms: int) -> Site:
    rows = {
        name: tuple(row for fact in table if (row := fact.at(at_ms)) is not None)
        for name, table in facts.items()
    }
    people = {row.person_id for row in rows["people"]}
    fences = {row.fence_id for row in rows["fences"]}
    rows["bindings"] = tuple(row for row in rows["bindings"] if row.person_id in people)
    rows["leaves"] = tuple(
        row for row in rows["leaves"] if row.person_id in people and fences.issuperset(row.fence_ids)
    )
    return replace(site, **cast(dict[str, Any], rows))


def _versions(teller: _Teller, rows: Sequence[Any], key: str) -> list[Fact]:
    """The rows of each id: where one follows another at once, both facts are learnt of together."""
    facts: list[Fact] = []
    ends: dict[tuple[str, int], int] = {}
    for row in sorted(rows, key=lambda row: row.valid_from_ms):
        name = getattr(row, key)
        known_ms = ends.get((name, row.valid_from_ms)) or _before(teller, row.valid_from_ms)
        end_known_ms = BEGIN_MS if row.valid_to_ms == END_MS else _before(teller, row.valid_to_ms)
        ends[name, row.valid_to_ms] = end_known_ms
        facts.append(Fact(row, known_ms, end_known_ms))
    return _consistent(facts, key)


def _policies(teller: _Teller, site: Site) -> list[Fact]:
    """Policies are learnt of before they begin; those that ask for more than is kept have always been."""
    facts: list[Fact] = []
    for later in sorted(site.later_policies, key=lambda later: later.valid_from_ms):
        known_ms = _before(teller, later.valid_from_ms)
        known = Policies(site.policy, [fact.row for fact in facts if fact.known_ms <= known_ms])
        reaches_ms = later.valid_from_ms - later.policy.backfill_horizon_ms
        is_kept = reaches_ms >= known.kept_from_ms(known_ms)
        if not is_kept or later.policy.allowed_lateness_ms > known.lateness_from_ms(known_ms):
            known_ms = BEGIN_MS
        facts.append(Fact(later, known_ms, BEGIN_MS))
    return facts


def _consistent(facts: list[Fact], key: str) -> list[Fact]:
    """A row's end is known as soon as any later version of its id is."""
    return [
        replace(
            fact,
            end_known_ms=min(
                [fact.end_known_ms]
                + [
                    other.known_ms
                    for other in facts
                    if getattr(other.row, key) == getattr(fact.row, key)
                    and other.row.valid_from_ms > fact.row.valid_from_ms
                ]
            ),
        )
        for fact in facts
    ]


def _before(teller: _Teller, at_ms: int) -> int:
    """When a fact of an instant is learnt of: then or some time before; BEGIN_MS where it always was."""
    if at_ms <= teller.start_ms or teller.chance.random() < 0.2:
        return BEGIN_MS
    early_ms = teller.chance.choice([0, 0, 0, 1, MINUTE_MS, 7 * MINUTE_MS, 40 * MINUTE_MS])
    return max(BEGIN_MS, at_ms - early_ms)


def _leave(teller: _Teller, leave: Leave) -> Fact:
    """Entered before it begins, or late: then approved no earlier than entered, and not of too long ago."""
    latest_ms = max(leave.valid_from_ms, leave.approved_at_ms)
    known_ms = BEGIN_MS
    if latest_ms > teller.start_ms and teller.chance.random() < 0.85:
        known_ms = latest_ms - teller.chance.choice([1, 1, MINUTE_MS, 20 * MINUTE_MS])
        # Of what began before the fixes that are kept nothing can be found: as if it had been known.
        if known_ms - max(leave.valid_from_ms, teller.start_ms) > 0 and teller.horizon_ms < _DAY_MS:
            known_ms = BEGIN_MS
    return Fact(
        leave, known_ms, _before(teller, leave.valid_to_ms) if leave.valid_to_ms < END_MS else BEGIN_MS
    )


def _planned(teller: _Teller) -> tuple[int, int, int]:
    """When something that never came was planned, undone, and to begin."""
    begin_ms = teller.start_ms + teller.chance.randint(10, 170) * MINUTE_MS
    undone_ms = begin_ms - teller.chance.choice([1, MINUTE_MS, 8 * MINUTE_MS])
    return undone_ms - teller.chance.choice([MINUTE_MS, 30 * MINUTE_MS]), undone_ms, begin_ms


def _undone_bindings(teller: _Teller, site: Site) -> list[Fact]:
    """Devices never given to anybody after all: of a number of their own, so that nothing overlaps."""
    if teller.chance.random() < 0.5:
        return []
    known_ms, undone_ms, begin_ms = _planned(teller)
    person: Person = teller.chance.choice(site.people)
    row = Binding("D99", person.person_id, "phone", begin_ms, END_MS)
    return [Fact(row, known_ms, BEGIN_MS, undone_ms)]


def _undone_leaves(teller: _Teller, site: Site) -> list[Fact]:
    if teller.chance.random() < 0.5:
        return []
    known_ms, undone_ms, begin_ms = _planned(teller)
    person: Person = teller.chance.choice(site.people)
    row = Leave(
        "L99", person.person_id, begin_ms, END_MS, "work", "travel", (), LON, LAT, 900.0,
        teller.chance.choice([BEGIN_MS, begin_ms, begin_ms + MINUTE_MS]),
    )  # fmt: skip
    return [Fact(row, known_ms, BEGIN_MS, undone_ms)]
