"""Where and when a site's fences count: areas, scopes, schedules and the indexes over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely import Point

from geofences.area import Area
from geofences.fence import Fence
from geofences.pack import AreaPack
from geofences.registry import FenceRegistry, StreamIndex
from pipeline.engine.active_intervals import ActiveIntervals
from pipeline.engine.reach import office_spans, reach_of
from pipeline.sites.offices import offices_above
from pipeline.sites.policy import Policy
from pipeline.sites.records import Leave, Site

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged on its own: the keep_in fences of one group, or one keep_out fence."""

    keep_in: bool
    name: str
    fences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LeavePlace:
    """One area of a leave: its circle, or one version of a fence it names."""

    area: int
    tolerance_m: float
    name: str
    severity: int | None


class CompiledFences:
    """A site's fences compiled for the stream; shared by all shards, never changed by them.

    Areas are numbered as the fences, then the circles of the leaves. ``shared`` keep_out fences are
    found through the R-tree, all others by assignment to a person, a class or an office.
    """

    def __init__(self, site: Site) -> None:
        self.policy: Policy = site.policy
        self.fences: tuple[Fence, ...] = site.fences
        self.active_intervals = ActiveIntervals(site)
        self.tolerance_m = np.array([fence.tolerance_m for fence in site.fences], np.float64)
        self.keep_in = np.array([fence.rule == "keep_in" for fence in site.fences], np.bool_)
        self.scopes, self.scope = _scopes(site.fences)
        self.leave_places = _leave_places(site)
        self.pack = AreaPack([*(fence.area for fence in site.fences), *_circles(site.leaves)])
        self.by_selector = _by_selector(site.fences)
        self.offices_above = offices_above(list(site.offices))
        self.office_span = office_spans(self.offices_above)
        self.class_code = {name: code for code, name in enumerate(site.policy.windows)}
        self.shared = np.array([f.group is None and _is_shared(f) for f in site.fences], np.bool_)
        shared = np.flatnonzero(self.shared).tolist()
        self.registry = FenceRegistry(site.fences)
        self.index: StreamIndex | None = self.registry.compiled(shared) if shared else None
        self.reach = reach_of(site.fences, shared, self.office_span, self.class_code)

    def numbers_for(self, selector: str) -> list[int]:
        """Fences that name this selector."""
        return self.by_selector.get(selector, [])

    def shared_for(self, class_name: str, office_id: str) -> list[int]:
        """Fences that apply to a class or an office (or one above it), or to all."""
        selectors = ["all", f"class:{class_name}", *(f"office:{o}" for o in self.offices_above[office_id])]
        return sorted({number for selector in selectors for number in self.numbers_for(selector)})


def _is_shared(fence: Fence) -> bool:
    return any(not selector.startswith("person:") for selector in fence.applies_to)


def _scopes(fences: Sequence[Fence]) -> tuple[list[Scope], Ints]:
    names = [(fence.group is not None, fence.group or fence.fence_id) for fence in fences]
    number = {name: code for code, name in enumerate(dict.fromkeys(names))}
    scope = np.array([number[name] for name in names], np.int64)
    order = np.argsort(scope, kind="stable")
    members = np.split(order, np.searchsorted(scope[order], np.arange(1, len(number))))
    return [
        Scope(keep_in, name, tuple(members[code].tolist())) for (keep_in, name), code in number.items()
    ], scope


def _circles(leaves: Sequence[Leave]) -> list[Area]:
    return [
        Area(Point(leave.lon, leave.lat), leave.radius_m)
        for leave in leaves
        if leave.lon is not None and leave.lat is not None and leave.radius_m is not None
    ]


def _leave_places(site: Site) -> list[tuple[LeavePlace, ...]]:
    versions: dict[str, list[int]] = {}
    for number, fence in enumerate(site.fences):
        versions.setdefault(fence.fence_id, []).append(number)
    circle = len(site.fences)
    places: list[tuple[LeavePlace, ...]] = []
    for leave in site.leaves:
        named = [
            LeavePlace(f, site.fences[f].tolerance_m, fence_id, site.fences[f].severity)
            for fence_id in leave.fence_ids
            for f in versions[fence_id]
        ]
        if leave.radius_m is not None:
            named.append(LeavePlace(circle, site.policy.keep_in.tolerance_m, leave.leave_id, None))
            circle += 1
        places.append(tuple(named))
    return places


def _by_selector(fences: Sequence[Fence]) -> dict[str, list[int]]:
    by_selector: dict[str, list[int]] = {}
    for number, fence in enumerate(fences):
        for selector in fence.applies_to:
            by_selector.setdefault(selector, []).append(number)
    return by_selector
