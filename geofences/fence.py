"""One version of a fence, as a site gives it and the engine judges by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from geofences.area import Area
from geofences.instant import BEGIN_MS, END_MS
from geofences.schedule import Schedule

Rule = Literal["keep_in", "keep_out"]


@dataclass(frozen=True, slots=True, eq=False)
class Fence:
    """A fence with everything resolved: area in WGS-84.

    ``tolerance_m`` is the fence's own, or where ``has_policy_tolerance`` that of the site's first policy:
    then the one in force counts, which may be another.

    ``group`` is None on keep_out fences and the fence_id where a keep_in fence names none.
    ``applies_to`` holds selectors: ``person:ID``, ``class:NAME``, ``office:ID``, ``all``.
    Valid while ``valid_from_ms <= t < valid_to_ms``; ``schedule`` None means always open.
    """

    fence_id: str
    name: str
    rule: Rule
    group: str | None
    applies_to: tuple[str, ...]
    area: Area
    tolerance_m: float = 0.0
    schedule: Schedule | None = None
    valid_from_ms: int = BEGIN_MS
    valid_to_ms: int = END_MS
    severity: int | None = None
    has_policy_tolerance: bool = False
