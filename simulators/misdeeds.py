"""Who does what he should not, when; and who does the like with leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simulators.connection import LONG_MIN, last_long_ms
from simulators.ground import Ground, settle
from simulators.orders import Zones
from simulators.population import Population
from simulators.roads import AWAY, BREACH, ZONE, Ways
from simulators.routine import DAY_MS, HOUR_MS, LEGS, MINUTE_MS, Plan
from simulators.spells import Spells, no_spells, spells

LEFT_COUNTY, BROKE_CURFEW, ENTERED_ZONE = "left_county", "broke_curfew", "entered_zone"
LEFT_ROUTE, ON_LEAVE = "left_route", "on_leave"
LATE_APPROVAL, OVERSTAYED = "late_approval", "overstayed"

#: A fleet this large does everything at least once where the time allows.
ENOUGH_PEOPLE = 20

#: A trip that nobody sees is hidden from so long before it until so long after.
_HIDDEN_MS = 15 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Rates:
    """Share of those who could, per person (or device, or window) and day."""

    left_county: float = 0.010
    broke_curfew: float = 0.030
    entered_zone: float = 0.050
    left_route: float = 0.100
    on_leave: float = 0.010
    late_approval: float = 0.004
    overstayed: float = 0.004
    switched_off: float = 0.010
    missed_window: float = 0.008


@dataclass(frozen=True, slots=True)
class _Habit:
    """How a kind of trip goes: local hours of departure, hours of stay, legs used and legs given up."""

    kind: str
    way: int
    depart_h: tuple[float, float]
    stay_h: tuple[float, float]
    leg: int = 0
    given_up: tuple[int, int] | None = None
    weekdays: bool = False
    any_hour: bool = False


_WHOLE_DAY = (2, LEGS - 1)
_HABITS = (
    *(
        _Habit(kind, AWAY, (6.0, 18.0), (1.5, 5.0), given_up=_WHOLE_DAY, any_hour=True)
        for kind in (LEFT_COUNTY, ON_LEAVE, LATE_APPROVAL, OVERSTAYED)
    ),
    _Habit(ENTERED_ZONE, ZONE, (7.2, 16.0), (0.3, 1.0), given_up=(2, 7)),
    _Habit(LEFT_ROUTE, BREACH, (7.1, 8.2), (0.7, 1.5), weekdays=True),
    _Habit(BROKE_CURFEW, BREACH, (0.4, 3.5), (0.7, 2.0)),
    _Habit(BROKE_CURFEW, BREACH, (22.3, 23.7), (0.7, 3.0), leg=8),
)


@dataclass(frozen=True, slots=True)
class Trip:
    """One outing that is not everyday life; times in ms, ``depart_ms`` to ``back_ms`` as planned."""

    kind: str
    person: int
    depart_ms: int
    there_ms: int
    leave_ms: int
    back_ms: int


def go_astray(
    folk: Population,
    plan: Plan,
    ways: Ways,
    ground: Ground,
    zones: Zones,
    bounds_ms: tuple[int, int],
    rates: Rates,
    rng: np.random.Generator,
) -> list[Trip]:
    """Choose who goes astray when, and change the plan and the ways accordingly."""
    chosen = [
        (habit, day, people)
        for day in range(len(plan.midnight_ms))
        for habit, people in _of_day(folk, plan, zones, day, bounds_ms, rates, rng)
    ]
    _lay_ways(folk, ways, ground, zones, chosen, rng)
    trips: list[Trip] = []
    for habit, day, people in chosen:
        trips += _take(habit, day, people, plan, ways, bounds_ms, rng)
    return trips


def switched_off(
    folk: Population,
    busy: NDArray[np.int64],
    bounds_ms: tuple[int, int],
    rate: float,
    rng: np.random.Generator,
) -> Spells:
    """Spells of hours in which devices are switched off, never of the people ``busy`` otherwise."""
    start_ms, end_ms = bounds_ms
    free = np.flatnonzero(~np.isin(folk.device_person, busy))
    first_ms, last_ms = start_ms + HOUR_MS // 2, last_long_ms(end_ms)
    if last_ms <= first_ms:
        return no_spells()
    count = int(rate * len(free) * (end_ms - start_ms) / DAY_MS + rng.random())
    count = min(max(count, int(len(folk) >= ENOUGH_PEOPLE)), len(free))
    device = np.sort(rng.choice(free, count, replace=False))
    least, most = np.array(LONG_MIN)[folk.wristband[device].astype(int)].T
    from_ms = rng.integers(first_ms, last_ms, count)
    return spells(device, from_ms, from_ms + (rng.uniform(least, most) * MINUTE_MS).astype(np.int64))


def unseen(
    trips: list[Trip], bounds_ms: tuple[int, int], share: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Phones, starts and lengths (ms) of spells without a network that hide trips out of the county."""
    hidden = [
        (trip.person, trip.depart_ms - _HIDDEN_MS, trip.back_ms - trip.depart_ms + 2 * _HIDDEN_MS)
        for trip in trips
        if trip.kind == LEFT_COUNTY and trip.back_ms + 2 * _HIDDEN_MS < bounds_ms[1]
    ]
    count = min(int(share * len(hidden) + rng.random()), len(hidden))
    chosen = np.sort(rng.choice(len(hidden), count, replace=False))
    rows = np.array([hidden[row] for row in chosen], np.int64).reshape(-1, 3)
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _of_day(
    folk: Population,
    plan: Plan,
    zones: Zones,
    day: int,
    bounds_ms: tuple[int, int],
    rates: Rates,
    rng: np.random.Generator,
) -> Iterator[tuple[_Habit, NDArray[np.intp]]]:
    """The habits indulged on a day and by whom; nobody twice."""
    free = np.ones(len(folk), np.bool_)
    for habit in _HABITS:
        least = int(day == 0 and len(folk) >= ENOUGH_PEOPLE)
        could = np.flatnonzero(free & _could(habit, folk, zones, int(plan.weekday[day])))
        if _departures_ms(habit, int(plan.midnight_ms[day]), bounds_ms) is None:
            continue
        count = min(max(int(getattr(rates, habit.kind) * len(could) + rng.random()), least), len(could))
        if count and getattr(rates, habit.kind) > 0:
            people = np.sort(rng.choice(could, count, replace=False))
            free[people] = False
            yield habit, people


