"""When devices report, and the rows they then send."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulators.connection import Troubles, arrivals, doubles
from simulators.gps_error import drift, observe
from simulators.ground import LocalPlane
from simulators.movement import Movement
from simulators.spells import Spells


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of the pings stream; columns of shape (n,), ``at`` (n, 2) in degrees, NaN: a heartbeat."""

    device: NDArray[np.int64]
    event_ms: NDArray[np.int64]
    arrival_ms: NDArray[np.int64]
    at: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    source: NDArray[np.int8]
    speed_mps: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.device)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Rows:
        return Rows(*(getattr(self, column.name)[rows] for column in fields(self)))

    @staticmethod
    def joined(parts: list[Rows]) -> Rows:
        return Rows(
            *(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Rows))
        )


@dataclass(frozen=True, slots=True, eq=False)
class Air:
    """What lies between devices and us."""

    offline: Spells
    off: Spells
    troubles: Troubles


class Reporter:
    """Devices of one reporting interval; keeps each one's drift and last report."""

    def __init__(
        self,
        device: NDArray[np.int64],
        person: NDArray[np.int64],
        interval_ms: int,
        bounds_ms: tuple[int, int],
        seed: int,
        rng: np.random.Generator,
    ) -> None:
        self.device, self.person, self.interval_ms = device, person, interval_ms
        self.start_ms, self.end_ms = bounds_ms
        self.seed, self.rng = seed, rng
        self.jitter_ms = interval_ms // 10
        self.phase_ms = rng.integers(0, interval_ms, len(device))
        self.drift = rng.standard_normal((len(device), 2))
        self.last_ms = np.full(len(device), self.start_ms - interval_ms)

    def earliest_ms(self, step: int) -> int:
        """No report of this step or a later one was made before this instant."""
        return self.start_ms + step * self.interval_ms - self.jitter_ms

    def report(self, steps: range, movement: Movement, plane: LocalPlane, air: Air) -> Rows:
        """What the devices send in some steps of their interval, doubles included."""
        event_ms = self._moments(steps)
        noise = drift(self.drift, np.diff(event_ms, axis=1, prepend=self.last_ms[:, None]), self.rng)
        self.drift, self.last_ms = noise[:, -1].copy(), event_ms[:, -1].copy()
        device, person = np.repeat(self.device, len(steps)), np.repeat(self.person, len(steps))
        flat_ms, noise = event_ms.reshape(-1), noise.reshape(-1, 2)
        kept = (flat_ms >= self.start_ms) & (flat_ms < self.end_ms)
        kept &= air.off.number_at(device, flat_ms) < 0
        return self._rows(device[kept], person[kept], flat_ms[kept], noise[kept], movement, plane, air)

    def _moments(self, steps: range) -> NDArray[np.int64]:
        jitter_ms = self.rng.integers(-self.jitter_ms, self.jitter_ms + 1, (len(self.device), len(steps)))
        nominal_ms = self.start_ms + np.arange(steps.start, steps.stop) * self.interval_ms
        return np.asarray(nominal_ms + self.phase_ms[:, None] + jitter_ms)

    def _rows(
        self,
        device: NDArray[np.int64],
        person: NDArray[np.int64],
        event_ms: NDArray[np.int64],
        noise: NDArray[np.float64],
        movement: Movement,
        plane: LocalPlane,
        air: Air,
    ) -> Rows:
        there = movement.at(person, event_ms)
        seen = observe(there.at_m, there.surroundings, noise, device, event_ms, self.seed, self.rng)
        arrival_ms = arrivals(device, event_ms, air.offline, air.troubles, self.rng)
        speed_mps = np.abs(there.speed_mps + 0.3 * self.rng.standard_normal(len(device)))
        rows = Rows(
            device,
            event_ms,
            arrival_ms,
            plane.to_degrees(seen.at_m).round(7),
            seen.accuracy_m.round(1),
            seen.source,
            speed_mps.round(1),
        )
        return with_doubles(rows, air.troubles, self.rng)


def with_doubles(rows: Rows, troubles: Troubles, rng: np.random.Generator) -> Rows:
    """The rows, and some of them again, arriving later."""
    again, later_ms = doubles(len(rows), troubles, rng)
    twice = rows.select(again)
    twice.arrival_ms[:] += later_ms
    return Rows.joined([rows, twice])
