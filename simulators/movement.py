"""Where everybody really is: straight pieces between knots in time, looked up for all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulators.roads import INDOOR, LUNCH, OPEN, WORK, Ways
from simulators.routine import LEG_OUT, LEGS, NO_WAY, Plan

#: Room for one person's times in a sorted key of (person, time): about 17 years.
_SPAN_MS = 1 << 39


@dataclass(frozen=True, slots=True, eq=False)
class Whereabouts:
    """Columns of shape (n,): metres east and north, speed, and what the sky is like there."""

    at_m: NDArray[np.float64]
    speed_mps: NDArray[np.float64]
    surroundings: NDArray[np.int8]


class Movement(Protocol):
    """Anything that knows where people are."""

    def at(self, person: NDArray[np.int64], time_ms: NDArray[np.int64]) -> Whereabouts:
        """People at times, pair by pair."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Knots of all people, person after person and rising in time; ``first`` (people + 1,) are their
    bounds. Between two knots a person moves straight and evenly (in metres, so also in degrees);
    after the last one nobody moves. ``surroundings`` holds from its knot to the next.
    """

    first: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    at_m: NDArray[np.float64]
    surroundings: NDArray[np.int8]
    zero_ms: int
    _key: NDArray[np.int64]

    def of(self, person: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """One person's knots: times (k,) and positions (k, 2)."""
        rows = slice(self.first[person], self.first[person + 1])
        return self.time_ms[rows], self.at_m[rows]

    def at(self, person: NDArray[np.int64], time_ms: NDArray[np.int64]) -> Whereabouts:
        """People at times, pair by pair; no time may lie before the first midnight."""
        knot = np.searchsorted(self._key, person * _SPAN_MS + (time_ms - self.zero_ms), side="right") - 1
        then = np.minimum(knot + 1, self.first[person + 1] - 1)
        lasts_ms = np.maximum(self.time_ms[then] - self.time_ms[knot], 1)
        share = (time_ms - self.time_ms[knot]) / lasts_ms
        step_m = self.at_m[then] - self.at_m[knot]
        return Whereabouts(
            self.at_m[knot] + step_m * np.minimum(share, 1.0)[:, None],
            np.hypot(step_m[:, 0], step_m[:, 1]) * 1_000 / lasts_ms,
            self.surroundings[knot],
        )


def walk(plan: Plan, ways: Ways) -> Tracks:
    """Everybody's tracks along a plan. A leg starts when its time has come and the one before is done."""
    people, days = plan.way.shape[:2]
    knots = 1 + days * LEGS * 4
    time_ms = np.full((people, knots), plan.midnight_ms[0], dtype=np.int64)
    at_m = np.repeat(ways.corners_m[:, 0, :1], knots, axis=1)
    sky = np.full((people, knots), INDOOR, dtype=np.int8)
    made = np.zeros((people, knots), dtype=np.bool_)
    made[:, 0] = True
    free_ms = time_ms[:, 0].copy()
    for number in range(days * LEGS):
        day, leg = divmod(number, LEGS)
        rows = np.flatnonzero(plan.way[:, day, leg] != NO_WAY)
        leg_knots = slice(1 + number * 4, 5 + number * 4)
        times_ms, corners_m, leg_sky = _leg(plan, ways, rows, day, leg, free_ms[rows])
        time_ms[rows, leg_knots], at_m[rows, leg_knots], sky[rows, leg_knots] = times_ms, corners_m, leg_sky
        made[rows, leg_knots] = True
        free_ms[rows] = times_ms[:, 3]
    return _packed(time_ms, at_m, sky, made)


def _leg(
    plan: Plan, ways: Ways, rows: NDArray[np.intp], day: int, leg: int, free_ms: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int8]]:
    """Times (n, 4), corners (n, 4, 2) and surroundings (n, 4) of one leg of some people."""
    way = plan.way[rows, day, leg]
    corners_m = ways.corners_m[rows, way]
    if not LEG_OUT[leg]:
        corners_m = corners_m[:, ::-1]
    not_before_ms = plan.midnight_ms[day] + plan.not_before_ms[rows, day, leg]
    depart_ms = np.maximum(not_before_ms, free_ms + plan.stay_ms[rows, day, leg])
    steps_m = np.diff(corners_m, axis=1)
    lasts_ms = np.hypot(steps_m[..., 0], steps_m[..., 1]) / ways.speed_mps[rows, way][:, None] * 1_000
    after_ms = np.ceil(lasts_ms.cumsum(axis=1)).astype(np.int64)
    times_ms = depart_ms[:, None] + np.concatenate([np.zeros((len(rows), 1), np.int64), after_ms], axis=1)
    at_work = np.where(way == LUNCH, ways.surroundings[rows, WORK], INDOOR)
    end_sky = ways.surroundings[rows, way] if LEG_OUT[leg] else at_work
    street = ways.street[rows]
    sky = np.stack([street, np.full_like(street, OPEN), street, end_sky.astype(np.int8)], axis=1)
    return times_ms, corners_m, sky


def _packed(
    time_ms: NDArray[np.int64], at_m: NDArray[np.float64], sky: NDArray[np.int8], made: NDArray[np.bool_]
) -> Tracks:
    counts = made.sum(axis=1)
    person = np.repeat(np.arange(len(made)), counts)
    zero_ms = int(time_ms[0, 0])
    flat_ms = time_ms[made]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Tracks(first, flat_ms, at_m[made], sky[made], zero_ms, person * _SPAN_MS + (flat_ms - zero_ms))
