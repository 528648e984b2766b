"""Tracks, spans and spells: small ones that can be followed by eye."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from simulators.movement import Tracks, walk
from simulators.roads import CANYON, ERRAND_A, INDOOR, LUNCH, OPEN, WAYS, WORK, Ways, dog_leg
from simulators.routine import HOUR_MS, LEGS, NO_WAY, Plan
from simulators.spans import Spans, both, inside, without
from simulators.spells import no_spells, spells


def someone(errand_h: float, stay_h: float, work_h: float) -> Tracks:
    """Home at (0, 0), a shop 3.6 km east at 1 m/s (an hour), work 7.2 km north at 2 m/s (an hour)."""
    corners_m = np.zeros((1, WAYS, 4, 2))
    corners_m[0, ERRAND_A] = [(0, 0), (1_800, 0), (1_800, 0), (3_600, 0)]
    corners_m[0, WORK] = [(0, 0), (0, 3_600), (0, 3_600), (0, 7_200)]
    corners_m[0, LUNCH] = (0, 7_200)
    speed_mps = np.ones((1, WAYS))
    speed_mps[0, WORK] = 2.0
    ways = Ways(corners_m, speed_mps, np.full((1, WAYS), INDOOR, np.int8), np.array([CANYON], np.int8))
    shape = (1, 1, LEGS)
    plan = Plan(
        np.full(shape, NO_WAY, np.int8),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.array([0]),
        np.array([0]),
    )
    plan.trip(np.array([0]), 0, 0, ERRAND_A)
    plan.way[0, 0, 2] = WORK
    plan.not_before_ms[0, 0, [0, 2]] = np.array([errand_h, work_h]) * HOUR_MS
    plan.stay_ms[0, 0, 1] = stay_h * HOUR_MS
    return walk(plan, ways)


@pytest.mark.parametrize(
    ("hour", "east_m", "north_m", "speed_mps", "sky", "reason"),
    [
        (0.0, 0, 0, 0, INDOOR, "at home"),
        (2.0, 0, 0, 1, CANYON, "leaves at two, into the street"),
        (2.25, 900, 0, 1, CANYON, "a quarter of the way"),
        (2.75, 2_700, 0, 1, CANYON, "the middle piece has no length here"),
        (3.0, 3_600, 0, 0, INDOOR, "arrives"),
        (4.9, 3_600, 0, 0, INDOOR, "stays two hours"),
        (5.5, 1_800, 0, 1, CANYON, "half way back"),
        (6.5, 0, 3_600, 2, CANYON, "work was due at four, but he was not home before six"),
        (9.0, 0, 7_200, 0, INDOOR, "stays for good"),
    ],
)
def test_a_day_by_the_hour(
    hour: float, east_m: float, north_m: float, speed_mps: float, sky: int, reason: str
) -> None:
    there = someone(errand_h=2, stay_h=2, work_h=4).at(np.array([0]), np.array([round(hour * HOUR_MS)]))
    assert there.at_m[0] == pytest.approx((east_m, north_m), abs=0.01), reason
    assert there.speed_mps[0] == pytest.approx(speed_mps, abs=0.01), reason
    assert there.surroundings[0] == sky, reason


def test_a_dog_leg_turns_twice() -> None:
    #   east first            north first
    #        +----B             A' +
    #        |                     |
    #   A----+                ...
    start_m, to_m = np.zeros((2, 2)), np.array([(10.0, 4.0), (10.0, 4.0)])
    legs = dog_leg(start_m, to_m, np.array([True, False]), 0.5)
    assert legs[0].tolist() == [[0, 0], [5, 0], [5, 4], [10, 4]]
    assert legs[1].tolist() == [[0, 0], [0, 2], [10, 2], [10, 4]]


SQUARE = box(10, -10, 20, 10)
NOTCHED = Polygon([(10, -10), (40, -10), (40, 10), (30, 10), (30, -5), (20, -5), (20, 10), (10, 10)])


@pytest.mark.parametrize(
    ("track", "area", "expected", "reason"),
    [
        # time ms and metres east, along the x axis
        ([(0, 0), (100, 50)], SQUARE, [(20, 40)], "straight through"),
        ([(0, 0), (100, 50)], NOTCHED, [(20, 40), (60, 80)], "in, out through the notch, in, out"),
        ([(0, 0), (30, 15)], SQUARE, [(20, 100)], "goes in and stays: till the end"),
        ([(0, 15), (50, 15), (70, 35)], SQUARE, [(0, 55)], "begins inside, leaves after a rest"),
        ([(0, 0), (100, 5)], SQUARE, [], "never there"),
        ([(0, 15)], SQUARE, [(0, 100)], "a single knot is a whole life"),
        ([(0, 0), (300, 150)], SQUARE, [(20, 40)], "the end comes before the last knot"),
    ],
)
def test_time_inside(track: list[tuple[int, int]], area: Polygon, expected: Spans, reason: str) -> None:
    time_ms = np.array([ms for ms, _ in track])
    at_m = np.array([(east, 0.0) for _, east in track])
    assert inside(time_ms, at_m, area, 100) == expected, reason


@pytest.mark.parametrize(
    ("some", "others", "met", "left"),
    [
        # 0    5    10   15   20
        ([(0, 20)], [(5, 10)], [(5, 10)], [(0, 5), (10, 20)]),
        ([(0, 10)], [(10, 20)], [], [(0, 10)]),
        ([(0, 5), (10, 15)], [(3, 12)], [(3, 5), (10, 12)], [(0, 3), (12, 15)]),
        ([(5, 10)], [(0, 20)], [(5, 10)], []),
        ([], [(0, 20)], [], []),
    ],
)
def test_span_algebra(some: Spans, others: Spans, met: Spans, left: Spans) -> None:
    assert both(some, others) == met
    assert without(some, others) == left


def test_spells_are_half_open_and_apart() -> None:
    #  device 1   [10....20)     [30..40)
    #  device 2        [15........................)
    found = spells(np.array([1, 2, 1]), np.array([30, 15, 10]), np.array([40, 99, 20]))
    device = np.array([1, 1, 1, 1, 1, 2, 2, 3, 0])
    time_ms = np.array([9, 10, 19, 20, 39, 14, 98, 20, 20])
    assert found.number_at(device, time_ms).tolist() == [-1, 0, 0, -1, 1, -1, 2, -1, -1]
    cut = spells(np.array([1, 1]), np.array([10, 15]), np.array([20, 30]))
    assert cut.end_ms.tolist() == [15, 30], "the next of a device ends the one before"
    assert no_spells().number_at(np.array([1]), np.array([1])).tolist() == [-1]


def test_the_middle_of_a_way_is_open() -> None:
    tracks = someone(errand_h=1, stay_h=1, work_h=9)
    assert OPEN in tracks.surroundings
