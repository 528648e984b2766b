"""Areas as flat arrays: rings for ray casting, boundary pieces in earth-centred space for distances.

A boundary is cut into pieces of at most 0.1 degrees, straight in lon/lat like the edge they are part
of. In space a piece bows away from the chord between its ends by at most ``bow_m``, so the straight
distance to that chord, a handful of multiplications without any longitude to wrap, brackets the
distance to the piece. Runs of pieces form chunks with a bounding sphere, runs of ring edges form
chunks with a box in degrees; kernels skip whole chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from geofences.antimeridian import drop_cuts
from geofences.area import Area, Areas
from geofences.edges import Edges

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

WGS84_A_M = 6378137.0
WGS84_E2 = 0.0066943799901413165
#: Above every radius of curvature of the ellipsoid (6,399,594 m at the pole), with something to spare.
RADIUS_ABOVE_M = 6_410_000.0
PIECE_DEG = 0.1


class Outline(NamedTuple):
    """Arrays over areas, chunks and vertices; a chunk of n pieces owns n + 1 vertices of its own."""

    area_chunk: Longs  # (areas + 1,) chunks of area k: area_chunk[k] .. area_chunk[k + 1]
    area_ring_chunk: Longs  # (areas + 1,) likewise for rings; none: no polygon
    reach_m: Floats  # (areas,)
    chunk_vertex: Longs  # (chunks,) first vertex
    chunk_pieces: Longs  # (chunks,)
    chunk_sphere_m: Floats  # (chunks, 4) centre x, y, z and a radius that holds the bow as well
    lon: Floats  # (vertices,) degrees
    lat: Floats
    xyz_m: Floats  # (vertices, 3)
    bow_m: Floats  # (vertices,) of the piece that begins here
    ring_chunk_vertex: Longs  # (ring chunks,)
    ring_chunk_edges: Longs
    ring_chunk_box_deg: Floats  # (ring chunks, 4) min lon, min lat, max lon, max lat
    ring_lon: Floats  # (ring vertices,)
    ring_lat: Floats


class _Chunks(NamedTuple):
    area_chunk: Longs
    vertex: Longs
    pieces: Longs
    lon: Floats
    lat: Floats


def outline_of(areas: Sequence[Area]) -> Outline:
    """The arrays of these areas, in their order."""
    edges, is_ring = _edges(areas)
    ring_edges = Edges(edges.area[is_ring], edges.chain[is_ring], edges.ends[is_ring])
    rings = _chunked(ring_edges, len(areas))
    pieces = _split(drop_cuts(edges, is_ring))
    chunks = _chunked(pieces, len(areas))
    xyz_m = ecef(chunks.lon, chunks.lat)
    bow_m = _bows(chunks)
    return Outline(
        area_chunk=chunks.area_chunk,
        area_ring_chunk=rings.area_chunk,
        reach_m=Areas.of(areas).reach_m,
        chunk_vertex=chunks.vertex,
        chunk_pieces=chunks.pieces,
        chunk_sphere_m=_spheres(chunks, xyz_m, bow_m),
        lon=chunks.lon,
        lat=chunks.lat,
        xyz_m=xyz_m,
        bow_m=bow_m,
        ring_chunk_vertex=rings.vertex,
        ring_chunk_edges=rings.pieces,
        ring_chunk_box_deg=_boxes(rings),
        ring_lon=rings.lon,
        ring_lat=rings.lat,
    )


def behind(first: Outline, more: Outline) -> Outline:
    """What comes behind the arrays of one outline so that those of another follow in it."""
    chunks, vertices = len(first.chunk_vertex), len(first.lon)
    ring_chunks, ring_vertices = len(first.ring_chunk_vertex), len(first.ring_lon)
    return more._replace(
        area_chunk=more.area_chunk[1:] + chunks,
        area_ring_chunk=more.area_ring_chunk[1:] + ring_chunks,
        chunk_vertex=more.chunk_vertex + vertices,
        ring_chunk_vertex=more.ring_chunk_vertex + ring_vertices,
    )


def ecef(lon: Floats, lat: Floats) -> Floats:
    """Earth-centred positions on the WGS-84 ellipsoid in metres, shape (n, 3)."""
    lam, phi = np.radians(lon), np.radians(lat)
    across_m = WGS84_A_M / np.sqrt(1.0 - WGS84_E2 * np.sin(phi) ** 2)
    flat_m = across_m * np.cos(phi)
    return np.column_stack(
        [flat_m * np.cos(lam), flat_m * np.sin(lam), across_m * (1.0 - WGS84_E2) * np.sin(phi)]
    )


def _edges(areas: Sequence[Area]) -> tuple[Edges, NDArray[np.bool_]]:
    """All edges of all areas, and which of them belong to polygons. A point is an edge of no length."""
    parts, owner = _parts(Areas.of(areas).shapes)
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, ring_part = shapely.get_rings(parts[is_polygon], return_index=True)
    chains = np.concatenate([rings, parts[~is_polygon]])
    chain_area = np.concatenate([owner[is_polygon][ring_part], owner[~is_polygon]]).astype(np.int64)
    order = np.argsort(chain_area, kind="stable")
    coordinates, chain = shapely.get_coordinates(chains[order], return_index=True)
    is_point = (shapely.get_type_id(chains[order]) == shapely.GeometryType.POINT)[chain]
    twice = np.where(is_point, 2, 1)
    coordinates, chain = np.repeat(coordinates, twice, axis=0), np.repeat(chain, twice)
    start = np.flatnonzero(chain[1:] == chain[:-1])
    edges = Edges(
        area=chain_area[order][chain[start]],
        chain=chain[start].astype(np.int64),
        ends=np.hstack([coordinates[start], coordinates[start + 1]]),
    )
    return edges, (order < len(rings))[edges.chain]


def _parts(shapes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The single shapes of all areas, with the area of each: nearly always one of each."""
    if (shapely.get_type_id(shapes) < shapely.GeometryType.MULTIPOINT).all():
        return shapes, np.arange(len(shapes))
    parts, owner = shapely.get_parts(shapes, return_index=True)
    return parts, owner


