"""The ground a fence covers: a shape in WGS-84 degrees and how far it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
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


class Areas(Sequence[Area]):
    """Areas as columns: shapes as an array of objects, and how far each reaches in metres, shape (n,)."""

    def __init__(self, shapes: NDArray[Any], reach_m: NDArray[np.float64]) -> None:
        self.shapes = shapes
        self.reach_m = reach_m

    @classmethod
    def of(cls, areas: Sequence[Area]) -> Areas:
        """The same areas, if they are not columns already."""
        if isinstance(areas, Areas):
            return areas
        shapes = np.empty(len(areas), np.object_)
        shapes[:] = [area.shape for area in areas]
        return cls(shapes, np.array([area.reach_m for area in areas], np.float64))

    def __len__(self) -> int:
        return len(self.shapes)

    @overload
    def __getitem__(self, number: int) -> Area: ...

    @overload
    def __getitem__(self, number: slice) -> Areas: ...

    def __getitem__(self, number: int | slice) -> Area | Areas:
        if isinstance(number, slice):
            return Areas(self.shapes[number], self.reach_m[number])
        return Area(self.shapes[number], float(self.reach_m[number]))
