"""What is judged apart from all else: a keep_in group or a keep_out fence, for one person."""

from __future__ import annotations

from dataclasses import dataclass

from geofences.fence import Fence, Rule
from pipeline.reference.active import ActiveTimes
from pipeline.reference.row import END_RANK, OPENING_RANK
from pipeline.reference.subjects import Subjects, Tie
from pipeline.sites.records import Site


@dataclass(frozen=True, slots=True)
class Scope:
    """All fence versions of a group or keep_out fence that are for the person at some time."""

    rule: Rule
    name: str
    fences: tuple[Fence, ...]


def scopes_of(site: Site, subjects: Subjects, person_id: str) -> list[Scope]:
    """The groups and zones a person is ever judged by."""
    found: dict[tuple[Rule, str], list[Fence]] = {}
    for fence in site.fences:
        if any(is_for(fence, subjects.labels_ever(row)) for row in subjects.people[person_id]):
            name = fence.group or fence.fence_id if fence.rule == "keep_in" else fence.fence_id
            found.setdefault((fence.rule, name), []).append(fence)
    return [Scope(rule, name, tuple(fences)) for (rule, name), fences in found.items()]


def is_for(fence: Fence, labels: frozenset[str]) -> bool:
    return not labels.isdisjoint(fence.applies_to)


def own_fences(
    scope: Scope, subjects: Subjects, active: ActiveTimes, person_id: str, at_ms: int
) -> list[Fence]:
    """The scope's fences that are active and for the person at an instant; none: not judged."""
    row = subjects.person_at(person_id, at_ms)
    if row is None:
        return []
    labels = subjects.labels(row, at_ms)
    return [fence for fence in scope.fences if is_for(fence, labels) and active.holds(fence, at_ms)]


def moments(scope: Scope, subjects: Subjects, active: ActiveTimes, tie: Tie) -> list[tuple[int, int]]:
    """The scope's timeline for a binding: ascending (instant, END_RANK or OPENING_RANK).

    An opening is the start of any version that is then for the person. An end is the end of a
    version after which none for the person is active, of supervision or of the binding.
    """
    found = {(spell.to_ms, END_RANK) for spell in subjects.supervision[tie.person_id]}
    found.add((tie.spell.to_ms, END_RANK))
    for fence in scope.fences:
        for spell in active.spells(fence):
            own = own_fences(scope, subjects, active, tie.person_id, spell.from_ms)
            if fence in own and tie.spell.holds(spell.from_ms):
                found.add((spell.from_ms, OPENING_RANK))
            if not own_fences(scope, subjects, active, tie.person_id, spell.to_ms):
                found.add((spell.to_ms, END_RANK))
    return sorted(found)