def _could(habit: _Habit, folk: Population, zones: Zones, weekday: int) -> NDArray[np.bool_]:
    if habit.weekdays and weekday >= 5:
        return np.zeros(len(folk), np.bool_)
    if habit.kind == BROKE_CURFEW:
        return folk.curfew
    if habit.kind == LEFT_ROUTE:
        return folk.route
    if habit.kind == ENTERED_ZONE:
        return ~np.isnan(zones.tempting_m[:, 0]) & ~(zones.in_school_hours & (weekday >= 5))
    return np.ones(len(folk), np.bool_)


def _departures_ms(habit: _Habit, midnight_ms: int, bounds_ms: tuple[int, int]) -> tuple[int, int] | None:
    """Between which instants such a trip may begin that day, well within the time simulated."""
    first_ms = max(bounds_ms[0] + 10 * MINUTE_MS, midnight_ms)
    last_ms = min(bounds_ms[1] - 50 * MINUTE_MS, midnight_ms + DAY_MS)
    from_ms, to_ms = (midnight_ms + int(hour * HOUR_MS) for hour in habit.depart_h)
    usual = (max(first_ms, from_ms), min(last_ms, to_ms))
    if usual[0] + 5 * MINUTE_MS < usual[1]:
        return usual
    return (first_ms, last_ms) if habit.any_hour and first_ms < last_ms else None


