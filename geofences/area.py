"""The ground a fence covers: a shape in WGS-84 degrees and how far it reaches."""

from __future__ import annotations

from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A Polygon or MultiPolygon (``reach_m`` 0), a Point (circle) or a LineString (corridor).

    ``shape`` is in WGS-84 lon/lat degrees, edges straight in lon/lat (RFC 7946). ``reach_m`` is the
    radius of a circle or the buffer of a corridor. The signed distance of a position to the area is
    the geodesic distance to the polygon's boundary, negative inside, or the distance to the point or
    line minus the reach.
    """

    shape: BaseGeometry
    reach_m: float = 0.0
