"""County lines around a site's fences for the map, where boundary data are installed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import shapely
from shapely.geometry import box, mapping

from geofences.county import ATTRIBUTION, counties
from geofences.errors import BoundaryDataMissing
from geofences.fence import Fence
from pipeline.sites.row_columns import cells_of

#: Degrees shown around the fences.
_MARGIN = 0.2
#: A site that spans more counties than this gets no lines: at that scale they would be but a smear.
_COUNTIES_MOST = 400
_NOTHING: dict[str, Any] = {"type": "FeatureCollection", "features": []}


def county_lines(fences: Sequence[Fence]) -> dict[str, Any]:
    """A FeatureCollection with ``attribution``, which must be shown with it; empty without data or fences."""
    return _lines_within(*bounds_around(fences)) if fences else _NOTHING


@lru_cache(maxsize=64)
def _lines_within(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    try:
        known = counties()
    except BoundaryDataMissing:
        return _NOTHING
    ground = box(west, south, east, north)
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
    boxes = shapely.bounds(cells_of(fences, "area.shape"))
    west, south = (boxes[:, :2].min(axis=0) - _MARGIN).tolist()
    east, north = (boxes[:, 2:].max(axis=0) + _MARGIN).tolist()
    return west, south, east, north
