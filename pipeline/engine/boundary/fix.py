"""One fix as a binding tracker handles it; the fast path never makes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: event_ms, ping before confirmation, lon and lat as given, then the rest of the contract's columns.
OrderKey = tuple[int, int, float, float, int, float, bool, bytes]


@dataclass(slots=True, eq=False)
class Fix:
    """A position of a device with all that its judgement needs; metres, degrees, milliseconds.

    ``accuracy_m`` is None where not given, ``radius_m`` is the radius of uncertainty r that follows
    from it. ``distances`` keeps approximate signed distances with their error by area number,
    ``reports`` what alerts said of it by scope, instant and arrival.
    """

    key: OrderKey
    event_ms: int
    arrival_ms: int
    lon: float
    lat: float
    accuracy_m: float | None
    radius_m: float
    confirmed: bool
    distances: dict[int, tuple[float, float]] = field(default_factory=dict, repr=False)
    reports: dict[tuple[int, int, int], Any] = field(default_factory=dict, repr=False)
