"""Many areas in flat arrays: signed distances of pairs, fast with an error bound or exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geofences.appending import Appending
from geofences.area import Area
from geofences.box import area_boxes
from geofences.distance import pair_distances_m
from geofences.nearest import signed_distances
from geofences.outline import Outline, behind, outline_of

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


class AreaPack:
    """The areas of a sequence, known from here on by their number in it.

    What a pair gives never depends on the pairs beside it. ``bounds`` are boxes in degrees
    (min lon, min lat, max lon, max lat), shape (areas, 4), that hold the area with its reach; their
    longitudes may run past 180 degrees either way.
    """

    def __init__(self, areas: Sequence[Area]) -> None:
        self._take(outline_of(areas), area_boxes(areas))
        self._columns: dict[str, Appending] | None = None

    def _take(self, outline: Outline, bounds: Floats) -> None:
        self.outline = outline
        self.bounds = bounds

    def also(self, areas: Sequence[Area]) -> AreaPack:
        """The same with some more areas, at the cost of these; only the newest of a line may be asked."""
        if not areas:
            return self
        columns = self._appending()
        more = behind(self.outline, outline_of(areas))
        grown = {name: columns[name].also(cells) for name, cells in more._asdict().items()}
        pack = AreaPack.__new__(AreaPack)
        pack._take(Outline(**grown), columns["bounds"].also(area_boxes(areas)))
        pack._columns = columns
        return pack

    def make_room(self) -> None:
        """So that the first ``also`` need not."""
        columns = self._appending()
        for column in columns.values():
            column.make_room()
        outline = Outline(**{name: columns[name].cells for name in self.outline._fields})
        self._take(outline, columns["bounds"].cells)

    def _appending(self) -> dict[str, Appending]:
        if self._columns is None:
            self._columns = {name: Appending(cells) for name, cells in self.outline._asdict().items()}
            self._columns["bounds"] = Appending(self.bounds)
        return self._columns

    def approx(self, area: Longs, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Signed distances in metres of (area number, position) pairs, and a bound on each one's error.

        The true distance lies within ``d_m ± error_m``; the sign is that of ``exact``, from the same
        ray casting. The bound is under 6 mm within 20 km, about 2 m at 500 km, and inf where a chord
        says nothing any more (from about 16,000 km).
        """
        area, lon, lat = _columns(area, lon, lat)
        d_m, error_m = np.empty(len(area)), np.empty(len(area))
        signed_distances(self.outline, area, lon, lat, d_m, error_m)
        return d_m, error_m

    def exact(self, area: Longs, lon: Floats, lat: Floats) -> Floats:
        """Signed distances in metres of the pairs, as ``geofences.distance.signed_distance_m`` has them."""
        return pair_distances_m(self.outline, *_columns(area, lon, lat))


def _columns(area: Longs, lon: Floats, lat: Floats) -> tuple[Longs, Floats, Floats]:
    """Contiguous columns of the kernels' types, so that no second version of them is compiled."""
    return (
        np.ascontiguousarray(area, np.int64),
        np.ascontiguousarray(lon, np.float64),
        np.ascontiguousarray(lat, np.float64),
    )
