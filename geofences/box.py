"""Boxes in degrees around areas and positions, grown by metres and folded at 180 degrees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geofences.area import Area, Areas
from geofences.nearest import RADIUS_BELOW_M

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

#: A centimetre: more than rounding moves a box, so that what touches is found.
_MARGIN_DEG = 1e-7


def area_boxes(areas: Sequence[Area]) -> Floats:
    """One box (min lon, min lat, max lon, max lat) per area that holds it with its reach, shape (n, 4)."""
    columns = Areas.of(areas)
    return grown(shapely.bounds(columns.shapes).reshape(-1, 4), columns.reach_m)


def folded_area_boxes(areas: Sequence[Area]) -> tuple[Floats, Longs]:
    """Boxes within ±180 that hold the areas with their reach, and the number of each box's area.

    A polygon cut at 180 degrees would have a box right round the earth, so its parts have their own.
    """
    columns = Areas.of(areas)
    shapes = columns.shapes
    whole = shapely.bounds(shapes).reshape(-1, 4)
    cut = (whole[:, 0] <= -180.0) & (whole[:, 2] >= 180.0)
    parts, part_owner = shapely.get_parts(shapes[cut], return_index=True)
    bounds = np.vstack([whole[~cut], shapely.bounds(parts).reshape(-1, 4)])
    owner = np.concatenate([np.flatnonzero(~cut), np.flatnonzero(cut)[part_owner]]).astype(np.int64)
    boxes, box = folded(grown(bounds, columns.reach_m[owner]))
    return boxes, owner[box]


def grown(boxes: Floats, reach_m: Floats) -> Floats:
    """Boxes that hold every position within ``reach_m`` (n,) metres of the given ones, shape (n, 4).

    On the ellipsoid no path is shorter than RADIUS_BELOW_M times its angle on the sphere of geodetic
    latitudes, and there a cap of angle s about latitude f spans asin(sin s / cos f) of longitude.
    """
    min_lon, min_lat, max_lon, max_lat = boxes.T
    angle = np.minimum(reach_m / RADIUS_BELOW_M, np.pi)
    nearest_pole = np.radians(np.maximum(np.abs(min_lat), np.abs(max_lat)))
    holds_pole = nearest_pole + angle >= np.pi / 2.0 - 1e-9
    with np.errstate(divide="ignore", invalid="ignore"):
        widening = np.degrees(np.arcsin(np.sin(angle) / np.cos(nearest_pole)))
    widening = np.where(angle == 0.0, 0.0, np.where(holds_pole, 360.0, widening)) + _MARGIN_DEG
    heightening = np.degrees(angle) + _MARGIN_DEG
    return np.column_stack(
        [
            min_lon - widening,
            np.maximum(min_lat - heightening, -90.0),
            max_lon + widening,
            np.minimum(max_lat + heightening, 90.0),
        ]
    )


def folded(boxes: Floats) -> tuple[Floats, Longs]:
    """The boxes cut at 180 degrees, what runs past it put on the other side; and whose box each is."""
    number = np.arange(len(boxes))
    round_the_earth = boxes[:, 2] - boxes[:, 0] >= 360.0
    inner = boxes.copy()
    inner[:, 0] = np.where(round_the_earth, -180.0, np.maximum(boxes[:, 0], -180.0))
    inner[:, 2] = np.where(round_the_earth, 180.0, np.minimum(boxes[:, 2], 180.0))
    west = (boxes[:, 0] < -180.0) & ~round_the_earth
    east = (boxes[:, 2] > 180.0) & ~round_the_earth
    from_west, from_east = boxes[west].copy(), boxes[east].copy()
    from_west[:, 0], from_west[:, 2] = from_west[:, 0] + 360.0, 180.0
    from_east[:, 0], from_east[:, 2] = -180.0, from_east[:, 2] - 360.0
    owner = np.concatenate([number, number[west], number[east]]).astype(np.int64)
    return np.vstack([inner, from_west, from_east]), owner
