"""Which fences may matter at a position: an R-tree that changes, and packed copies for streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from rtree import index

from geofences.box import folded, folded_area_boxes, grown
from geofences.fence import Fence

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


class StreamIndex:
    """An immutable index of some fences, asked with whole columns of positions."""

    def __init__(self, numbers: Longs, boxes: Floats) -> None:
        """``numbers`` (b,) says whose box each of ``boxes`` (b, 4) is."""
        self._numbers = numbers
        self._tree = shapely.STRtree(shapely.box(*boxes.T))

    def pairs(self, lon: ArrayLike, lat: ArrayLike, reach_m: ArrayLike = 0.0) -> tuple[Longs, Longs]:
        """Rows and fence numbers, sorted by both, where a fence's box comes within reach of a position.

        ``reach_m`` is one number or one per position. Says the same as ``FenceRegistry.candidates``.
        """
        boxes, row = _position_boxes(lon, lat, reach_m)
        found, box = self._tree.query(shapely.box(*boxes.T))
        if len(found) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        span = int(self._numbers.max()) + 1
        # Not ``unique``: numpy hashes, which for so many keys that lie close takes ten times as long.
        keys = np.sort(row[found] * span + self._numbers[box])
        keys = keys[np.append(True, keys[1:] != keys[:-1])]
        return keys // span, keys % span


class FenceRegistry:
    """All fences by number, the authority on which are in force; boxes in an R-tree of libspatialindex.

    Numbers are the caller's choice; by default those of the sequence it is made from.
    """

    def __init__(self, fences: Sequence[Fence], numbers: Sequence[int] | None = None) -> None:
        places = range(len(fences)) if numbers is None else numbers
        self._fences = dict(zip(places, fences, strict=True))
        # Bulk loading packs the tree in one go; an empty stream is refused by the library.
        self._tree = index.Index(self._entries(fences, places)) if fences else index.Index()

    def __len__(self) -> int:
        return len(self._fences)

    def insert(self, number: int, fence: Fence) -> None:
        """Add a fence under a number not in use; KeyError where it is."""
        self.replace([], {number: fence})

    def remove(self, number: int) -> None:
        """Forget a fence; KeyError where there is none of that number."""
        self.replace([number], {})

    def replace(self, gone: Sequence[int], new: Mapping[int, Fence]) -> None:
        """Forget fences, then add others; KeyError as ``remove`` and ``insert`` raise it.

        Of many at once the boxes are worked out together, which is most of what one costs.
        """
        self._tell(self._tree.delete, {number: self._fences[number] for number in gone})
        for number in gone:
            del self._fences[number]
        for number in new:
            if number < 0 or number in self._fences:
                raise KeyError(f"fence number {number} is negative or in use")
        self._tell(self._tree.insert, new)
        self._fences |= new

    @staticmethod
    def _tell(do: Callable[[int, list[float]], None], fences: Mapping[int, Fence]) -> None:
        if fences:
            for number, box, _ in FenceRegistry._entries(list(fences.values()), list(fences)):
                do(number, box)

    def candidates(self, lon: float, lat: float, reach_m: float = 0.0) -> list[int]:
        """Numbers, ascending, of the fences whose box comes within ``reach_m`` of the position."""
        boxes, _ = _position_boxes(lon, lat, reach_m)
        return sorted({number for box in boxes for number in self._tree.intersection(box.tolist())})

    def touching(self, box: tuple[float, float, float, float]) -> list[int]:
        """Numbers, ascending, of the fences whose box touches another (west, south, east, north in degrees).

        A box whose west is east of its east reaches over ±180.
        """
        west, south, east, north = box
        sides = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        boxes = [(low, south, high, north) for low, high in sides]
        return sorted({number for one in boxes for number in self._tree.intersection(one)})

    def compiled(self, numbers: Sequence[int] | Longs) -> StreamIndex:
        """A packed index of these fences as they are now."""
        known = np.asarray(numbers, np.int64)
        boxes, owner = folded_area_boxes([self._fences[int(number)].area for number in known])
        return StreamIndex(known[owner], boxes)

    @staticmethod
    def _entries(fences: Sequence[Fence], numbers: Sequence[int]) -> Iterator[tuple[int, list[float], None]]:
        boxes, owner = folded_area_boxes([fence.area for fence in fences])
        return ((numbers[of], box, None) for of, box in zip(owner.tolist(), boxes.tolist(), strict=True))


def _position_boxes(lon: ArrayLike, lat: ArrayLike, reach_m: ArrayLike) -> tuple[Floats, Longs]:
    """Boxes within ±180 that hold all within reach of each position, and the row of each."""
    lon_deg, lat_deg = np.atleast_1d(np.asarray(lon, np.float64)), np.atleast_1d(np.asarray(lat, np.float64))
    reach = np.broadcast_to(np.asarray(reach_m, np.float64), lon_deg.shape)
    return folded(grown(np.column_stack([lon_deg, lat_deg, lon_deg, lat_deg]), reach))
