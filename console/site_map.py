"""Fences as GeoJSON for a map, as far as an office's people are judged by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pyproj import Geod
from shapely.geometry import mapping

from console.caller import Caller
from console.gate import Right
from console.site_directory import SiteDirectory
from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS
from sinks.alert import instant_text

#: Corners that stand for a circle; on a map nobody tells the difference.
_CORNERS = 48
_GEOD = Geod(ellps="WGS84")


def fence_features(
    fences: Sequence[Fence], people: SiteDirectory, caller: Caller, at_ms: int
) -> Iterator[dict[str, Any]]:
    """The fences that may judge somebody of the caller's offices, in no order that means anything.

    Of its selectors a fence shows those that say nothing of anybody else. Its name may be a person's ("Home
    of …") where it is meant for one; then only who may know people's names is told it.
    """
    for fence in fences:
        selectors = [own_selector(selector, people, caller, at_ms) for selector in fence.applies_to]
        seen = [*dict.fromkeys(selector for selector in selectors if selector is not None)]
        if seen:
            is_personal = any(selector.startswith("person:") for selector in fence.applies_to)
            name: str | None = fence.name
            if not caller.may(Right.NAME):
                name = None if is_personal else people.mask.text(fence.name)
            yield _feature(fence, name, seen, people.site.policies.tolerance_m(fence, at_ms))


def seen_fences(
    fences: Sequence[Fence], people: SiteDirectory, caller: Caller, at_ms: int
) -> tuple[Fence, ...]:
    """Those of the fences that may judge somebody of the caller's offices."""
    return tuple(
        fence
        for fence in fences
        if any(own_selector(selector, people, caller, at_ms) is not None for selector in fence.applies_to)
    )


def own_selector(selector: str, people: SiteDirectory, caller: Caller, at_ms: int) -> str | None:
    """A selector as far as it is about the caller's people; None where it is about others alone.

    An office above the caller's is as good as not there, so the caller's own stands for it.
    """
    what, _, name = selector.partition(":")
    if what == "person":
        person = people.person(name, at_ms)
        return selector if person is not None and person.office_id in caller.offices else None
    if what == "office" and name not in caller.offices:
        return f"office:{caller.office}" if caller.office in people.within(name) else None
    return selector


def _feature(fence: Fence, name: str | None, applies_to: list[str], tolerance_m: float) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": fence.fence_id,
        "geometry": _geometry(fence),
        "properties": {
            "fence_id": fence.fence_id,
            "name": name,
            "rule": fence.rule,
            "group": fence.group,
            "applies_to": applies_to,
            "shape": {"Point": "circle", "LineString": "corridor"}.get(fence.area.shape.geom_type, "polygon"),
            "reach_m": fence.area.reach_m or None,
            "tolerance_m": tolerance_m,
            "has_schedule": fence.schedule is not None,
            "valid_from": None if fence.valid_from_ms == BEGIN_MS else instant_text(fence.valid_from_ms),
            "valid_to": None if fence.valid_to_ms == END_MS else instant_text(fence.valid_to_ms),
            "severity": fence.severity,
        },
    }


def _geometry(fence: Fence) -> dict[str, Any]:
    """A circle as a ring of corners; a corridor as its line, whose reach stands in the properties."""
    shape = fence.area.shape
    if shape.geom_type != "Point":
        return _rounded(mapping(shape))
    bearings = np.linspace(0.0, 360.0, _CORNERS, endpoint=False)[::-1]
    lon, lat = np.full(_CORNERS, shape.x), np.full(_CORNERS, shape.y)
    ring_lon, ring_lat, _ = _GEOD.fwd(lon, lat, bearings, np.full(_CORNERS, fence.area.reach_m))
    # Corners beyond ±180 keep their side of the centre, so that the ring does not run around the globe.
    ring_lon = shape.x + (np.asarray(ring_lon) - shape.x + 180.0) % 360.0 - 180.0
    ring = [*zip(ring_lon.tolist(), np.asarray(ring_lat).tolist(), strict=True)]
    return _rounded({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})


def _rounded(geometry: dict[str, Any]) -> dict[str, Any]:
    """Six digits are a tenth of a metre."""
    return {"type": geometry["type"], "coordinates": _round_all(geometry["coordinates"])}


def _round_all(numbers: Any) -> Any:
    return round(numbers, 6) if isinstance(numbers, float) else [_round_all(inner) for inner in numbers]
