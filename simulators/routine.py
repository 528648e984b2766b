"""What a day looks like: which way is taken when, in legs of a fixed order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.population import Population
from simulators.roads import ERRAND_A, ERRAND_B, LUNCH, OUTING, WORK

#: The legs of a day in order: the way each takes in ordinary life, and whether it leads out or back.
LEG_WAYS = (ERRAND_A, ERRAND_A, WORK, LUNCH, LUNCH, WORK, ERRAND_B, ERRAND_B, OUTING, OUTING)
LEG_OUT = (True, False, True, True, False, False, True, False, True, False)
LEGS = len(LEG_WAYS)

NO_WAY = -1
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """(people, days, LEGS) each: the way (NO_WAY: leg not made), the earliest departure after the day's
    midnight, and the least stay before departing, both in ms.

    ``midnight_ms`` (days,) is the local midnight of every day.
    """

    way: NDArray[np.int8]
    not_before_ms: NDArray[np.int64]
    stay_ms: NDArray[np.int64]
    midnight_ms: NDArray[np.int64]
    weekday: NDArray[np.int64]

    def copy(self) -> Plan:
        return Plan(
            self.way.copy(), self.not_before_ms.copy(), self.stay_ms.copy(), self.midnight_ms, self.weekday
        )

    def trip(self, people: NDArray[np.intp], day: int, leg: int, way: int) -> None:
        """Make the legs ``leg`` (out) and the next (back) lead along a way."""
        self.way[people, day, leg : leg + 2] = way

    def drop(self, people: NDArray[np.intp], day: int, first: int, last: int) -> None:
        """Stay in from one leg to another, both included."""
        self.way[people, day, first : last + 1] = NO_WAY


def ordinary_days(
    folk: Population,
    midnight_ms: NDArray[np.int64],
    weekday: NDArray[np.int64],
    rng: np.random.Generator,
) -> Plan:
    """Work on weekdays, errands, an evening walk; those with a curfew stay in after dark."""
    shape = (len(folk), len(midnight_ms), LEGS)
    plan = Plan(
        np.full(shape, NO_WAY, dtype=np.int8),
        np.zeros(shape, dtype=np.int64),
        np.zeros(shape, dtype=np.int64),
        midnight_ms,
        weekday,
    )
    for day, of_week in enumerate(weekday):
        at_work = folk.works & (of_week < 5) & (rng.random(len(folk)) < 0.92)
        _work(plan, day, at_work, rng)
        _errands(plan, day, at_work, folk, rng)
    return plan


def _work(plan: Plan, day: int, at_work: NDArray[np.bool_], rng: np.random.Generator) -> None:
    rows = np.flatnonzero(at_work)
    lunch = rows[rng.random(len(rows)) < 0.6]
    plan.way[rows[:, None], day, [2, 5]] = WORK
    plan.trip(lunch, day, 3, LUNCH)
    plan.not_before_ms[rows, day, 2] = _clock(6.8, 8.2, len(rows), rng)
    plan.not_before_ms[lunch, day, 3] = _clock(11.8, 12.5, len(lunch), rng)
    plan.stay_ms[lunch, day, 4] = _clock(0.3, 0.8, len(lunch), rng)
    plan.not_before_ms[rows, day, 5] = _clock(16.8, 18.0, len(rows), rng)


def _errands(
    plan: Plan, day: int, at_work: NDArray[np.bool_], folk: Population, rng: np.random.Generator
) -> None:
    chance = rng.random((len(folk), 3))
    # Whoever must keep to a way in the morning only takes that one.
    morning = np.flatnonzero(~at_work & ~folk.route & (chance[:, 0] < 0.6))
    plan.trip(morning, day, 0, ERRAND_A)
    plan.not_before_ms[morning, day, 0] = _clock(7.5, 11.0, len(morning), rng)
    plan.stay_ms[morning, day, 1] = _clock(0.3, 1.5, len(morning), rng)
    later = np.flatnonzero(chance[:, 1] < np.where(at_work, 0.35, 0.6))
    plan.trip(later, day, 6, ERRAND_B)
    plan.not_before_ms[later, day, 6] = _clock(14.5, 18.5, len(later), rng)
    plan.stay_ms[later, day, 7] = _clock(0.2, 0.9, len(later), rng)
    evening = np.flatnonzero(~folk.curfew & (chance[:, 2] < 0.4))
    plan.trip(evening, day, 8, OUTING)
    plan.not_before_ms[evening, day, 8] = _clock(19.0, 21.0, len(evening), rng)
    plan.stay_ms[evening, day, 9] = _clock(0.2, 1.2, len(evening), rng)


def _clock(first_h: float, last_h: float, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.asarray(rng.uniform(first_h, last_h, count) * HOUR_MS).astype(np.int64)
