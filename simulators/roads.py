"""The ways people take: a dog-leg from an anchor to each of the places in their life."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simulators.ground import Ground, settle
from simulators.population import CLEAR_OF_LINE_M, Population

#: The places of a person's life, each the end of a way from home (LUNCH: from work).
WORK, ERRAND_A, ERRAND_B, LUNCH, OUTING, AWAY, ZONE, BREACH = range(8)
WAYS = 8

#: What a receiver sees of the sky.
OPEN, CANYON, INDOOR = 0, 1, 2

#: Ordinary ways keep this far inside the county's line.
_WAY_CLEARANCE_M = 5.0

#: Longest distance on foot and by bicycle; beyond, people drive.
_ON_FOOT_M, _BY_BICYCLE_M = 1_200.0, 4_500.0


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """``corners_m`` (people, WAYS, 4, 2): anchor, two corners, place; all equal where it is not used.

    ``speed_mps`` (people, WAYS). ``surroundings`` (people, WAYS) is that of the place, ``street``
    (people,) that of the ends of every way; the middle of a way is open.
    """

    corners_m: NDArray[np.float64]
    speed_mps: NDArray[np.float64]
    surroundings: NDArray[np.int8]
    street: NDArray[np.int8]

    @property
    def length_m(self) -> NDArray[np.float64]:
        steps = np.diff(self.corners_m, axis=2)
        return np.asarray(np.hypot(steps[..., 0], steps[..., 1]).sum(axis=2))

    def lay(self, people: NDArray[np.intp], way: int, to_m: NDArray[np.float64]) -> None:
        """Give some people a way from home to a place; ``to_m`` (n, 2)."""
        self.corners_m[people, way] = dog_leg(self.corners_m[people, OUTING, 0], to_m, people % 2 == 0, 0.4)
        self.speed_mps[people, way] = usual_speed_mps(self.length_m[people, way])


def dog_leg(
    start_m: NDArray[np.float64],
    to_m: NDArray[np.float64],
    east_first: NDArray[np.bool_],
    share: float,
) -> NDArray[np.float64]:
    """(n, 4, 2): along one axis for a share of it, across, and along again."""
    step = to_m - start_m
    east = np.where(east_first[:, None], step * [share, 0], step * [0, share])
    across = np.where(east_first[:, None], step * [share, 1], step * [1, share])
    return np.stack([start_m, start_m + east, start_m + across, to_m], axis=1)


def usual_speed_mps(length_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Walking, riding or driving, by how far it is."""
    ridden = np.where(length_m < _BY_BICYCLE_M, 4.2, 10.0 + np.minimum(length_m, 20_000) / 4_000)
    return np.where(length_m < _ON_FOOT_M, 1.3, ridden)


def ordinary_ways(folk: Population, ground: Ground, rng: np.random.Generator) -> Ways:
    """Everybody's ways to work, shops, lunch and evening walk; none leaves the county."""
    allowed = _Allowed(ground)
    corners_m = np.repeat(folk.home_m[:, None, None, :], WAYS, axis=1).repeat(4, axis=2)
    ways = Ways(
        corners_m,
        np.ones((len(folk), WAYS)),
        _surroundings(folk),
        np.where(rng.random(len(folk)) < 0.5, CANYON, OPEN).astype(np.int8),
    )
    for way, reach_m in ((WORK, (800, 9_000)), (ERRAND_A, (200, 2_500)), (ERRAND_B, (300, 5_000))):
        corners_m[:, way] = _way(folk.home_m, reach_m, allowed, rng)
    corners_m[~folk.works, WORK] = folk.home_m[~folk.works][:, None, :]
    corners_m[:, LUNCH] = _way(corners_m[:, WORK, 3], (100, 900), allowed, rng)
    corners_m[:, OUTING] = _way(folk.home_m, (300, 2_000), allowed, rng)
    ways.speed_mps[:] = usual_speed_mps(ways.length_m) * rng.uniform(0.85, 1.15, (len(folk), 1))
    return ways


class _Allowed:
    """Where an ordinary place may be, and which ordinary ways may lead there."""

    def __init__(self, ground: Ground) -> None:
        self.ways = ground.home_m.buffer(-_WAY_CLEARANCE_M)
        self.places = ground.home_m.buffer(-CLEAR_OF_LINE_M)
        shapely.prepare(self.ways)
        shapely.prepare(self.places)

    def __call__(self, corners_m: NDArray[np.float64]) -> NDArray[np.bool_]:
        lines = shapely.linestrings(corners_m)
        ends = corners_m[:, 3]
        keeps = shapely.contains_properly(self.ways, lines)
        return np.asarray(keeps & shapely.contains_xy(self.places, ends[:, 0], ends[:, 1]))


def _way(
    start_m: NDArray[np.float64], reach_m: tuple[float, float], allowed: _Allowed, rng: np.random.Generator
) -> NDArray[np.float64]:
    east_first = rng.random(len(start_m)) < 0.5
    share = float(rng.uniform(0.25, 0.75))

    def draw(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        angle = rng.uniform(0, 2 * np.pi, len(rows))
        distance_m = reach_m[0] * (reach_m[1] / reach_m[0]) ** rng.random(len(rows))
        way = np.stack([np.cos(angle), np.sin(angle)], axis=1) * distance_m[:, None]
        return np.asarray(start_m[rows] + way)

    def fits(rows: NDArray[np.intp], drawn: NDArray[np.float64]) -> NDArray[np.bool_]:
        return allowed(dog_leg(start_m[rows], drawn, east_first[rows], share))

    return dog_leg(start_m, settle(start_m, draw, fits), east_first, share)


def _surroundings(folk: Population) -> NDArray[np.int8]:
    found = np.full((len(folk), WAYS), INDOOR, dtype=np.int8)
    found[:, [ERRAND_A, ERRAND_B, AWAY, ZONE]] = CANYON
    found[:, OUTING] = OPEN
    found[folk.outdoors, WORK] = OPEN
    return found
