"""One shard's people and devices as columns: who is supervised, bound and of which class when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.intervals import interval_at, ranges, starts_of_runs
from pipeline.sites.policy import DEVICE_KINDS
from pipeline.sites.records import Binding, Person
from pipeline.stream.division import Division

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Rising disjoint intervals per owner, owner ``o`` at ``first[o] .. first[o + 1]``."""

    first: Ints
    owner: Ints
    from_ms: Ints
    to_ms: Ints

    def at(self, owner: Ints, at_ms: Ints) -> Ints:
        """Interval numbers holding these instants, -1 where none; shape (n,)."""
        return interval_at(self.first, self.from_ms, self.to_ms, owner, at_ms)

    def one_at(self, owner: int, at_ms: int) -> int:
        """``at`` for a single owner and instant."""
        low, high = self.first[owner], self.first[owner + 1]
        number = int(low + np.searchsorted(self.from_ms[low:high], at_ms, "right")) - 1
        return number if number >= low and at_ms < self.to_ms[number] else -1

    def of(self, owner: int) -> list[tuple[int, int]]:
        """All intervals of one owner."""
        part = slice(self.first[owner], self.first[owner + 1])
        return list(zip(self.from_ms[part].tolist(), self.to_ms[part].tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class SubjectTable:
    """The people of one shard (numbered within it) and the devices of the whole site.

    ``rows`` are the people's rows by person, with class and office; ``supervision`` the merged
    intervals by person; ``bindings`` the merged intervals by device, each of one person;
    ``kinds`` the device rows by binding; ``episodes`` where a binding is supervised, by device.
    """

    person_ids: list[str]
    device_ids: list[str]
    rows: Spans
    row_office: list[str]
    row_class: list[str]
    supervision: Spans
    bindings: Spans
    binding_person: Ints
    kinds: Spans
    kind: NDArray[np.int8]
    episodes: Spans
    episode_binding: Ints

    def office_at(self, person: int, at_ms: int) -> str:
        """The office of the row valid then, else of the last row before (an end exactly then)."""
        low, high = int(self.rows.first[person]), int(self.rows.first[person + 1])
        number = low + int(np.searchsorted(self.rows.from_ms[low:high], at_ms, "right")) - 1
        return self.row_office[max(number, low)]

    def kind_at(self, binding: Ints, at_ms: Ints) -> NDArray[np.int8]:
        """Device kind codes of the binding rows valid at these instants; shape (n,)."""
        return self.kind[self.kinds.at(binding, at_ms)]

    def ends_of(self, binding: int) -> list[int]:
        """When supervision under this binding ends, rising."""
        device = int(self.bindings.owner[binding])
        part = range(int(self.episodes.first[device]), int(self.episodes.first[device + 1]))
        return [int(self.episodes.to_ms[e]) for e in part if self.episode_binding[e] == binding]


def build_subject_table(division: Division, shard: int) -> SubjectTable:
    """The people of one shard and everything that is about them."""
    people, bound = division.people[shard], division.bindings[shard]
    person_ids = list(dict.fromkeys(row.person_id for row in people))
    person = {person_id: number for number, person_id in enumerate(person_ids)}
    row_person, row_from, row_to = _columns(people, [person[row.person_id] for row in people])
    order = np.lexsort((row_from, row_person))
    rows = _spans(row_person[order], row_from[order], row_to[order], len(person))
    supervision, _ = _joined(rows.owner, rows.from_ms, rows.to_ms, rows.owner, len(person))
    bindings, binding_person, kinds, kind = _bindings(division, bound, person)
    episodes, episode_binding = _episodes(bindings, binding_person, supervision)
    return SubjectTable(
        person_ids=person_ids,
        device_ids=division.device_ids,
        rows=rows,
        row_office=[people[number].office_id for number in order.tolist()],
        row_class=[people[number].class_name for number in order.tolist()],
        supervision=supervision,
        bindings=bindings,
        binding_person=binding_person,
        kinds=kinds,
        kind=kind,
        episodes=episodes,
        episode_binding=episode_binding,
    )


def _columns(rows: Sequence[Person] | Sequence[Binding], owner: list[int]) -> tuple[Ints, Ints, Ints]:
    from_ms = np.array([row.valid_from_ms for row in rows], np.int64)
    return np.array(owner, np.int64), from_ms, np.array([row.valid_to_ms for row in rows], np.int64)


def _spans(owner: Ints, from_ms: Ints, to_ms: Ints, owners: int) -> Spans:
    return Spans(starts_of_runs(owner, owners), owner, from_ms, to_ms)


def _joined(owner: Ints, from_ms: Ints, to_ms: Ints, same: Ints, owners: int) -> tuple[Spans, Ints]:
    """Rows sorted by owner and start, those that adjoin and are of the ``same`` made one.

    Also gives the first row of each. Rows of one owner do not overlap: a site's check forbids it.
    """
    fresh = np.ones(len(owner), np.bool_)
    fresh[1:] = (owner[1:] != owner[:-1]) | (same[1:] != same[:-1]) | (from_ms[1:] > to_ms[:-1])
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(owner)) - 1 if len(first) else first
    return _spans(owner[first], from_ms[first], to_ms[last], owners), first


def _bindings(
    division: Division, rows: Sequence[Binding], person: dict[str, int]
) -> tuple[Spans, Ints, Spans, NDArray[np.int8]]:
    device, from_ms, to_ms = _columns(rows, [division.device_number[row.device_id] for row in rows])
    order = np.lexsort((from_ms, device))
    who = np.array([person[row.person_id] for row in rows], np.int64)[order]
    kind = np.array([DEVICE_KINDS.index(row.kind) for row in rows], np.int8)[order]
    device, from_ms, to_ms = device[order], from_ms[order], to_ms[order]
    bindings, first = _joined(device, from_ms, to_ms, who, len(division.device_ids))
    binding_of_row = np.searchsorted(first, np.arange(len(device)), "right") - 1
    return bindings, who[first], _spans(binding_of_row, from_ms, to_ms, len(first)), kind


def _episodes(bindings: Spans, binding_person: Ints, supervision: Spans) -> tuple[Spans, Ints]:
    first = supervision.first
    binding, span = ranges(first[binding_person], first[binding_person + 1])
    low = np.maximum(bindings.from_ms[binding], supervision.from_ms[span])
    high = np.minimum(bindings.to_ms[binding], supervision.to_ms[span])
    some = low < high
    binding = binding[some]
    return _spans(bindings.owner[binding], low[some], high[some], len(bindings.first) - 1), binding
