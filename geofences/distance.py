"""The exact signed distance of positions to an area, on the WGS-84 ellipsoid."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod

from geofences.area import Area
from geofences.nearest import candidates, insides
from geofences.outline import WGS84_E2, Outline, outline_of

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

_GEOD = Geod(ellps="WGS84")
_STEPS_MAX = 6
_AT_A_TIME = 1 << 16
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_GOLDEN_STEPS = 45
#: From here on, the distance along a piece may have more than one low point.
_FAR_M = 8_000_000.0


def signed_distance_m(area: Area, lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Signed distances in metres, shape (n,): geodesic to the boundary, negative inside a polygon;
    to the centre or line minus the reach for a circle or corridor. ``lon``, ``lat`` in degrees.

    Edges are straight in lon/lat, inside is by even-odd ray casting there; a polygon cut at 180
    degrees has no boundary along the cut. Converged to 1e-8 m, as far as geodesics are (Karney,
    Algorithms for geodesics, 2013). Never -0.0.
    """
    lon_deg = np.ascontiguousarray(np.atleast_1d(lon), np.float64)
    lat_deg = np.ascontiguousarray(np.atleast_1d(lat), np.float64)
    return pair_distances_m(_outline(area), np.zeros(len(lon_deg), np.int64), lon_deg, lat_deg)


def pair_distances_m(outline: Outline, area: Longs, lon: Floats, lat: Floats) -> Floats:
    """The same for pairs of an area's number and a position; inf where an area has no boundary."""
    away_m = np.full(len(lon), np.inf)
    for start in range(0, len(lon), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        pair, vertex, along = candidates(outline, area[part], lon[part], lat[part])
        pieces_m = _to_pieces_m(outline, vertex, along, lon[part][pair], lat[part][pair])
        np.minimum.at(away_m[part], pair, pieces_m)
    away_m[insides(outline, area, lon, lat)] *= -1.0
    # Adding zero makes a negative zero positive.
    return np.asarray(away_m - outline.reach_m[area] + 0.0, np.float64)


@lru_cache(maxsize=4096)
def _outline(area: Area) -> Outline:
    return outline_of([area])


def _to_pieces_m(outline: Outline, vertex: Longs, along: Floats, lon: Floats, lat: Floats) -> Floats:
    """Geodesic distance from each position to its piece, starting the search at ``along``."""
    pieces = np.column_stack(
        [
            outline.lon[vertex],
            outline.lat[vertex],
            outline.lon[vertex + 1] - outline.lon[vertex],
            outline.lat[vertex + 1] - outline.lat[vertex],
        ]
    )
    positions = np.column_stack([lon, lat])
    away_m, settled = _newton_m(pieces, along, positions)
    if not settled.all():
        hard = np.flatnonzero(~settled)
        away_m[hard] = np.minimum(away_m[hard], _golden_m(pieces[hard], positions[hard]))
    return away_m


def _newton_m(pieces: Floats, along: Floats, positions: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Newton steps on half the squared distance; and whether each has settled on a low point.

    A step of delta metres leaves delta^2 / 2s of the distance s undone, so a step under
    sqrt(1e-9 s) says that the distance before it was good already.
    """
    away_m = np.full(len(along), np.inf)
    settled = np.zeros(len(along), np.bool_)
    going = np.arange(len(along))
    at = along
    for _ in range(_STEPS_MAX):
        piece = pieces[going]
        lon, lat = piece[:, 0] + at * piece[:, 2], piece[:, 1] + at * piece[:, 3]
        _, back_deg, s_m = _GEOD.inv(positions[going, 0], positions[going, 1], lon, lat)
        away_m[going] = np.minimum(away_m[going], s_m)
        step, length_m = _newton_step(piece, lat, np.radians(back_deg), s_m)
        moved = np.clip(at - step, 0.0, 1.0)
        delta_m = np.abs(moved - at) * length_m
        done = (delta_m * delta_m <= 1e-9 * s_m) | (delta_m <= 1e-9)
        settled[going[done]] = s_m[done] < _FAR_M
        going, at = going[~done], moved[~done]
        if len(going) == 0:
            break
    return away_m, settled


def _newton_step(piece: Floats, lat: Floats, back: Floats, s_m: Floats) -> tuple[Floats, Floats]:
    """How far back along the piece (its parameter) the low point lies, and |Q'| in metres.

    ``back`` is the azimuth at the piece's point Q towards the position. The second derivative is the
    sphere's: what curves is the line of constant lon/lat slope, by its covariant acceleration.
    """
    phi, d_lam, d_phi = np.radians(lat), np.radians(piece[:, 2]), np.radians(piece[:, 3])
    sin_lat, cos_lat = np.sin(phi), np.cos(phi)
    squash = 1.0 - WGS84_E2 * sin_lat * sin_lat
    across_m = _GEOD.a / np.sqrt(squash)
    north_m, east_m = across_m * (1.0 - WGS84_E2) / squash * d_phi, across_m * cos_lat * d_lam
    east, north = -np.sin(back), -np.cos(back)  # away from the position
    first = s_m * (east_m * east + north_m * north)
    length2 = north_m * north_m + east_m * east_m
    curving = -2.0 * across_m * sin_lat * d_lam * d_phi * east + east_m * sin_lat * d_lam * north
    second = length2 + s_m * curving
    second = np.where(second < 0.1 * length2, length2, second)
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.where(length2 > 0.0, first / second, 0.0)
    return step, np.sqrt(length2)


def _golden_m(pieces: Floats, positions: Floats) -> Floats:
    """Golden section on each piece and its two ends: slow, for the other side of the earth."""

    def away_m(at: Floats) -> Floats:
        lon, lat = pieces[:, 0] + at * pieces[:, 2], pieces[:, 1] + at * pieces[:, 3]
        return np.asarray(_GEOD.inv(positions[:, 0], positions[:, 1], lon, lat)[2], np.float64)

    low, high = np.zeros(len(pieces)), np.ones(len(pieces))
    least_m = np.minimum(away_m(low), away_m(high))
    for _ in range(_GOLDEN_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        left_m, right_m = away_m(left), away_m(right)
        least_m = np.minimum(least_m, np.minimum(left_m, right_m))
        low, high = np.where(left_m > right_m, left, low), np.where(left_m > right_m, high, right)
    return np.asarray(least_m, np.float64)
