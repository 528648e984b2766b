"""A change of the site made in the tables of one shard, at the cost of whom it concerns.

What is about them is compiled as a small site of its own, by the code that compiles a whole one, and put in
the place of what the tables had. Numbers last: what is the same by its name keeps its number, what is new
gets one behind all others, and what is no more leaves its own unused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.assignment import Assignment
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.moved_columns import NewNumbers
from pipeline.engine.names import Names, names_of_bindings, names_of_episodes
from pipeline.engine.renumbering import Renumbering
from pipeline.engine.spans import Spans
from pipeline.engine.subject_table import SubjectTable, build_subject_table
from pipeline.sites.concerned_rows import ConcernedRows
from pipeline.sites.offices import OfficeTree
from pipeline.sites.records import Binding, Person
from pipeline.stream.division import Division, divided, shard_of_person

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How many numbers there are of everything."""

    people: int
    bindings: int
    episodes: int

    @classmethod
    def of(cls, subjects: SubjectTable) -> Counts:
        """Those of a table."""
        return cls(len(subjects.person_ids), len(subjects.binding_person), len(subjects.episode_binding))


@dataclass(slots=True, eq=False)
class Grafted:
    """What a graft made of the numbers of a table: those that are unused now, and those that it is about."""

    before: Counts
    people: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)
    gone_people: list[int] = field(default_factory=list)
    gone_bindings: list[int] = field(default_factory=list)
    gone_episodes: list[int] = field(default_factory=list)
    gone_leaves: list[int] = field(default_factory=list)
    new_rows: list[tuple[int, int]] = field(default_factory=list)

    def renumbering(self, scopes: int, leaves: tuple[int, int]) -> Renumbering:
        """Each number as it was, -1 where it is unused now; ``leaves``: how many there were, and are."""
        return Renumbering(
            people=NewNumbers.without(self.before.people, self.gone_people),
            bindings=NewNumbers.without(self.before.bindings, self.gone_bindings),
            episodes=NewNumbers.without(self.before.episodes, self.gone_episodes),
            scopes=range(scopes),
            leaves=NewNumbers.without(leaves[0], self.gone_leaves).to,
            new_leaves=list(range(*leaves)),
        )


class SubjectGraft:
    """A change in the people and devices of one shard of ``shards``."""

    def __init__(
        self,
        subjects: SubjectTable,
        rows: ConcernedRows,
        division: Division,
        number: int,
        shards: int,
        trees: Sequence[OfficeTree] = (),
    ) -> None:
        """``division`` numbers the devices, those that are new as well."""
        self.subjects = subjects
        self.done = Grafted(Counts.of(subjects))
        self._device_number = division.device_number

        mine = rows.by_shard(shards, shard_of_person)[number]
        # Who neither was nor is here may be named all the same.
        self.people = {name: of for name, of in mine.people.items() if of or name in subjects.person_number}
        for spans in (subjects.bindings, subjects.episodes):
            spans.make_room(len(division.device_ids))
        numbers = list(map(self._device_number.__getitem__, rows.devices))
        had = subjects.bindings.counts(numbers)
        self._devices = {
            name: mine.devices.get(name, [])
            for name, count in zip(rows.devices, had, strict=True)
            if count or name in mine.devices
        }
        self._bearers = mine.bearers
        self._trees = trees

    def __bool__(self) -> bool:
        return bool(self.people or self._devices)

    @cached_property
    def part(self) -> SubjectTable:
        """What the change is about, compiled as a small site of its own."""
        return build_subject_table(_part({**self._bearers, **self.people}, self._devices), 0, self._trees)

    def make(self) -> Grafted:
        """Makes the change."""
        local = self.part.person_number
        for name in self.people:
            self._graft_person(self._number_of(name), local.get(name))
        devices = np.array(list(map(self._device_number.__getitem__, self.part.device_ids)), np.int64)
        stay = self._are_as_they_were(devices).tolist()
        for place, device in enumerate(devices.tolist()):
            self.done.devices.append(device)
            if not stay[place]:
                self._graft_device(device, place)
        return self.done

    def _are_as_they_were(self, devices: Ints) -> Flags:
        """Which devices have the one binding that they had, with one row and one episode, shape (n,).

        Where fences change, that is nearly all of them.
        """
        old, new = self.subjects, self.part
        mine = np.arange(len(devices))
        bindings = old.bindings.singles(devices), new.bindings.singles(mine)
        episodes = old.episodes.singles(devices), new.episodes.singles(mine)
        known = np.array([old.person_number.get(name, -1) for name in new.person_ids], np.int64)
        same: Flags = np.ones(len(devices), np.bool_)
        for numbers in (*bindings, *episodes):
            same &= numbers >= 0
        (was, now), (ran, runs) = ((each[same] for each in of) for of in (bindings, episodes))
        kinds = old.kinds.singles(was), new.kinds.singles(now)
        same[same] = (
            _are_alike(old.bindings, was, new.bindings, now)
            & (old.binding_person[was] == known[new.binding_person[now]])
            & _are_alike(old.episodes, ran, new.episodes, runs)
            & (old.episode_binding[ran] == was)
            & (kinds[0] >= 0)
            & (kinds[1] >= 0)
            & _are_alike(old.kinds, kinds[0], new.kinds, kinds[1])
            & (old.kind[kinds[0]] == new.kind[kinds[1]])
        )
        return same

    def _number_of(self, person_id: str) -> int:
        subjects = self.subjects
        if person_id not in subjects.person_number:
            subjects.person_number[person_id] = len(subjects.person_ids)
            subjects.person_ids.append(person_id)
            for spans in (subjects.rows, subjects.supervision):
                spans.make_room(len(subjects.person_ids))
        return subjects.person_number[person_id]

    def _graft_person(self, person: int, local: int | None) -> None:
        subjects, part = self.subjects, self.part
        self.done.people.append(person)
        if local is None:
            self.done.gone_people.append(person)
            subjects.rows.give(person, [])
            subjects.supervision.give(person, [])
            return
        rows = subjects.rows.add(person, part.rows.of(local))
        subjects.rows.give(person, rows)
        for row, mine in zip(rows, part.rows.of_owner(local).tolist(), strict=True):
            subjects.add_row_of(part, mine)
            self.done.new_rows.append((row, mine))
        subjects.supervision.give(person, subjects.supervision.add(person, part.supervision.of(local)))

    def _graft_device(self, device: int, local: int) -> None:
        subjects, part = self.subjects, self.part
        old = subjects.bindings.of_owner(device).tolist()
        known = {(int(subjects.binding_person[b]), int(subjects.bindings.from_ms[b])): b for b in old}
        number: dict[int, int] = {}
        for mine in part.bindings.of_owner(local).tolist():
            person = subjects.person_number[part.person_ids[int(part.binding_person[mine])]]
            span = int(part.bindings.from_ms[mine]), int(part.bindings.to_ms[mine])
            binding = known.pop((person, span[0]), None)
            if binding is None:
                binding = subjects.add_binding(device, span, person)
            subjects.bindings.to_ms[binding] = span[1]
            subjects.set_kinds(binding, part, mine)
            number[mine] = binding
        subjects.bindings.give(device, list(number.values()))
        self.done.gone_bindings += _ended(subjects.bindings, known.values())
        self._graft_episodes(device, local, number)

    def _graft_episodes(self, device: int, local: int, number: Mapping[int, int]) -> None:
        subjects, part = self.subjects, self.part
        old = subjects.episodes.of_owner(device).tolist()
        known = {
            (int(subjects.binding_person[subjects.episode_binding[e]]), int(subjects.episodes.from_ms[e])): e
            for e in old
        }
        numbers = []
        for mine in part.episodes.of_owner(local).tolist():
            binding = number[int(part.episode_binding[mine])]
            span = int(part.episodes.from_ms[mine]), int(part.episodes.to_ms[mine])
            episode = known.pop((int(subjects.binding_person[binding]), span[0]), None)
            if episode is None:
                episode = subjects.add_episode(device, span, binding)
            subjects.episodes.to_ms[episode] = span[1]
            subjects.episode_binding[episode] = binding
            numbers.append(episode)
        subjects.episodes.give(device, numbers)
        self.done.gone_episodes += _ended(subjects.episodes, known.values())


