"""Cuts along 180 degrees: where a polygon lies on both sides of them, they are no boundary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geofences.edges import Edges

Span = tuple[float, float]


def drop_cuts(edges: Edges, is_ring: NDArray[np.bool_]) -> Edges:
    """The edges without what is no boundary of their polygon on the ground.

    That is the latitudes that a polygon's edges on +180 and on -180 share, and edges along a pole,
    which have no length. What is left of a shortened edge keeps its place among its chain's edges.
    """
    lon0, lat0, lon1, lat1 = edges.ends.T
    at_pole = is_ring & (np.abs(lat0) == 90.0) & (lat0 == lat1)
    on_cut = is_ring & (lon0 == lon1) & (np.abs(lon0) == 180.0)
    if not (at_pole.any() or on_cut.any()):
        return edges
    kept = [np.flatnonzero(~at_pole & ~on_cut)]
    ends = [edges.ends[kept[0]]]
    for area in np.unique(edges.area[on_cut]):
        of_area = np.flatnonzero(on_cut & (edges.area == area))
        shared = _shared(edges.ends[of_area])
        for edge in of_area:
            rest = _rest(edges.ends[edge], shared)
            kept.append(np.full(len(rest), edge))
            ends.append(np.array(rest, np.float64).reshape(-1, 4))
    edge_numbers = np.concatenate(kept)
    order = np.argsort(edge_numbers, kind="stable")
    chosen = edge_numbers[order]
    return edges._replace(
        area=edges.area[chosen], chain=edges.chain[chosen], ends=np.concatenate(ends)[order]
    )


def _shared(ends: NDArray[np.float64]) -> list[Span]:
    """Latitude spans that lie on both sides of the cut."""
    sides = []
    for side in (180.0, -180.0):
        on_side = ends[ends[:, 0] == side]
        sides.append([(min(a, b), max(a, b)) for a, b in on_side[:, (1, 3)].tolist()])
    met = [(max(a[0], b[0]), min(a[1], b[1])) for a in sides[0] for b in sides[1]]
    return sorted(span for span in met if span[0] < span[1])


def _rest(end: NDArray[np.float64], shared: list[Span]) -> list[tuple[float, float, float, float]]:
    """What remains of one edge on the cut, in its own direction."""
    lon, lat0, _, lat1 = end.tolist()
    at, top = min(lat0, lat1), max(lat0, lat1)
    spans: list[Span] = []
    for low, high in shared:
        if high <= at or low >= top:
            continue
        if low > at:
            spans.append((at, low))
        at = max(at, high)
    if at < top:
        spans.append((at, top))
    if lat1 < lat0:
        return [(lon, high, lon, low) for low, high in reversed(spans)]
    return [(lon, low, lon, high) for low, high in spans]
