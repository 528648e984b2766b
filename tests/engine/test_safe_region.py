"""The fast path lets nothing pass that matters: bounds, screenings, safe distances beside exact sides."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from engine.harsh_world import harsh_world
from engine.random_world import MINUTE_MS, random_world
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.distance_screen import Candidates, DistanceScreen, Screening
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.incidents import Verdict
from pipeline.engine.boundary.open_scopes import OpenScopes
from pipeline.engine.boundary.safe_region import farthest_m
from pipeline.engine.boundary.side_classifier import SideClassifier
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.subject_table import build_subject_table
from pipeline.sites.records import Site

GEOD = Geod(ellps="WGS84")
STEP_DEG = 0.001
CANDIDATES = 80

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)


@given(longitudes, latitudes, longitudes, latitudes)
@settings(max_examples=50, derandomize=True, deadline=None)
def test_farthest_is_never_too_near(lon0: float, lat0: float, lon1: float, lat1: float) -> None:
    assert farthest_m(lon0, lat0, lon1, lat1) >= GEOD.inv(lon0, lat0, lon1, lat1)[2]


@given(longitudes, st.floats(-89.9, 89.9), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_farthest_is_not_much_too_far(lon: float, lat: float, east: float, north: float) -> None:
    """Near by it is within a hundredth or so, else safe distance would be wasted; also across 180 degrees."""
    lon1, lat1 = lon + east, max(-89.9, min(89.9, lat + north))
    lon1 = lon1 - 360 if lon1 > 180 else lon1 + 360 if lon1 < -180 else lon1
    exact_m = GEOD.inv(lon, lat, lon1, lat1)[2]
    if abs(lat) < 60:
        assert exact_m <= farthest_m(lon, lat, lon1, lat1) <= 1.015 * exact_m + 0.001


class Terrain:
    """One world's distance screen and classifier, and random candidates in it."""

    def __init__(self, seed: int) -> None:
        world = (random_world, harsh_world)[seed % 2](seed)
        self.site: Site = world.site
        compiled = CompiledSite.of(world.site)
        self.fences: CompiledFences = compiled.fences
        self.subjects = build_subject_table(compiled.division, 0)
        self.assignment = Assignment(world.site.leaves, self.fences.leave_places, self.fences, self.subjects)
        self.judge = SideClassifier(self.assignment)
        self.open_scopes = OpenScopes(CANDIDATES)
        self.screen = DistanceScreen(self.assignment, self.open_scopes)
        self.chance = random.Random(seed)
        self.spots = [row.position for row in world.rows if row.position is not None]
        self.times_ms = [row.event_ms for row in world.rows]
        self.fences.active_intervals.cover(
            min(self.times_ms) - 90 * MINUTE_MS, max(self.times_ms) + 90 * MINUTE_MS
        )
        self.least_m = min(world.site.policy.floor_m.values())

    def candidates(self) -> Candidates:
        """At people who are supervised, at instants that rows speak of, each of a binding of its own."""
        count = CANDIDATES
        rows: list[int] = []
        at_ms, late_ms, lon, lat, radius_m = [], [], [], [], []
        while len(rows) < count:
            when_ms = self.chance.choice(self.times_ms) + self.chance.choice([0, 0, -1, 1, 60_000])
            row = self.subjects.rows.one_at(self.chance.randrange(len(self.subjects.person_ids)), when_ms)
            if row < 0:
                count -= 1
                continue
            spot = self.chance.choice(self.spots)
            rows.append(row)
            at_ms.append(when_ms)
            late_ms.append(self.chance.choice([0, 0, 1_000, 600_000, -200_000]))
            lon.append(spot[0])
            lat.append(spot[1])
            radius_m.append(self.least_m + self.chance.choice([0.0, 0.0, 5.0, 150.0]))
        at = np.array(at_ms, np.int64)
        arrival = at + np.array(late_ms, np.int64)
        return Candidates(
            np.arange(len(rows)), np.array(rows, np.int64), at, arrival, np.array(lon), np.array(lat),
            np.array(radius_m),
        )  # fmt: skip

    def open_some(self, candidates: Candidates) -> None:
        """At rest are half of the scopes that see each on the wrong side, and now and then another."""
        for n in range(len(candidates.row)):
            wrong = sorted(self.scopes_that_mind(candidates, n))
            some = self.chance.sample(wrong, (len(wrong) + 1) // 2)
            if self.chance.random() < 0.2:
                some.append(self.chance.randrange(len(self.fences.scopes)))
            self.open_scopes.put(n, sorted({*some}))

    def scopes_that_mind(self, candidates: Candidates, n: int) -> set[int]:
        """Scopes for which a candidate changes something, by the exact classifier."""
        fix = Fix(
            (0, 0, 0.0, 0.0, 0, 0.0, False, b""), int(candidates.at_ms[n]), int(candidates.arrival_ms[n]),
            float(candidates.lon[n]), float(candidates.lat[n]), None, float(candidates.radius_m[n]), False,
        )  # fmt: skip
        person = int(self.subjects.rows.owner[candidates.row[n]])
        opened = self.open_scopes.pairs(candidates.binding[[n]])[1].tolist()
        return {
            scope
            for scope in range(len(self.fences.scopes))
            if self.judge.verdict(scope, person, fix, fix.event_ms, fix.arrival_ms)
            is (Verdict.RIGHT if scope in opened else Verdict.WRONG)
        }

    def moved(self, candidates: Candidates, screening: Screening, n: int) -> Candidates | None:
        """A later candidate within the safe distance and time of a screening; None where there is no room."""
        radius_m = self.least_m + self.chance.choice([0.0, 0.0, 300.0])
        safe_m = float(screening.leeway_m[n]) + radius_m
        since_ms, until_ms = int(screening.since_ms[n]), int(screening.until_ms[n])
        at_ms, arrival_ms = int(candidates.at_ms[n]), int(candidates.arrival_ms[n])
        at_ms = self.chance.choice(
            [at_ms, max(since_ms, at_ms - 3_600_000), min(until_ms - 1, at_ms + 3_600_000)]
        )
        arrival_ms = max(arrival_ms, self.chance.choice([at_ms, min(until_ms - 1, at_ms + 900_000)]))
        if safe_m <= 0 or not since_ms <= at_ms <= max(at_ms, arrival_ms) < until_ms:
            return None
        lon0, lat0 = float(candidates.lon[n]), float(candidates.lat[n])
        far_m = min(safe_m, 2_000.0) * self.chance.choice([0.3, 0.99, 0.9999])
        lon, lat, _ = GEOD.fwd(lon0, lat0, self.chance.uniform(0, 360), far_m)
        if farthest_m(lon0, lat0, lon, lat) >= safe_m:
            return None
        return Candidates(
            candidates.binding[[n]],
            candidates.row[[n]],
            np.array([at_ms]),
            np.array([arrival_ms]),
            np.array([lon]),
            np.array([lat]),
            np.array([radius_m]),
        )


@pytest.mark.parametrize("some_open", [False, True])
@pytest.mark.parametrize("seed", range(24))
def test_what_a_screening_does_not_suspect_changes_nothing(seed: int, some_open: bool) -> None:
    terrain = Terrain(seed)
    candidates = terrain.candidates()
    if some_open:
        terrain.open_some(candidates)
    screening = terrain.screen.screen(candidates)
    pairs = set(zip(screening.suspect_candidate.tolist(), screening.suspect_scope.tolist(), strict=True))
    for n in range(len(candidates.row)):
        missed = {scope for scope in terrain.scopes_that_mind(candidates, n) if (n, scope) not in pairs}
        assert not missed, f"seed {seed}, look {n}"


@pytest.mark.parametrize(("some_open", "tried_least"), [(False, 300), (True, 300)])
def test_within_safe_distance_and_time_nothing_changes(some_open: bool, tried_least: int) -> None:
    tried = at_rest = 0
    for seed in range(24):
        terrain = Terrain(seed)
        candidates = terrain.candidates()
        if some_open:
            terrain.open_some(candidates)
        screening = terrain.screen.screen(candidates)
        for n in range(len(candidates.row)):
            later = terrain.moved(candidates, screening, n)
            if later is not None:
                tried += 1
                at_rest += int(terrain.open_scopes.counts(np.array([n]))[0] > 0)
                assert terrain.scopes_that_mind(later, 0) == set(), f"seed {seed}, look {n}"
    assert tried > tried_least, "nearly nothing was unmoved"
    assert at_rest >= 100 * some_open, "hardly anybody was at rest"


def test_a_degree_is_no_longer_than_the_bound_says() -> None:
    """No degree on WGS-84 is longer than at the poles, to the north or, seen from there, to the east."""
    north_m = max(GEOD.inv(0, lat, 0, lat + 1)[2] for lat in range(-90, 90))
    east_m = max(GEOD.inv(0, lat, 1e-3, lat)[2] * 1e3 / math.cos(math.radians(lat)) for lat in range(-89, 90))
    assert farthest_m(0.0, 0.0, 0.0, 1.0) >= max(north_m, east_m)
