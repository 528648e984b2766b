"""On which side of a scope a fix lies, which fence says so, and how far away it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from shapely.geometry import Point

from geofences.area import Area
from geofences.distance import signed_distance_m
from geofences.fence import Fence
from pipeline.ping import CONFIRMATION
from pipeline.reference.active import ActiveTimes
from pipeline.reference.row import ReferenceRow
from pipeline.reference.scope import Scope, own_fences
from pipeline.reference.subjects import Subjects
from pipeline.sites.policies import tolerance_m
from pipeline.sites.policy import Policy
from pipeline.sites.records import Leave, Site

Position = tuple[float, float]


class Look(NamedTuple):
    """One fix seen against one scope; ``severity`` is the naming fence's own, if it has one."""

    side: str
    fence_id: str
    severity: int | None
    distance_m: float


class _Candidate(NamedTuple):
    shifted_m: float
    fence_id: bytes
    severity: int | None
    distance_m: float


class Distances:
    """Exact signed distances, remembered: the slow part, so fill it many positions at a time."""

    def __init__(self) -> None:
        self._known: dict[Area, dict[Position, float]] = {}
        self._circles: dict[Leave, Area] = {}

    def of(self, area: Area, position: Position) -> float:
        known = self._known.setdefault(area, {})
        if position not in known:
            self.fill(area, [position])
        return known[position]

    def fill(self, area: Area, positions: Iterable[Position]) -> None:
        known = self._known.setdefault(area, {})
        new = sorted({position for position in positions if position not in known})
        if new:
            lon, lat = np.array(new, dtype=np.float64).T
            known.update(zip(new, signed_distance_m(area, lon, lat).tolist(), strict=True))

    def circle(self, leave: Leave) -> Area | None:
        """The area of a leave's circle, None where it has none."""
        if leave.lon is None or leave.lat is None or leave.radius_m is None:
            return None
        if leave not in self._circles:
            self._circles[leave] = Area(Point(leave.lon, leave.lat), leave.radius_m)
        return self._circles[leave]


def uncertainty_m(row: ReferenceRow, policy: Policy) -> float:
    """The radius r: factor times accuracy, at least the floor of the source."""
    source = row.source if row.kind != CONFIRMATION and row.source is not None else "gnss"
    accuracy_m = policy.accuracy_default_m if row.accuracy_m is None else row.accuracy_m
    return max(policy.accuracy_factor * accuracy_m, policy.floor_m[source])


class SideFinder:
    """Everything a position of one person is compared with."""

    def __init__(
        self, site: Site, subjects: Subjects, active: ActiveTimes, distances: Distances, person_id: str
    ) -> None:
        self.site, self.policies, self.subjects, self.active = site, site.policies, subjects, active
        self.person_id, self.leaves = person_id, subjects.leaves[person_id]
        self._distances = distances
        self._named: dict[str, list[Fence]] = {}
        for fence in site.fences:
            self._named.setdefault(fence.fence_id, []).append(fence)

    def areas(self, scopes: Iterable[Scope]) -> Iterator[Area]:
        """Every area that may be asked about, for filling distances beforehand."""
        yield from (fence.area for scope in scopes for fence in scope.fences)
        for leave in self.leaves:
            yield from (fence.area for name in leave.fence_ids for fence in self._named[name])
            circle = self._distances.circle(leave)
            if circle is not None:
                yield circle

    def look(
        self, scope: Scope, row: ReferenceRow, *, at_ms: int, arrival_ms: int, also: Leave | None = None
    ) -> Look | None:
        """The fix as if made at ``at_ms`` and come in at ``arrival_ms``; None: not judged by it.

        ``also`` is a leave that counts whenever it was approved.
        """
        position = row.position
        own = own_fences(scope, self.subjects, self.active, self.person_id, at_ms)
        if position is None or not own:
            return None
        sign, policy = -1.0 if scope.rule == "keep_in" else 1.0, self.policies.at(at_ms)
        candidates = [self._candidate(fence, position, sign, policy) for fence in own]
        if scope.rule == "keep_in":
            for leave in self.leaves:
                valid = leave.valid_from_ms <= at_ms < leave.valid_to_ms
                if valid and (leave.approved_at_ms <= arrival_ms or leave is also):
                    candidates += self._leave_candidates(leave, position, policy)
        nearest = min(candidates, key=lambda candidate: candidate[:2])
        r = uncertainty_m(row, policy)
        side = "in" if nearest.shifted_m <= -r else "out" if nearest.shifted_m > r else "unsure"
        return Look(side, nearest.fence_id.decode(), nearest.severity, nearest.distance_m)

    def _leave_candidates(self, leave: Leave, position: Position, policy: Policy) -> list[_Candidate]:
        """A leave's areas: its fences whatever their rule and validity, each by its own tolerance."""
        fences = [fence for name in leave.fence_ids for fence in self._named[name]]
        found = [self._candidate(fence, position, -1.0, policy) for fence in fences]
        circle = self._distances.circle(leave)
        if circle is not None:
            distance_m = self._distances.of(circle, position)
            shifted_m = _to_mm(distance_m) - policy.keep_in.tolerance_m
            found.append(_Candidate(shifted_m, leave.leave_id.encode(), None, distance_m))
        return found

    def _candidate(self, fence: Fence, position: Position, sign: float, policy: Policy) -> _Candidate:
        distance_m = self._distances.of(fence.area, position)
        shifted_m = _to_mm(distance_m) + sign * tolerance_m(fence, policy)
        return _Candidate(shifted_m, fence.fence_id.encode(), fence.severity, distance_m)


def _to_mm(distance_m: float) -> float:
    """Rounded to a millimetre, half to even, as every engine must decide."""
    return round(distance_m * 1000.0) / 1000.0
