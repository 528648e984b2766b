"""``rest``: a large fleet most of which is at rest, quick to make; for benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point

from simulators.chance import stream
from simulators.checkins import Checkins
from simulators.connection import Troubles
from simulators.county_scenario import office_tree
from simulators.ground import Ground, find_ground
from simulators.movement import Whereabouts
from simulators.orders import county_fence, home_fences
from simulators.population import Population, Shares, people
from simulators.reporting import Air, Reporter
from simulators.request import Request, Summary, summary, write_pings
from simulators.roads import OPEN
from simulators.site_writer import write_site, write_truth
from simulators.spells import no_spells
from simulators.stream_writer import PingFile, write_confirmations

_GROUND, _PEOPLE, _PACE, _REPORTS = range(4)

INTERVAL_MS = 60_000
WALKING, DRIVING = 0.10, 0.05

#: Walkers go round the block, within their circle; drivers round a town, and have no circle.
_WALK_M, _WALK_MPS = 120.0, 1.3
_DRIVE_M, _DRIVE_MPS = (800.0, 3_000.0), 12.0

#: One in so many people has a curfew circle.
_CIRCLE_EVERY = 10

#: Nobody owes a confirmation, so that a run of any length has pings to judge and nothing else.
_POLICY = 'version = "simulated-rest"\n\n[confirmation]\nstrict = []\ngeneral = []\nlenient = []\n'


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """Everybody on a circle of his own: (n, 2) middles, (n,) radii and angular speeds in rad/ms."""

    middle_m: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    turn_per_ms: NDArray[np.float64]
    zero_ms: int

    def at(self, person: NDArray[np.int64], time_ms: NDArray[np.int64]) -> Whereabouts:
        """People at times, pair by pair."""
        radius_m, turn_per_ms = self.radius_m[person], self.turn_per_ms[person]
        angle = (time_ms - self.zero_ms) * turn_per_ms + person
        way = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius_m[:, None]
        sky = np.full(len(person), OPEN, np.int8)
        return Whereabouts(self.middle_m[person] + way, radius_m * turn_per_ms * 1_000, sky)


def rest(request: Request) -> Summary:
    """Write the scenario's files: no misdeeds, no confirmations, no outages."""
    seed = request.seed
    ground = find_ground(request.place, request.boundary, stream(seed, _GROUND))
    shares = Shares(works=0, outdoor_work=0, curfew=0, route=0, wristband=0, near_line=0)
    folk = people(request.people, ground, shares, stream(seed, _PEOPLE))
    pace = stream(seed, _PACE).random(len(folk))
    rounds = _rounds(folk, ground, pace, request.bounds_ms[0])
    at_home = np.flatnonzero(rounds.radius_m < _DRIVE_M[0])
    circles = home_fences(folk, ground, at_home[at_home % _CIRCLE_EVERY == 0])
    offices = office_tree(len(folk.town_m))
    write_site(request.out / "site", folk, offices, [county_fence(folk, ground), *circles], [], _POLICY)
    ids = folk.device_ids
    write_confirmations(request.out / "confirmations.parquet", _no_checkins(), ids, folk.person_ids)
    write_truth(request.out / "truth.ndjson", [])
    air = Air(no_spells(), no_spells(), Troubles(doubled=0.001))
    interval_ms = request.interval_ms or INTERVAL_MS
    everybody = np.arange(len(folk))
    reporter = Reporter(everybody, everybody, interval_ms, request.bounds_ms, seed, stream(seed, _REPORTS))
    with PingFile(request.out / "pings.parquet", ids, request.bounds_ms[1]) as file:
        write_pings(request, file, [reporter], rounds, ground.plane, air)
    return summary(request, len(ids), (file.rows_written, 0), [], {})


def _rounds(folk: Population, ground: Ground, pace: NDArray[np.float64], zero_ms: int) -> Rounds:
    """Drivers circle their town as widely as the county allows."""
    walks, drives = pace < WALKING, pace >= 1 - DRIVING
    room_m = np.array([ground.home_m.exterior.distance(Point(town_m)) for town_m in folk.town_m])
    widest_m = np.minimum(_DRIVE_M[1], room_m[folk.office] * 0.8)
    spread = (pace - (1 - DRIVING)) / DRIVING
    drive_m = np.minimum(_DRIVE_M[0], widest_m) + spread * np.maximum(widest_m - _DRIVE_M[0], 0)
    radius_m = np.select([walks, drives], [_WALK_M, drive_m], 0.0)
    speed_mps = np.select([walks, drives], [_WALK_MPS, _DRIVE_MPS], 0.0)
    middle_m = np.where(drives[:, None], folk.town_m[folk.office], folk.home_m)
    return Rounds(middle_m, radius_m, speed_mps / np.maximum(radius_m, 1.0) / 1_000, zero_ms)


def _no_checkins() -> Checkins:
    nothing, none_at = np.zeros(0, np.int64), np.zeros((0, 2))
    return Checkins(nothing, nothing, nothing, none_at, np.zeros(0), np.zeros(0, np.bool_), nothing)
