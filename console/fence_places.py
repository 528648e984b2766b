"""Fences by where they are: what lies at a place, and within a box of the map."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from geofences.distance import signed_distance_m
from geofences.fence import Fence
from geofences.registry import FenceRegistry
from pipeline.sites.rows import Rows, as_rows

#: West, south, east, north in degrees; west > east reaches over ±180.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class FenceAt:
    """A fence and how far a place is from its edge in metres, negative inside."""

    fence: Fence
    distance_m: float


class FencePlaces:
    """All versions of all fences in the R-tree of the registry; several threads may ask."""

    def __init__(self, fences: Sequence[Fence]) -> None:
        self._mutex = threading.Lock()  # libspatialindex does not promise that several may search at once
        self._begin(as_rows(fences, "fence_id"))

    def _begin(self, rows: Rows[Fence]) -> None:
        """A fence has the number of its place among the rows, which changes leave as it is."""
        self._rows = rows
        self._fences = dict(rows.placed())
        numbers = list(self._fences)
        self._registry = FenceRegistry([self._fences[number] for number in numbers], numbers)

    def follow(self, fences: Sequence[Fence]) -> None:
        """These are the fences from now on; only those that are new or gone are touched."""
        with self._mutex:
            rows = as_rows(fences, "fence_id")
            moved = rows.moved_since(self._rows)
            if moved is None:
                self._begin(rows)
                return
            gone = {number: before for number, before, _ in moved if before is not None}
            new = {number: now for number, _, now in moved if now is not None}
            self._registry.replace(list(gone), new)
            for number in gone:
                del self._fences[number]
            self._fences |= new
            self._rows = rows

    def at(self, lon: float, lat: float, at_ms: int, reach_m: float = 0.0) -> list[FenceAt]:
        """The fences valid at a time whose edge or inside is within reach of a place, the deepest first.

        Exact, by the definition that alerts are raised by; tolerances and schedules do not count.
        """
        with self._mutex:
            near = [self._fences[number] for number in self._registry.candidates(lon, lat, reach_m)]
        found = []
        for fence in near:
            if _is_valid(fence, at_ms):
                distance_m = float(signed_distance_m(fence.area, [lon], [lat])[0])
                if distance_m <= reach_m:
                    found.append(FenceAt(fence, distance_m))
        return sorted(found, key=lambda one: (one.distance_m, one.fence.fence_id))

    def within(self, box: Box, at_ms: int) -> list[Fence]:
        """The fences valid at a time whose own box touches a box, by id."""
        with self._mutex:
            found = [self._fences[number] for number in self._registry.touching(box)]
        return sorted((fence for fence in found if _is_valid(fence, at_ms)), key=lambda one: one.fence_id)


def _is_valid(fence: Fence, at_ms: int) -> bool:
    return fence.valid_from_ms <= at_ms < fence.valid_to_ms
