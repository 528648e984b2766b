"""Who is whose when, which fences are for whom, and where rows go: lookups against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from engine.engine_run import to_batch
from engine.harsh_world import harsh_world
from engine.random_world import World

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.subject_table import SubjectTable, build_subject_table
from pipeline.reference.subjects import Subjects as Plain
from pipeline.sites.policy import DEVICE_KINDS
from pipeline.sites.records import Site
from pipeline.stream.division import divide
from pipeline.stream.items import Accepted, Router


def instants(site: Site) -> list[int]:
    """A millisecond around every beginning and end."""
    edges = {ms for person in site.people for ms in (person.valid_from_ms, person.valid_to_ms)}
    edges |= {ms for bound in site.bindings for ms in (bound.valid_from_ms, bound.valid_to_ms)}
    edges -= {BEGIN_MS, END_MS}
    return sorted({ms + step for ms in edges or {0} for step in (-1, 0, 1)})


@pytest.mark.parametrize("seed", range(30))
def test_people_and_devices_at_every_instant(seed: int) -> None:
    site = harsh_world(seed).site
    subjects, plain = build_subject_table(divide(site, 1), 0), Plain(site)
    for at_ms in instants(site):
        for person, person_id in enumerate(subjects.person_ids):
            row, known = subjects.rows.one_at(person, at_ms), plain.person_at(person_id, at_ms)
            assert (row < 0) == (known is None)
            assert subjects.rows.at(np.array([person]), np.array([at_ms])).tolist() == [row]
            if known is not None:
                assert (subjects.row_office[row], subjects.row_class[row]) == (
                    known.office_id,
                    known.class_name,
                )
                assert subjects.office_at(person, at_ms) == plain.office_at(person_id, at_ms)
            supervised = any(spell.holds(at_ms) for spell in plain.supervision[person_id])
            assert (subjects.supervision.one_at(person, at_ms) >= 0) == supervised
        for device, device_id in enumerate(subjects.device_ids):
            assert_bound(subjects, plain, device, device_id, at_ms)


def assert_bound(subjects: SubjectTable, plain: Plain, device: int, device_id: str, at_ms: int) -> None:
    binding, tie = subjects.bindings.one_at(device, at_ms), plain.tie_at(device_id, at_ms)
    episode = subjects.episodes.one_at(device, at_ms)
    if tie is None:
        assert (binding, episode) == (-1, -1)
        return
    span = int(subjects.bindings.from_ms[binding]), int(subjects.bindings.to_ms[binding])
    assert span == (tie.spell.from_ms, tie.spell.to_ms)
    assert subjects.person_ids[int(subjects.binding_person[binding])] == tie.person_id
    kind = subjects.kind_at(np.array([binding]), np.array([at_ms]))
    assert DEVICE_KINDS[int(kind[0])] == tie.kind_at(at_ms)
    assert (episode >= 0) == any(spell.holds(at_ms) for spell in plain.supervision[tie.person_id])
    assert episode < 0 or subjects.episode_binding[episode] == binding


@pytest.mark.parametrize("seed", range(30))
def test_fences_are_for_whom_their_selectors_name(seed: int) -> None:
    site = harsh_world(seed).site
    compiled = CompiledSite.of(site)
    subjects = build_subject_table(compiled.division, 0, compiled.fences.office_trees)
    plain = Plain(site)
    assignment = Assignment(site.leaves, compiled.fences.leave_places, compiled.fences, subjects)
    for row in range(len(subjects.rows.owner)):
        person_id = subjects.person_ids[int(subjects.rows.owner[row])]
        from_ms = int(subjects.rows.from_ms[row])
        person = plain.person_at(person_id, from_ms)
        assert person is not None
        meant = [n for n, f in enumerate(site.fences) if plain.labels(person, from_ms) & set(f.applies_to)]
        assert [n for n in range(len(site.fences)) if assignment.applies(n, row)] == meant
        assert assignment.keep_in.of(row) == [n for n in meant if site.fences[n].rule == "keep_in"]
        office, class_code = assignment.row_office[[row]], assignment.row_class[[row]]
        shared = np.flatnonzero(compiled.fences.shared)
        held = compiled.fences.reach.holds(shared, office.repeat(len(shared)), class_code.repeat(len(shared)))
        by_name = {n for n in meant if f"person:{person_id}" in site.fences[n].applies_to}
        zones = {n for n in meant if site.fences[n].rule == "keep_out"}
        assert set(shared[held].tolist()) | (by_name & zones) == zones
    for number, person_id in enumerate(subjects.person_ids):
        mine = [assignment.leaves[n].leave_id for n in assignment.leaves_of(number)]
        assert mine == [leave.leave_id for leave in site.leaves if leave.person_id == person_id]


def routed(world: World, shards: int) -> list[list[int]]:
    """Row numbers by shard, told by their arrival in the batch."""
    division = divide(world.site, shards)
    batch = to_batch(world.site, world.rows)
    batch.arrival_ms[:] = np.arange(len(batch))
    rows: list[list[int]] = [[] for _ in range(shards)]
    for item in Router(division).route(Accepted(batch, 0, None)):
        assert item.accepted.rows is not None
        rows[item.shard] = item.accepted.rows.arrival_ms.tolist()
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_rows_go_where_the_people_of_their_device_are(seed: int) -> None:
    world = harsh_world(seed)
    for shards in (1, 3, 8):
        division = divide(world.site, shards)
        home = {row.person_id: shard for shard, rows in enumerate(division.people) for row in rows}
        wanted: list[list[int]] = [[] for _ in range(shards)]
        for number, row in enumerate(world.rows):
            owners = {b.person_id for b in world.site.bindings if b.device_id == row.device_id}
            for shard in sorted({home[person_id] for person_id in owners}):
                wanted[shard].append(number)
        assert routed(world, shards) == wanted, f"{shards} shards, in order and none twice"


def test_the_clock_goes_to_every_shard() -> None:
    items = Router(divide(harsh_world(3).site, 8)).route(Accepted(None, 5, 77))
    assert [(item.shard, item.accepted.start_ms, item.accepted.past_ms) for item in items] == [
        (shard, 5, 77) for shard in range(8)
    ]
