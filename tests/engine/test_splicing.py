"""Tables that changes were spliced into say the same as tables that are compiled of the site whole.

Asked for every person and device at instants at which something begins or ends, and for places.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from engine.changing_site import story
from engine.harsh_world import harsh_world
from engine.random_world import World, random_world
from engine.site_changes import change_between

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.grafting import graft
from pipeline.engine.names import Names, name_columns
from pipeline.engine.subject_table import build_subject_table
from pipeline.sites.records import Binding, Site
from pipeline.stream.division import divide

#: So many of the instants at which anything begins or ends, and of those right before, are asked for.
INSTANTS = 24
SHARDS = 3


class Spliced:
    """The tables of all shards, which changes are spliced into."""

    def __init__(self, site: Site, device_ids: Sequence[str]) -> None:
        self.compiled = CompiledSite.of(site, SHARDS, device_ids)
        self.shards = [assignment_of(self.compiled, shard) for shard in range(SHARDS)]
        self.names = [Names.of(shard) for shard in self.shards]
        self._site = site

    def change(self, site: Site) -> bool:
        """Makes the change to another site; False where it has to be compiled whole."""
        made = self.compiled.changed(change_between(self._site, site))
        if made is None:
            return False
        self.compiled, self._site = made, site
        for number, (shard, names) in enumerate(zip(self.shards, self.names, strict=True)):
            grafted = graft(shard, made, number)
            if grafted is not None:
                names.extend(grafted.names)
        return True


def assignment_of(compiled: CompiledSite, shard: int) -> Assignment:
    subjects = build_subject_table(compiled.division, shard)
    return Assignment(compiled.site.leaves, compiled.fences.leave_places, compiled.fences, subjects)


def instants_of(site: Site) -> list[int]:
    rows: tuple[Any, ...] = (*site.people, *site.bindings, *site.fences, *site.leaves)
    ends = {ms for row in rows for ms in (row.valid_from_ms, row.valid_to_ms) if BEGIN_MS < ms < END_MS}
    return sorted({ms + step for ms in ends for step in (-1, 0)})


class Told:
    """What the tables of a shard say, by names."""

    def __init__(self, assignment: Assignment, instants: Sequence[int], spots: Sequence[tuple[float, float]]):
        self._a = assignment
        self._spots = spots
        compiled = assignment.compiled
        compiled.active_intervals.cover(min(instants), max(instants))
        subjects = assignment.subjects
        present = [name for name in subjects.person_ids if len(subjects.rows.of_owner(self._number(name)))]
        self.people = {name: [self._person(name, at_ms) for at_ms in instants] for name in present}
        self.devices = {
            name: [self._device(number, at_ms) for at_ms in instants]
            for number, name in enumerate(subjects.device_ids)
        }
        openings = compiled.active_intervals.openings(min(instants) - 1, max(instants))
        opened = {at_ms: compiled.there(fences).tolist() for at_ms, fences in openings.items()}
        self.openings = {at_ms: self._ids(fences) for at_ms, fences in opened.items() if fences}

    def _number(self, person_id: str) -> int:
        return self._a.subjects.person_number[person_id]

    def _ids(self, fences: Sequence[int]) -> list[tuple[str, int]]:
        found = [self._a.compiled.fence(number) for number in fences]
        return sorted((fence.fence_id, fence.valid_from_ms) for fence in found)

    def _person(self, person_id: str, at_ms: int) -> Any:
        a, s, person = self._a, self._a.subjects, self._number(person_id)
        row = s.rows.one_at(person, at_ms)
        if row < 0:
            return None
        active = [f for f in a.keep_in.of(row) if a.compiled.active_intervals.active_at(f, at_ms)]
        return (
            s.row_office[row], s.row_class[row], int(s.row_tree[row]), s.office_at(person, at_ms),
            s.supervision.one_at(person, at_ms) >= 0,
            self._ids(a.keep_in.of(row)), self._ids(a.keep_out.of(row)), self._ids(active),
            sorted(a.compiled.scopes[scope].name for scope in a.keep_in_scopes(person)),
            sorted(map(self._leave, a.leaves_of(person)), key=repr), self._places(person),
            [self._zones(row, lon, lat) for lon, lat in self._spots],
        )  # fmt: skip

    def _leave(self, number: int) -> Any:
        leave = self._a.leaves[number]
        places = self._a.leave_places[number]
        return leave, sorted((p.name, tuple(p.tolerances_m), self._distances(p.area)) for p in places)

    def _places(self, person: int) -> Any:
        a = self._a
        mine = range(int(a.place_first[person]), int(a.place_beyond[person]))
        columns = (a.place_from, a.place_to, a.place_approved, a.place_tolerance_m)
        return sorted(
            (*(np.asarray(c[n]).tolist() for c in columns), self._distances(int(a.place_area[n])))
            for n in mine
        )

    def _distances(self, area: int) -> tuple[float, ...]:
        lon, lat = (np.array(column) for column in zip(*self._spots, strict=True))
        return tuple(self._a.compiled.pack.exact(np.full(len(lon), area), lon, lat).tolist())

    def _zones(self, row: int, lon: float, lat: float) -> Any:
        a = self._a
        _, fences = a.compiled.zones_near(np.array([lon]), np.array([lat]), 1_000.0)
        rows = np.full(len(fences), row)
        return self._ids(
            fences[a.compiled.reach.holds(fences, a.row_office[rows], a.row_class[rows])].tolist()
        )

    def _device(self, device: int, at_ms: int) -> Any:
        s = self._a.subjects
        binding, episode = s.bindings.one_at(device, at_ms), s.episodes.one_at(device, at_ms)
        if binding < 0:
            return None
        kind = int(s.kind_at(np.array([binding]), np.array([at_ms]))[0])
        spans = s.bindings.from_ms, s.bindings.to_ms, s.episodes.from_ms, s.episodes.to_ms
        numbers = (binding, binding, episode, episode)
        assert s.bindings.owner[binding] == device
        return (
            s.person_ids[int(s.binding_person[binding])], kind, s.ends_of(binding),
            [int(span[n]) if n >= 0 else None for span, n in zip(spans, numbers, strict=True)],
            episode < 0 or s.episode_binding[episode] == binding,
        )  # fmt: skip


def check(world: World) -> int:
    """Compares after every change; returns how many of them were spliced."""
    first, last = world.rows[0].arrival_ms, world.rows[-1].arrival_ms
    chance = random.Random(world.seed)
    spots = chance.sample([row.position for row in world.rows if row.position is not None], 3)
    device_ids = divide(world.site, 1).device_ids
    sites = [site for _, site in story(world.seed, world.site, first, last)]
    spliced, count = Spliced(sites[0], device_ids), 0
    found = instants_of(world.site) or [first]
    instants = sorted(chance.sample(found, min(INSTANTS, len(found))))
    for site in sites[1:]:
        if not spliced.change(site):
            spliced = Spliced(site, device_ids)
            continue
        count += 1
        whole = CompiledSite.of(site, SHARDS, spliced.compiled.division.device_ids)
        for number, shard in enumerate(spliced.shards):
            told, wanted = (Told(of, instants, spots) for of in (shard, assignment_of(whole, number)))
            assert told.people == wanted.people, f"seed {world.seed}, change {count}, shard {number}"
            assert told.devices == wanted.devices, f"seed {world.seed}, change {count}, shard {number}"
            assert told.openings == wanted.openings, f"seed {world.seed}, change {count}, shard {number}"
            assert spliced.names[number] == Names.of(shard)
    return count


#: Worlds with many changes that can be spliced and that are quickly asked.
QUICK = [(random_world, 3), (harsh_world, 1), (harsh_world, 2), (harsh_world, 4)]


@pytest.mark.parametrize(("make", "seed"), QUICK)
def test_spliced_tables_say_what_tables_made_anew_say(make: Callable[[int], World], seed: int) -> None:
    assert check(make(seed)) > 5, "else the comparison compares little"


@pytest.mark.parametrize("seed", range(8))
def test_a_device_of_which_one_thing_is_another(seed: int) -> None:
    """Nearly all devices have one binding: it gets another person, kind, beginning or end, or stays."""
    dice, base = random.Random(seed), random_world(3).site
    row = replace(base.people[0], valid_from_ms=BEGIN_MS, valid_to_ms=END_MS)
    people = [replace(row, person_id=f"p{number}", name="") for number in range(9)]
    bindings = [Binding(f"d{number}", f"p{number}", "phone") for number in range(9)]
    site = replace(base, people=tuple(people), bindings=tuple(bindings), leaves=(), fences=())
    spliced = Spliced(site, [])
    for _ in range(30):
        at = dice.randrange(9)
        people[at] = replace(people[at], name=str(dice.random()), valid_to_ms=dice.choice((5, 20, END_MS)))
        bindings[at] = replace(bindings[at], **dice.choice(({"kind": dice.choice(("phone", "wristband"))},
            {"person_id": f"p{dice.randrange(9)}"}, {"valid_from_ms": dice.choice((BEGIN_MS, 3, 4))},
            {"valid_to_ms": dice.choice((10, 11, END_MS))}, {})))  # fmt: skip
        site = replace(site, people=tuple(people), bindings=tuple(bindings))
        assert spliced.change(site)
        whole = CompiledSite.of(site, SHARDS, spliced.compiled.division.device_ids)
        for number, shard in enumerate(spliced.shards):
            told, wanted = (
                Told(of, [0, 3, 4, 5, 9, 10, 15, 25], [(106.5, 29.5)])
                for of in (shard, assignment_of(whole, number))
            )
            assert (told.people, told.devices) == (wanted.people, wanted.devices)
            assert spliced.names[number] == Names.of(shard)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(40))
def test_spliced_tables_of_many_worlds(seed: int) -> None:
    check(random_world(seed))
    check(harsh_world(seed))


@pytest.mark.parametrize("seed", range(5))
def test_names_are_the_same_as_columns_and_one_by_one(seed: int) -> None:
    compiled = CompiledSite.of(harsh_world(seed).site, SHARDS)
    for number in range(SHARDS):
        shard = assignment_of(compiled, number)
        columns = name_columns(shard).rows_from(0)
        one_by_one = Names.of(shard).columns().rows_from(0)
        assert {name: cells.tolist() for name, cells in columns.items()} == {
            name: cells.tolist() for name, cells in one_by_one.items()
        }
        assert Names.of_columns(columns) == Names.of(shard)
