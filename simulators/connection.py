"""How a device's rows reach us: delays, spells without a network, things sent twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.population import Population
from simulators.routine import DAY_MS, HOUR_MS, MINUTE_MS
from simulators.spells import Spells, no_spells, spells

#: How a device empties its store when the network is back.
OLDEST_FIRST, NEWEST_FIRST, ANY_ORDER = 0, 1, 2
_UPLOAD_MS = 90_000

#: A spell is either clearly shorter or clearly longer than the first silence level of its device, so
#: that whether it is a silence never hangs on a single row's delay. Minutes: phone, wristband.
SHORT_MIN = ((10, 35), (2, 5))
LONG_MIN = ((85, 420), (25, 300))

#: Devices, starts and lengths in ms of spells that must be: columns of shape (n,).
Unseen = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

#: Longest delay of a row with a network; short of the default lateness.
MOST_DELAY_MS = 240_000


@dataclass(frozen=True, slots=True)
class Troubles:
    """Spells without a network per device and day; shares of rows delayed and sent twice, and of trips
    out of the county that nobody sees until the network is back."""

    short_spells: float = 0.15
    long_spells: float = 0.04
    delayed: float = 0.01
    doubled: float = 0.004
    unseen: float = 0.2


def offline_spells(
    folk: Population,
    start_ms: int,
    end_ms: int,
    troubles: Troubles,
    spared: NDArray[np.int64],
    unseen: Unseen,
    rng: np.random.Generator,
) -> Spells:
    """Spells without a network for all devices but the ``spared``, those of the ``unseen`` among them."""
    found = [unseen]
    for rate, minutes in ((troubles.short_spells, SHORT_MIN), (troubles.long_spells, LONG_MIN)):
        count = rng.poisson(rate * len(folk.device_person) * (end_ms - start_ms) / DAY_MS)
        last_ms = end_ms if minutes is SHORT_MIN else last_long_ms(end_ms)
        device = rng.integers(0, len(folk.device_person), count)
        least, most = np.array(minutes)[folk.wristband[device].astype(int)].T
        lasts_ms = (rng.uniform(least, most) * MINUTE_MS).astype(np.int64)
        from_ms = rng.integers(start_ms, end_ms, count)
        found.append((device, np.where(from_ms < last_ms, from_ms, 0), lasts_ms))
    device, from_ms, lasts_ms = (np.concatenate(column) for column in zip(*found, strict=True))
    alone = _apart(device, from_ms) & ~np.isin(device, spared)
    alone &= from_ms >= start_ms + HOUR_MS // 2  # a device is heard of before it falls silent
    if not alone.any():
        return no_spells()
    manner = rng.integers(0, 3, len(device)).astype(np.int8)
    return spells(device[alone], from_ms[alone], (from_ms + lasts_ms)[alone], manner[alone])


def last_long_ms(end_ms: int) -> int:
    """The latest start of a long spell: later, the end would make it neither short nor long."""
    return end_ms - (LONG_MIN[0][0] + 10) * MINUTE_MS


def arrivals(
    device: NDArray[np.int64],
    event_ms: NDArray[np.int64],
    offline: Spells,
    troubles: Troubles,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """When rows arrive: seconds later, now and then minutes, or when the network is back."""
    delay_ms = np.minimum(np.exp(rng.normal(7.3, 0.7, len(device))), 30_000)
    slow = rng.random(len(device)) < troubles.delayed
    delay_ms = np.where(slow, rng.uniform(60_000, MOST_DELAY_MS, len(device)), delay_ms)
    arrival_ms = event_ms + delay_ms.astype(np.int64)
    spell = offline.number_at(device, event_ms)
    kept = np.flatnonzero(spell >= 0)
    spell = spell[kept]
    from_ms, end_ms = offline.start_ms[spell], offline.end_ms[spell]
    age = (event_ms[kept] - from_ms) / (end_ms - from_ms)
    luck = rng.random(len(kept))
    turn = np.choose(offline.manner[spell], [age, 1 - age, luck])
    arrival_ms[kept] = end_ms + 1_000 + (turn * _UPLOAD_MS).astype(np.int64)
    return arrival_ms


def doubles(
    count: int, troubles: Troubles, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Which of some rows are sent again, and how many ms after their first arrival."""
    rows = np.flatnonzero(rng.random(count) < troubles.doubled)
    return rows, rng.integers(1_000, 600_000, len(rows))


def _apart(device: NDArray[np.int64], from_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The spells that start at least half a day after the one before of their device: none meet."""
    order = np.lexsort((from_ms, device))
    far = np.ones(len(order), np.bool_)
    same = np.diff(device[order]) == 0
    far[1:] = ~same | (np.diff(from_ms[order]) > DAY_MS // 2)
    apart = np.zeros(len(order), np.bool_)
    apart[order] = far
    return apart
