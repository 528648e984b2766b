"""Who lives in the county: homes, work, classes, devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simulators.ground import Ground, scatter, settle

CLASSES = ("strict", "general", "lenient")
_CLASS_SHARE = (0.15, 0.55, 0.30)

#: People per judicial office, and the most offices a county has.
_OFFICE_SIZE, _MOST_OFFICES = 25, 18

#: How far inside the county ordinary life keeps, and how near to its line the near-dwellers live.
CLEAR_OF_LINE_M = 400.0
_NEAR_LINE_M = (12.0, 25.0)


@dataclass(frozen=True, slots=True)
class Shares:
    """Which part of the people something holds for."""

    works: float = 0.7
    outdoor_work: float = 0.3
    curfew: float = 0.25
    route: float = 0.04
    wristband: float = 0.05
    near_line: float = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """People by number; every array of people has shape (n,), positions (n, 2) in metres.

    Devices are numbered apart: first everybody's phone, then the wristbands.
    """

    home_m: NDArray[np.float64]
    town_m: NDArray[np.float64]
    office: NDArray[np.int64]
    class_: NDArray[np.int64]
    works: NDArray[np.bool_]
    outdoors: NDArray[np.bool_]
    curfew: NDArray[np.bool_]
    route: NDArray[np.bool_]
    near_line: NDArray[np.bool_]
    device_person: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.home_m)

    @property
    def wristband(self) -> NDArray[np.bool_]:
        """(devices,) which devices are wristbands."""
        return np.arange(len(self.device_person)) >= len(self)

    @property
    def person_ids(self) -> list[str]:
        return [f"P{number:06d}" for number in range(1, len(self) + 1)]

    @property
    def device_ids(self) -> list[str]:
        return [
            f"{'W' if row >= len(self) else 'D'}{person + 1:06d}"
            for row, person in enumerate(self.device_person)
        ]


def people(count: int, ground: Ground, shares: Shares, rng: np.random.Generator) -> Population:
    """People round their towns, a few of them right at the county's line."""
    offices = int(np.clip(count // _OFFICE_SIZE, 1, _MOST_OFFICES))
    lived_in = ground.home_m.buffer(-CLEAR_OF_LINE_M)
    town_m = scatter(offices, ground.home_m.buffer(-4 * CLEAR_OF_LINE_M), rng)
    office = rng.choice(offices, count, p=_zipf(offices))
    near_line = _some(count, shares.near_line, rng)
    works = rng.random(count) < shares.works
    wearer = np.flatnonzero(_some(count, shares.wristband, rng))
    return Population(
        home_m=_homes(town_m[office], near_line, ground, lived_in, rng),
        town_m=town_m,
        office=office,
        class_=rng.choice(len(CLASSES), count, p=_CLASS_SHARE),
        works=works,
        outdoors=rng.random(count) < shares.outdoor_work,
        curfew=_some(count, shares.curfew, rng),
        route=works & _some(count, shares.route, rng),
        near_line=near_line,
        device_person=np.concatenate([np.arange(count), wearer]),
    )


def _some(count: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random part of the people, at least one where there are enough to spare one."""
    chosen = np.zeros(count, dtype=np.bool_)
    size = max(round(count * share), int(count >= 20 and share > 0))
    chosen[rng.choice(count, size, replace=False)] = True
    return chosen


def _homes(
    town_m: NDArray[np.float64],
    near_line: NDArray[np.bool_],
    ground: Ground,
    lived_in: shapely.Geometry,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    shapely.prepare(lived_in)
    home_m = settle(
        town_m,
        lambda rows: town_m[rows] + rng.normal(0, 1_300, (len(rows), 2)),
        lambda rows, drawn: shapely.contains_xy(lived_in, drawn[:, 0], drawn[:, 1]),
    )
    rows = np.flatnonzero(near_line)
    home_m[rows] = _near_line(len(rows), ground, home_m[rows], rng)
    return home_m


def _near_line(
    count: int, ground: Ground, otherwise: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points 12 to 25 m inside the line, where drift alone looks like leaving."""
    line = ground.home_m.exterior

    def draw(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        on_line = shapely.line_interpolate_point(line, rng.uniform(0, line.length, len(rows)))
        angle = rng.uniform(0, 2 * np.pi, len(rows))
        step_m = rng.uniform(*_NEAR_LINE_M, len(rows))
        way = np.stack([np.cos(angle), np.sin(angle)], axis=1) * step_m[:, None]
        return np.asarray(shapely.get_coordinates(on_line) + way)

    def fits(rows: NDArray[np.intp], drawn: NDArray[np.float64]) -> NDArray[np.bool_]:
        inside = shapely.contains_xy(ground.home_m, drawn[:, 0], drawn[:, 1])
        return np.asarray(inside & (shapely.distance(line, shapely.points(drawn)) >= _NEAR_LINE_M[0] * 0.8))

    return settle(otherwise, draw, fits, tries=40)


def _zipf(count: int) -> NDArray[np.float64]:
    weight = 1 / np.arange(1, count + 1) ** 0.7
    return np.asarray(weight / weight.sum(), dtype=np.float64)
