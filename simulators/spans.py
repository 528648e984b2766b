"""Stretches of time [from, to) in ms as sorted lists that neither touch nor overlap."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Spans = list[tuple[int, int]]


def both(some: Spans, others: Spans) -> Spans:
    """When both hold."""
    met = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return joined([span for span in met if span[0] < span[1]])


def without(some: Spans, others: Spans) -> Spans:
    """When the first holds and none of the others."""
    left = some
    for start, end in others:
        pieces = [((a, min(b, start)), (max(a, end), b)) for a, b in left]
        left = [span for pair in pieces for span in pair if span[0] < span[1]]
    return left


def joined(spans: Spans) -> Spans:
    """Sorted, with those that touch or overlap made one."""
    merged: Spans = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def inside(time_ms: NDArray[np.int64], at_m: NDArray[np.float64], area_m: BaseGeometry, end_ms: int) -> Spans:
    """When a track is inside a flat area, from its first knot to ``end_ms``; (k,) and (k, 2) knots.

    Moments of crossing are those of the straight pieces between the knots, to the millisecond.
    """
    cuts = np.concatenate([time_ms.astype(np.float64), _crossings(time_ms, at_m, area_m)])
    cuts = np.unique(np.append(cuts[cuts < end_ms], end_ms))
    middle = (cuts[1:] + cuts[:-1]) / 2
    east, north = (np.interp(middle, time_ms, at_m[:, axis]) for axis in (0, 1))
    within = shapely.contains_xy(area_m, east, north)
    starts, ends = np.rint(cuts[:-1][within]), np.rint(cuts[1:][within])
    return joined([(int(a), int(b)) for a, b in zip(starts, ends, strict=True)])


def _crossings(
    time_ms: NDArray[np.int64], at_m: NDArray[np.float64], area_m: BaseGeometry
) -> NDArray[np.float64]:
    """The moments at which a track meets the boundary, in no order."""
    moving = np.flatnonzero((np.diff(at_m, axis=0) != 0).any(axis=1))
    pieces = shapely.linestrings(np.stack([at_m[moving], at_m[moving + 1]], axis=1))
    line = shapely.boundary(area_m)
    meets = shapely.intersects(pieces, line) if len(moving) else np.zeros(0, np.bool_)
    found = [np.zeros(0)]
    for knot, piece in zip(moving[meets], pieces[meets], strict=True):
        points = shapely.get_coordinates(shapely.intersection(piece, line))
        share = shapely.line_locate_point(piece, shapely.points(points)) / piece.length
        found.append(time_ms[knot] + share * (time_ms[knot + 1] - time_ms[knot]))
    return np.concatenate(found)
