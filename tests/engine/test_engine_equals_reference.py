"""The engine gives what the plain rules give, on random worlds, however the stream is cut and shared out.

One seed is one world; ``FENCEWATCH_SEEDS=2000`` with ``-m "soak or not soak"`` makes it so many.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest
import shapely
from engine.dated_world import dated
from engine.engine_run import ALL, engine_lines
from engine.harsh_world import harsh_world, quiet_world
from engine.random_world import LAT, LON, MINUTE_MS, START_MS, World, random_world
from engine.resting_world import orderly, resting
from hypothesis import given, settings
from hypothesis import strategies as st
from seeds import in_short, seeds

from geofences.area import Area
from geofences.fence import Fence
from geofences.holidays import load_builtin
from geofences.schedule import parse_schedule
from pipeline.engine.boundary import fix_log
from pipeline.engine.boundary.boundary_engine import BoundaryEngine
from pipeline.ping import PING, PingBatch
from pipeline.reference import ReferenceRow, judge
from pipeline.sites.policy import BoundaryRule, Policy
from pipeline.sites.records import Binding, Office, Person, Site
from sinks.alert import Alert, alert_line

_COUNT = int(os.environ.get("FENCEWATCH_SEEDS", "40"))
SEEDS = seeds(_COUNT)
#: Of worlds that take seconds each, and longer with the seeds that are left out here.
HARSH_SEEDS = seeds(_COUNT, short=5)
DATED_SEEDS = seeds(max(1, _COUNT // 2), short=(0, 3))
#: Most of these are judged in columns and taken over by trackers, and begun anew meanwhile.
ORDERLY_SEEDS = seeds(max(1, _COUNT), short=4)
RESTING_SEEDS = seeds(max(1, _COUNT * 6 // 10), short=8)
QUIET_SEEDS = seeds(int(os.environ.get("FENCEWATCH_SEEDS", "5")), short=(0, 2, 3))


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the log of fixes forget early: by itself it would not within worlds as small as these."""
    monkeypatch.setattr(fix_log, "_FORGET_FROM", 20)


def reference_lines(world: World) -> list[bytes]:
    return [alert_line(alert) for alert in judge(world.site, world.rows, world.until_ms)]


def assert_same(seed: int, got: list[bytes], expected: list[bytes], how: str) -> None:
    """As whole records; says what to run to see it again."""
    missing, extra = sorted(set(expected) - set(got)), sorted(set(got) - set(expected))
    assert got == expected, f"seed {seed}, {how}: missing {missing[:2]}, not expected {extra[:2]}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_in_batches_of_any_size_on_any_shards(seed: int) -> None:
    world = random_world(seed)
    expected = reference_lines(world)
    for size, shards in ((1, 1), (7, 8), (1_000, 8), (ALL, 1)):
        got = engine_lines(world.site, world.rows, world.until_ms, size=size, shards=shards)
        assert_same(seed, got, expected, f"batches of {size}, {shards} shards")


@pytest.mark.parametrize("seed", RESTING_SEEDS)
def test_people_who_stay_where_they_are(seed: int) -> None:
    """Most of their fixes are passed over, also where an incident is open."""
    for world in map(resting, (random_world(seed), harsh_world(seed), dated(random_world(seed)))):
        expected = reference_lines(world)
        for size, shards in ((1, 1), (7, 8), (50, 1), (ALL, 1)):
            got = engine_lines(world.site, world.rows, world.until_ms, size=size, shards=shards)
            assert_same(seed, got, expected, f"resting, batches of {size}, {shards} shards")


@pytest.mark.parametrize("seed", ORDERLY_SEEDS)
def test_people_whose_fixes_come_in_order(seed: int) -> None:
    """Judged in columns, but for the few fixes that are late and the moments at which scopes open and end."""
    for world in map(orderly, (random_world(seed), harsh_world(seed), dated(random_world(seed)))):
        expected = reference_lines(world)
        for size, shards, renew_every in ((1, 1, None), (7, 8, 1), (50, 1, 3), (ALL, 1, None)):
            got = engine_lines(
                world.site, world.rows, world.until_ms, size=size, shards=shards, renew_every=renew_every
            )
            assert_same(seed, got, expected, f"orderly, batches of {size}, renewed {renew_every}")


