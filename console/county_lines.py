"""County lines around a site's fences for the map, where boundary data are installed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from shapely.geometry import box, mapping

from geofences.county import ATTRIBUTION, counties
from geofences.errors import BoundaryDataMissing
from geofences.fence import Fence

#: Degrees shown around the fences.
_MARGIN = 0.2
#: A site that spans more counties than this gets no lines: at that scale they would be but a smear.
_COUNTIES_MOST = 400
_NOTHING: dict[str, Any] = {"type": "FeatureCollection", "features": []}


@lru_cache(maxsize=64)
def county_lines(fences: tuple[Fence, ...]) -> dict[str, Any]:
    """A FeatureCollection with ``attribution``, which must be shown with it; empty without data or fences."""
    if not fences:
        return _NOTHING
    try:
        known = counties()
    except BoundaryDataMissing:
        return _NOTHING
    ground = box(*bounds_around(fences))
    near = [county for county in known if county.shape.intersects(ground)]
    if len(near) > _COUNTIES_MOST:
        return _NOTHING
    features = [
        {
            "type": "Feature",
            "id": county.adcode,
            "geometry": mapping(county.shape),
            "properties": {"adcode": county.adcode, "name": county.name},
        }
        for county in near
    ]
    return {"type": "FeatureCollection", "features": features, "attribution": ATTRIBUTION}


def bounds_around(fences: Sequence[Fence]) -> tuple[float, float, float, float]:
    """West, south, east, north around all fences' shapes; reaches lie within the margin."""
    boxes = [fence.area.shape.bounds for fence in fences]
    west, south = (min(bounds[side] for bounds in boxes) - _MARGIN for side in (0, 1))
    east, north = (max(bounds[side] for bounds in boxes) + _MARGIN for side in (2, 3))
    return west, south, east, north