def _are_alike(one: Spans, of_one: Ints, other: Spans, of_other: Ints) -> Flags:
    """Which intervals of two tables hold from the same instant until the same, shape (n,)."""
    alike: Flags = (one.from_ms[of_one] == other.from_ms[of_other]) & (
        one.to_ms[of_one] == other.to_ms[of_other]
    )
    return alike


def _ended(spans: Spans, numbers: Iterable[int]) -> list[int]:
    """Intervals that are no more hold nowhere."""
    gone = list(numbers)
    spans.to_ms[gone] = spans.from_ms[gone]
    return gone


def _part(people: Mapping[str, Sequence[Person]], devices: Mapping[str, Sequence[Binding]]) -> Division:
    """People and devices as if there were no others, all in one shard."""
    ids = list(devices)
    rows = [row for of_person in people.values() for row in of_person]
    bindings = [row for of_device in devices.values() for row in of_device]
    return divided(rows, bindings, 1, ids)


@dataclass(frozen=True, slots=True, eq=False)
class ShardGraft:
    """What a change made of a shard: its new numbers, devices and bindings that it concerns, new names."""

    numbers: Renumbering
    devices: Ints
    bindings: Ints
    names: Names


def graft(assignment: Assignment, compiled: CompiledSite, number: int) -> ShardGraft | None:
    """Makes the change by which a compiled site came of the one before; None where a shard has no part."""
    splice = compiled.splice
    assert splice is not None, "the site was compiled whole"
    subjects, known = assignment.subjects, assignment.compiled.scope_count
    assignment.compiled = compiled.fences
    division, trees = compiled.division, compiled.fences.office_trees
    subjects_graft = SubjectGraft(subjects, splice.rows, division, number, division.shards, trees)
    if not subjects_graft:
        return None
    done = subjects_graft.make()
    leaves = [leave for name in subjects_graft.people for leave in splice.rows.leaves.get(name, ())]
    places = [splice.leave_places[id(leave)] for leave in leaves]
    part = Assignment(leaves, places, compiled.fences, subjects_graft.part)
    leaf_count = len(assignment.leaves)
    assignment.take(part, done.new_rows)
    for name in subjects_graft.people:
        person = subjects.person_number[name]
        done.gone_leaves += assignment.take_leaves(person, part, subjects_graft.part.person_number.get(name))
    numbers = done.renumbering(known, (leaf_count, len(assignment.leaves)))
    before, now = done.before, Counts.of(subjects)
    names = Names([], [], [], [])
    names.people.extend((subjects.person_ids[n],) for n in range(before.people, now.people))
    names.bindings.extend(names_of_bindings(subjects, range(before.bindings, now.bindings)))
    names.episodes.extend(names_of_episodes(subjects, range(before.episodes, now.episodes)))
    names.leaves.extend((leave.leave_id, leave.valid_from_ms) for leave in assignment.leaves[leaf_count:])
    concerned = [subjects.bindings.of_owner(device) for device in done.devices]
    bindings = np.concatenate([np.empty(0, np.int64), *concerned])
    return ShardGraft(numbers, np.array(done.devices, np.int64), bindings, names)