def test_many_of_them_are_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test before would show nothing."""
    met: Counter[str] = Counter()
    process = BoundaryEngine._process_by_one

    def counted(self: BoundaryEngine, fixes: PingBatch, binding: Any, row: Any) -> list[Alert]:
        met["fixes"] += len(fixes)
        met["at rest"] += int(np.count_nonzero(self._records["is_at_rest"][binding]))
        return process(self, fixes, binding, row)

    monkeypatch.setattr(BoundaryEngine, "_process_by_one", counted)
    for world in (resting(make(seed)) for seed in range(6) for make in (random_world, harsh_world)):
        engine_lines(world.site, world.rows, world.until_ms, size=50)
    assert met["at rest"] > 0.12 * met["fixes"]


@pytest.mark.parametrize("seed", HARSH_SEEDS)
def test_a_harsh_world_in_batches_of_any_size_on_any_shards(seed: int) -> None:
    world = harsh_world(seed)
    expected = reference_lines(world)
    for size, shards, renew_every in ((1, 1, None), (7, 8, 1), (ALL, 1, None)):
        got = engine_lines(
            world.site, world.rows, world.until_ms, size=size, shards=shards, renew_every=renew_every
        )
        assert_same(seed, got, expected, f"harsh, batches of {size}, {shards} shards, renewed {renew_every}")


@pytest.mark.parametrize("seed", QUIET_SEEDS)
def test_a_quiet_world_in_which_devices_are_followed_now_and_then(seed: int) -> None:
    world = quiet_world(seed)
    expected = reference_lines(world)
    for size in (2, ALL):
        got = engine_lines(world.site, world.rows, world.until_ms, size=size)
        assert_same(seed, got, expected, f"quiet, batches of {size}")


@pytest.mark.parametrize("seed", DATED_SEEDS)
def test_a_world_whose_policies_and_offices_change_by_date(seed: int) -> None:
    for world in (dated(random_world(seed)), dated(harsh_world(seed)), dated(quiet_world(seed))):
        expected = reference_lines(world)
        for size, shards, renew_every in ((1, 1, None), (7, 8, 1), (ALL, 1, None)):
            got = engine_lines(
                world.site, world.rows, world.until_ms, size=size, shards=shards, renew_every=renew_every
            )
            assert_same(seed, got, expected, f"dated, batches of {size}, {shards} shards")


#: Worlds that an earlier engine judged wrongly: openings before a fast clock's fixes, one fix reported twice.
ONCE_WRONG = in_short((1003, 1023, 1024, 1113, 1142, 1339, 1417, 5864), short=(1003, 1023, 1142, 1339))


@pytest.mark.parametrize("seed", ONCE_WRONG)
def test_a_world_once_judged_wrongly(seed: int) -> None:
    world = harsh_world(seed)
    expected = reference_lines(world)
    for size in (1, ALL):
        got = engine_lines(world.site, world.rows, world.until_ms, size=size, renew_every=1)
        assert_same(seed, got, expected, f"harsh, batches of {size}")


@pytest.mark.parametrize("size", [1, 2, ALL])
def test_an_opening_looks_at_a_fix_that_came_late(size: int) -> None:
    """Minutes 10 inside (closed), 20 and 22 unsure, 16 outside but late; the zone opens at 18."""
    zone = Fence(
        "Z", "Z", "keep_out", None, ("all",), Area(shapely.Point(LON, LAT), 300.0),
        schedule=parse_schedule(["Mo-Su 18:18-20:00"]),
    )  # fmt: skip
    policy = Policy(keep_out=BoundaryRule(0.0, 2, 0))
    office, person = Office("O", None, "O", "judicial_office"), Person("P", "P", "O", "lenient")
    site = Site(policy, (office,), (person,), (Binding("D", "P", "phone"),), (), (zone,), load_builtin())
    inside, unsure, outside = (LON, 5.0), (LON + 0.003, 50.0), (LON + 0.1, 5.0)
    made = [(10, 10, inside), (20, 20, unsure), (16, 21, outside), (22, 22, unsure), (23, 23, inside)]
    made += [(24, 24, inside)]
    rows = [
        ReferenceRow(
            PING, "D", START_MS + event * MINUTE_MS, START_MS + arrival * MINUTE_MS,
            lon=lon, lat=LAT, given_lon=lon, given_lat=LAT, accuracy_m=accuracy_m, source="gnss",
        )
        for event, arrival, (lon, accuracy_m) in made
    ]  # fmt: skip
    [alert] = judge(site, rows)
    assert (alert.onset_ms - START_MS) // MINUTE_MS == 23
    assert engine_lines(site, rows, None, size=size) == [alert_line(alert)]


@given(
    seed=st.integers(1_000, 9_999),
    cuts=st.lists(st.integers(1, 119), max_size=12),
    shards=st.sampled_from([1, 2, 3, 8]),
)
@settings(max_examples=25, derandomize=True, deadline=None)
def test_a_world_cut_anywhere(seed: int, cuts: list[int], shards: int) -> None:
    world = random_world(seed)
    got = engine_lines(world.site, world.rows, world.until_ms, cuts=cuts, shards=shards)
    assert_same(seed, got, reference_lines(world), f"cuts {cuts}, {shards} shards")


def test_the_worlds_have_all_of_it() -> None:
    """Equal answers prove little where nothing happens."""
    seen: Counter[str] = Counter()
    for seed in range(25):
        for world in (random_world(seed), harsh_world(seed)):
            for alert in judge(world.site, world.rows, world.until_ms):
                seen.update(_features(alert))
    wanted = {"boundary_violation", "zone_entry", "missed_confirmation", "silent_device", "retrospective"}
    wanted |= {"withdrawn", "authorised", "cleared", "open", "long", "late confirmation", "level 3"}
    assert {name for name in wanted if not seen[name]} == set()


def _features(alert: Alert) -> list[str]:
    found = {
        "retrospective": alert.retrospective,
        "withdrawn": alert.withdrawn_ms is not None,
        "authorised": alert.authorised_by is not None,
        "cleared": alert.cleared_ms is not None,
        "open": alert.cleared_ms is None,
        "long": len(alert.evidence) > 3,
        "level 3": alert.level == 3,
        "late confirmation": alert.kind == "missed_confirmation" and alert.cleared_ms is not None,
    }
    return [alert.kind, *(name for name, holds in found.items() if holds)]
