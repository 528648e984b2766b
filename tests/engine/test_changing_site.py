"""A site that changes while it is judged by raises what its last form, all versions included, raises.

One seed is one world; ``FENCEWATCH_SEEDS=2000`` with ``-m "soak or not soak"`` makes it so many.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from engine.changing_site import story
from engine.dated_world import dated
from engine.engine_run import ALL, EngineRun, to_batch
from engine.harsh_world import harsh_world
from engine.random_world import World, random_world
from engine.resting_world import orderly, resting
from engine.site_changes import change_between
from seeds import seeds

from geofences.instant import END_MS
from pipeline.engine.boundary import fix_log
from pipeline.engine.compiled_site import CompiledSite
from pipeline.reference import judge
from pipeline.sites.records import Site
from pipeline.stream.division import divide
from sinks.alert import Alert, alert_line

_COUNT = int(os.environ.get("FENCEWATCH_SEEDS", "40"))
SEEDS = seeds(_COUNT, short=8)
#: Of worlds that take seconds each.
HARSH_SEEDS = seeds(_COUNT, short=(0, 2, 4, 9, 10))
RESTING_SEEDS = seeds(max(1, _COUNT // 3), short=(0, 1))
LONG_SEEDS = seeds(max(1, _COUNT // 2), short=(2, 3))


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fix_log, "_FORGET_FROM", 20)


def without_foreign_fixes(world: World) -> World:
    """Without rows that a change, which comes behind them, would have to give to somebody else.

    Such are fixes of fast clocks that are dated past a beginning or an end of whose they are, and rows that
    arrive in its very millisecond: they stay whose they were, and are taken by the policy before
    (docs/semantics.md).
    """
    begins = {later.valid_from_ms for later in world.site.later_policies}
    spans = [(row.valid_from_ms, row.valid_to_ms) for row in world.site.people]
    spans += [(row.valid_from_ms, row.valid_to_ms) for row in world.site.bindings]
    turns = {at_ms for span in spans for at_ms in span}
    rows = [
        row
        for row in world.rows
        if row.arrival_ms not in begins
        and not any(row.arrival_ms <= turn_ms <= max(row.arrival_ms, row.event_ms) for turn_ms in turns)
    ]
    return replace(world, rows=rows)


def alerts_of_changes(
    world: World,
    changes: Sequence[tuple[int, Site]],
    *,
    size: int,
    shards: int,
    renew: bool,
    splice: bool = True,
) -> list[Alert]:
    """The world's rows judged by each site in turn; with ``renew`` in new shards after each batch.

    A change is spliced into what is there where that can be, else (and without ``splice``) all is compiled.
    """
    until_ms = world.rows[-1].arrival_ms if world.until_ms is None else world.until_ms
    rows = [row for row in world.rows if row.arrival_ms <= until_ms]
    device_ids = divide(world.site, 1).device_ids
    whole = to_batch(world.site, rows)
    start_ms = rows[0].arrival_ms
    first = max(number for number, (at_ms, _) in enumerate(changes) if number == 0 or at_ms < start_ms)
    before, compiled = changes[first][1], CompiledSite.of(changes[first][1], shards, device_ids)
    run = EngineRun(compiled, start_ms)
    place = 0
    for (at_ms, site), (next_ms, _) in zip(
        changes[first:], [*changes[first + 1 :], (END_MS, world.site)], strict=True
    ):
        if at_ms > start_ms or place:
            if at_ms > until_ms:
                break
            is_small = (before.offices, before.later_policies) == (site.offices, site.later_policies)
            spliced = compiled.changed(change_between(before, site)) if splice and is_small else None
            before, compiled = site, spliced or CompiledSite.of(site, shards, device_ids)
            run.change(compiled, at_ms, site)
            if renew:  # as after a kill: what was spliced is compiled whole
                run.renew()
                compiled = run.compiled
        end = next((n for n, row in enumerate(rows) if row.arrival_ms > next_ms), len(rows))
        for begin, stop in pairwise([*range(place, end, size), end]):
            run.ingest(whole.select(slice(begin, stop)))
            if renew:
                run.renew()
        place = max(place, end)
    run.finish(until_ms)
    return run.ledger.alerts()


def assert_same(world: World, size: int, shards: int, renew: bool, splice: bool = True) -> int:
    """Whole lines, but for alerts that a change withdrew; returns how many those are."""
    until_ms = world.rows[-1].arrival_ms if world.until_ms is None else world.until_ms
    changes = story(world.seed, world.site, world.rows[0].arrival_ms, until_ms)
    expected = {alert_line(alert) for alert in judge(world.site, world.rows, world.until_ms)}
    found = alerts_of_changes(world, changes, size=size, shards=shards, renew=renew, splice=splice)
    moments = {at_ms for at_ms, _ in changes}
    undone = {alert_line(a) for a in found if a.withdrawn_ms in moments} - expected
    got = {alert_line(alert) for alert in found} - undone
    missing, extra = sorted(expected - got), sorted(got - expected)
    assert got == expected, (
        f"seed {world.seed}, {size} rows, {shards} shards, renewed {renew}, {len(changes)} changes: "
        f"missing {json.dumps([line.decode() for line in missing[:2]], indent=1)}, not expected {extra[:2]}"
    )
    return len(undone)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_site_that_changes_raises_what_its_last_form_raises(seed: int) -> None:
    world = without_foreign_fixes(random_world(seed))
    for size, shards, renew, splice in ((1, 1, False, True), (7, 8, True, True), (ALL, 1, False, False)):
        assert_same(world, size, shards, renew, splice)


@pytest.mark.parametrize("seed", HARSH_SEEDS)
def test_a_harsh_world_whose_site_changes(seed: int) -> None:
    world = without_foreign_fixes(harsh_world(seed))
    for size, shards, renew, splice in ((7, 1, True, False), (7, 1, True, True), (ALL, 8, False, True)):
        assert_same(world, size, shards, renew, splice)


@pytest.mark.parametrize("seed", RESTING_SEEDS)
def test_people_who_stay_where_they_are_while_the_site_changes(seed: int) -> None:
    """With an open incident at rest, as most have for long, they are judged by the changed site too.

    Those whose fixes come in order are judged in columns until the change concerns them.
    """
    for make, lived in ((random_world, resting), (harsh_world, resting), (random_world, orderly)):
        world = without_foreign_fixes(lived(make(seed)))
        for size, shards, renew, splice in ((7, 1, True, True), (7, 8, True, False), (ALL, 1, False, True)):
            assert_same(world, size, shards, renew, splice)


@pytest.mark.parametrize("seed", LONG_SEEDS)
def test_policies_and_offices_that_change_while_all_is_judged(seed: int) -> None:
    world = without_foreign_fixes(dated(random_world(seed)))
    for size, shards, renew in ((1, 1, False), (7, 8, True)):
        assert_same(world, size, shards, renew)
    assert_same(without_foreign_fixes(dated(harsh_world(seed))), 7, 1, True)