def _split(edges: Edges) -> Edges:
    """Edges cut into equal pieces of at most PIECE_DEG."""
    start, step = edges.ends[:, :2], edges.ends[:, 2:] - edges.ends[:, :2]
    count = np.maximum(np.ceil(np.abs(step).max(axis=1, initial=0.0) / PIECE_DEG), 1).astype(np.int64)
    if count.max(initial=1) == 1:
        return edges
    edge = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    from_share, to_share = (nth / count[edge])[:, None], ((nth + 1) / count[edge])[:, None]
    # The last piece ends exactly where the edge does: neighbours keep sharing their vertex.
    last = (nth + 1 == count[edge])[:, None]
    to = np.where(last, edges.ends[edge, 2:], start[edge] + step[edge] * to_share)
    ends = np.hstack([start[edge] + step[edge] * from_share, to])
    return Edges(edges.area[edge], edges.chain[edge], ends)


def _chunked(edges: Edges, areas: int) -> _Chunks:
    """Runs of connected edges cut into chunks of about the square root of their number."""
    count = len(edges.chain)
    joined = np.zeros(count, np.bool_)
    joined[1:] = (edges.chain[1:] == edges.chain[:-1]) & np.all(edges.ends[1:, :2] == edges.ends[:-1, 2:], 1)
    run_start = np.flatnonzero(~joined)
    run_length = np.diff(np.append(run_start, count))
    size = np.clip(np.rint(np.sqrt(run_length)), 4, 32).astype(np.int64)
    run = np.repeat(np.arange(len(run_start)), run_length)
    starts_chunk = (np.arange(count) - run_start[run]) % size[run] == 0
    chunk_start = np.flatnonzero(starts_chunk)
    chunk = np.cumsum(starts_chunk) - 1
    pieces = np.diff(np.append(chunk_start, count))
    vertices = np.empty((count + len(chunk_start), 2))
    vertices[np.arange(count) + chunk + 1] = edges.ends[:, 2:]
    vertices[np.arange(count) + chunk] = edges.ends[:, :2]
    first_vertex = chunk_start + np.arange(len(chunk_start))
    area_chunk = np.searchsorted(edges.area[chunk_start], np.arange(areas + 1)).astype(np.int64)
    return _Chunks(area_chunk, first_vertex, pieces, vertices[:, 0].copy(), vertices[:, 1].copy())


def _bows(chunks: _Chunks) -> Floats:
    """How far the piece from each vertex to the next can leave the chord between its ends, in metres.

    A curve with parameter 0..1 leaves its chord by at most an eighth of its greatest second
    derivative, and that of (lon, lat) -> space along a straight line in lon/lat is bounded by
    R (cos(lat) dlon^2 + 2 sin(lat) dlon dlat + dlat^2), R above every radius of curvature.
    """
    lat = np.radians(chunks.lat)
    d_lat = np.abs(np.diff(lat, append=0.0))
    d_lon = np.abs(np.diff(np.radians(chunks.lon), append=0.0))
    absolute = np.abs(lat)
    next_absolute = np.append(absolute[1:], 0.0)
    cos_max = np.cos(np.maximum(np.minimum(absolute, next_absolute) - d_lat, 0.0))
    sin_max = np.sin(np.maximum(absolute, next_absolute))
    bows = RADIUS_ABOVE_M / 8.0 * (cos_max * d_lon**2 + 2.0 * sin_max * d_lon * d_lat + 1.02 * d_lat**2)
    bows[chunks.vertex + chunks.pieces] = 0.0  # no piece begins at a chunk's last vertex
    return np.asarray(bows, np.float64)


def _spheres(chunks: _Chunks, xyz_m: Floats, bow_m: Floats) -> Floats:
    if len(chunks.vertex) == 0:
        return np.empty((0, 4))
    low = np.minimum.reduceat(xyz_m, chunks.vertex, axis=0)
    high = np.maximum.reduceat(xyz_m, chunks.vertex, axis=0)
    centre = (low + high) / 2.0
    away = np.linalg.norm(xyz_m - np.repeat(centre, chunks.pieces + 1, axis=0), axis=1)
    radius = np.maximum.reduceat(away, chunks.vertex) + np.maximum.reduceat(bow_m, chunks.vertex)
    return np.column_stack([centre, radius + 1e-6])


def _boxes(chunks: _Chunks) -> Floats:
    if len(chunks.vertex) == 0:
        return np.empty((0, 4))
    ends = [
        extreme.reduceat(degrees, chunks.vertex)
        for extreme in (np.minimum, np.maximum)
        for degrees in (chunks.lon, chunks.lat)
    ]
    return np.column_stack(ends)
