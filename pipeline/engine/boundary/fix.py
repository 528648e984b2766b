"""One fix as a binding tracker handles it; the fast path never makes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.engine.policy_table import UNKNOWN_SOURCE

#: event_ms, ping before confirmation, lon and lat as given, then the rest of the contract's columns.
OrderKey = tuple[int, int, float, float, int, float, bool, bytes]


@dataclass(slots=True, eq=False)
class Fix:
    """A position of a device with all that its judgement needs; metres, degrees, milliseconds.

    ``accuracy_m`` is None where not given, ``radius_m`` is the radius of uncertainty r that follows
    from it by the policy in force at ``event_ms``; ``source`` is what it counts as, for other policies
    (UNKNOWN_SOURCE in a state of a version that knew of one policy only). ``distances`` keeps approximate
    signed distances with their error by area number, ``reports`` what alerts said of it by scope, instant
    and arrival.
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
    source: int = UNKNOWN_SOURCE
