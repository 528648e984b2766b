"""A GeoJSON geometry as a shape: what RFC 7946 asks of it, and that a distance to it means something."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from pipeline.sites.cells import is_number
from pipeline.sites.findings import Place, shown

TYPES = ("Polygon", "MultiPolygon", "Point", "LineString")

#: Which property gives a shape its reach.
REACH = {"Point": "radius_m", "LineString": "buffer_m"}

Positions = NDArray[np.float64]


def read_shape(geometry: object, place: Place) -> BaseGeometry | None:
    """The shape in lon/lat as given, altitudes left out, or None with faults.

    Rings that cross and parts that overlap are left to ``fault_crossing``, which looks at all shapes
    of a site at one go.
    """
    if not isinstance(geometry, dict) or geometry.get("type") not in TYPES:
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        place.fault("geometry", f"type {shown(kind)} bounds no area", f"a {', '.join(TYPES)}")
        return None
    coordinates = geometry.get("coordinates")
    match geometry["type"]:
        case "Point":
            point = _positions([coordinates], "the position", place)
            return None if point is None else shapely.Point(point[0])
        case "LineString":
            return _line(coordinates, place)
        case "Polygon":
            return _polygon(coordinates, "", place)
        case _:
            return _multipolygon(coordinates, place)


def fault_crossing(shapes: list[BaseGeometry], places: list[Place], when: str = "") -> None:
    """Faults for rings that cross themselves or each other and for parts that overlap."""
    valid = shapely.is_valid(np.array(shapes, dtype=object))
    for number in np.flatnonzero(~valid):
        shape, place = shapes[number], places[number]
        reason = shapely.is_valid_reason(shape)
        parts = list(getattr(shape, "geoms", [shape]))
        if len(parts) > 1 and all(part.is_valid for part in parts):
            wrong = f"parts overlap or share an edge{when} ({reason})"
            place.fault("geometry", wrong, "parts that are apart or touch in single points")
        else:
            wrong = f"a ring crosses or touches itself or another, or has no area{when} ({reason})"
            place.fault("geometry", wrong, "simple rings, with holes inside their outer ring")


def _multipolygon(coordinates: Any, place: Place) -> BaseGeometry | None:
    if not isinstance(coordinates, list) or not coordinates:
        place.fault("geometry", f"coordinates {shown(coordinates)} hold no part", "a list of polygons")
        return None
    parts = [_polygon(part, f"part {number}, ", place) for number, part in enumerate(coordinates, 1)]
    sound = [part for part in parts if part is not None]
    return shapely.MultiPolygon(sound) if len(sound) == len(parts) else None


def _polygon(coordinates: Any, part: str, place: Place) -> shapely.Polygon | None:
    if not isinstance(coordinates, list) or not coordinates:
        place.fault("geometry", f"{part}coordinates {shown(coordinates)} hold no ring", "a list of rings")
        return None
    rings = [_ring(ring, f"{part}ring {number}", place) for number, ring in enumerate(coordinates, 1)]
    sound = [ring for ring in rings if ring is not None]
    return shapely.Polygon(sound[0], sound[1:]) if len(sound) == len(rings) else None


def _ring(points: Any, name: str, place: Place) -> Positions | None:
    if not isinstance(points, list) or len(points) < 4:
        count = len(points) if isinstance(points, list) else 0
        place.fault("geometry", f"{name} has {count} positions", "at least 4, the last equal to the first")
        return None
    ring = _positions(points, name, place)
    if ring is None:
        return None
    closed = bool((ring[0] == ring[-1]).all())
    if not closed:
        place.fault("geometry", f"{name} is not closed", "the last position equal to the first")
    return ring if _cut_at_antimeridian(ring, name, place) and closed else None


def _line(points: Any, place: Place) -> BaseGeometry | None:
    if not isinstance(points, list) or len(points) < 2:
        count = len(points) if isinstance(points, list) else 0
        place.fault("geometry", f"the line has {count} positions", "at least 2")
        return None
    line = _positions(points, "the line", place)
    if line is None:
        return None
    if (line == line[0]).all():
        place.fault("geometry", "the line has no length", "at least 2 different positions, or a Point")
        return None
    return shapely.LineString(line) if _cut_at_antimeridian(line, "the line", place) else None


def _positions(points: list[Any], name: str, place: Place) -> Positions | None:
    """Shape (n, 2) in degrees; one fault for the first wrong position, with the count of the others."""
    wrong = [number for number, point in enumerate(points) if not _is_position(point)]
    if not wrong:
        return np.array([point[:2] for point in points], dtype=np.float64)
    at = f"{name}: position {wrong[0] + 1}" if len(points) > 1 else name
    others = f" ({len(wrong)} such positions)" if len(wrong) > 1 else ""
    reason, expected = _wrong_position(points[wrong[0]])
    place.fault("geometry", f"{at}, {shown(points[wrong[0]])}, {reason}{others}", expected)
    return None


def _is_position(point: Any) -> bool:
    """RFC 7946 §3.1.1: lon, lat and perhaps an altitude."""
    if not isinstance(point, list) or not 2 <= len(point) <= 3 or not all(map(is_number, point)):
        return False
    return bool(-180 <= point[0] <= 180 and -90 <= point[1] <= 90)


def _wrong_position(point: Any) -> tuple[str, str]:
    """What is wrong with it, and what was expected."""
    if not isinstance(point, list) or not 2 <= len(point) <= 3:
        return "is no position", "[lon, lat] in degrees"
    if all(type(value) in (int, float) for value in point):
        if not all(map(is_number, point)):
            return "is not finite", "finite degrees"
        if abs(point[0]) > 180:
            expected = "lon from -180 to 180, and what crosses ±180 cut there into parts"
            return "is beyond ±180 degrees of longitude", expected
        return "is beyond ±90 degrees of latitude", "lat from -90 to 90, and lon before lat"
    return "is no position", "[lon, lat] in degrees"


def _cut_at_antimeridian(path: Positions, name: str, place: Place) -> bool:
    """RFC 7946 §3.1.9: nothing crosses ±180; a step of over half the globe went the other way round."""
    steps_deg = np.abs(np.diff(path[:, 0]))
    if float(steps_deg.max()) <= 180.0:
        return True
    step = int(steps_deg.argmax())
    between = f"positions {step + 1} and {step + 2}"
    wrong = f"{name}: {between} are {steps_deg[step]:.6g} degrees of longitude apart"
    place.fault("geometry", wrong, "at most 180; what crosses ±180 is cut there into parts")
    return False