def _take(
    habit: _Habit,
    day: int,
    people: NDArray[np.intp],
    plan: Plan,
    ways: Ways,
    bounds_ms: tuple[int, int],
    rng: np.random.Generator,
) -> list[Trip]:
    """Write the trips into the plan. A way of no length (none was found) makes no trip."""
    people = people[ways.length_m[people, habit.way] > 0]
    window_ms = _departures_ms(habit, int(plan.midnight_ms[day]), bounds_ms)
    assert window_ms is not None, "only habits that have the time are chosen"
    depart_ms = rng.integers(*window_ms, len(people))
    stay_ms = (rng.uniform(*habit.stay_h, len(people)) * HOUR_MS).astype(np.int64)
    if habit.given_up:
        plan.drop(people, day, *habit.given_up)
    plan.trip(people, day, habit.leg, habit.way)
    plan.not_before_ms[people, day, habit.leg] = depart_ms - plan.midnight_ms[day]
    plan.stay_ms[people, day, habit.leg + 1] = stay_ms
    plan.not_before_ms[people, day, habit.leg + 1] = 0
    lasts_ms = ways.length_m[people, habit.way] / ways.speed_mps[people, habit.way] * 1_000
    there_ms = depart_ms + np.ceil(lasts_ms).astype(np.int64)
    columns = (people, depart_ms, there_ms, there_ms + stay_ms, 2 * there_ms - depart_ms + stay_ms)
    rows = np.stack(columns, axis=1).tolist()
    return [Trip(habit.kind, *row) for row in rows]


def _lay_ways(
    folk: Population,
    ways: Ways,
    ground: Ground,
    zones: Zones,
    chosen: list[tuple[_Habit, int, NDArray[np.intp]]],
    rng: np.random.Generator,
) -> None:
    for way in (AWAY, ZONE, BREACH):
        going = [people for habit, _, people in chosen if habit.way == way]
        people = np.unique(np.concatenate([np.zeros(0, np.intp), *going]))
        home_m = folk.home_m[people]
        if way == AWAY:
            ways.lay(people, way, _beyond(home_m, ground, rng))
        elif way == ZONE:
            ways.lay(people, way, zones.tempting_m[people])
        else:
            ways.lay(people, way, _around(home_m, ground, rng))


def _beyond(home_m: NDArray[np.float64], ground: Ground, rng: np.random.Generator) -> NDArray[np.float64]:
    """Places 2 to 10 km outside the county, off a stretch of its line that is not far from home."""
    line = ground.home_m.exterior

    def draw(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        at = shapely.points(shapely.get_coordinates(shapely.points(home_m[rows])))
        near = shapely.line_locate_point(line, at) + rng.normal(0, 0.06, len(rows)) * line.length
        foot_m = shapely.get_coordinates(shapely.line_interpolate_point(line, near % line.length))
        away_m = foot_m - home_m[rows]
        far_m = np.maximum(np.hypot(away_m[:, 0], away_m[:, 1]), 1.0)
        return np.asarray(foot_m + away_m * (rng.uniform(2_000, 10_000, len(rows)) / far_m)[:, None])

    def fits(rows: NDArray[np.intp], drawn: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(shapely.distance(ground.county_m, shapely.points(drawn)) > 1_500.0)

    return settle(home_m, draw, fits, tries=30)


def _around(home_m: NDArray[np.float64], ground: Ground, rng: np.random.Generator) -> NDArray[np.float64]:
    """Places 1 to 4 km from home, within the county."""

    def draw(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        turn, far_m = rng.uniform(0, 2 * np.pi, len(rows)), rng.uniform(1_000, 4_000, len(rows))
        return home_m[rows] + np.stack([np.cos(turn), np.sin(turn)], axis=1) * far_m[:, None]

    def fits(rows: NDArray[np.intp], drawn: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(shapely.contains_xy(ground.home_m, drawn[:, 0], drawn[:, 1]))

    return settle(home_m, draw, fits, tries=30)
