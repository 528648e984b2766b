"""Fences in which no fix is ever for certain: zones that never fire, homes that never clear an alert."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from minimal_site import WHOLE, Edit, write_site

from geofences.area import Area
from geofences.distance import signed_distance_m
from pipeline.sites.load import check_site
from pipeline.sites.too_small import greatest_depth_m, least_depth_m

LON, LAT = 106.5, 29.5
#: Metres in a degree there.
EAST_M, NORTH_M = 111_320 * math.cos(math.radians(LAT)) * 1.0008, 110_857.0

Ground = tuple[dict[str, Any], dict[str, Any]]


def circle(radius_m: float) -> Ground:
    return {"type": "Point", "coordinates": [LON, LAT]}, {"radius_m": radius_m}


def corridor(buffer_m: float) -> Ground:
    return {"type": "LineString", "coordinates": [[LON, LAT], [LON + 0.1, LAT]]}, {"buffer_m": buffer_m}


def ring(width_m: float, height_m: float, east_m: float = 0.0) -> list[list[float]]:
    west, east = LON + east_m / EAST_M, LON + (east_m + width_m) / EAST_M
    north = LAT + height_m / NORTH_M
    return [[west, LAT], [east, LAT], [east, north], [west, north], [west, LAT]]


def box(width_m: float, height_m: float, east_m: float = 0.0) -> Ground:
    return {"type": "Polygon", "coordinates": [ring(width_m, height_m, east_m)]}, {}


def star(points: int, out_m: float, in_m: float) -> Ground:
    """A polygon much larger than the circle in its middle."""
    corners = [
        [LON + reach * math.cos(turn) / EAST_M, LAT + reach * math.sin(turn) / NORTH_M]
        for number in range(2 * points)
        for reach, turn in [(out_m if number % 2 else in_m, math.pi * number / points)]
    ]
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}, {}


def of_parts(*boxes: list[list[float]]) -> Ground:
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in boxes]}, {}


def with_hole(width_m: float, edge_m: float) -> Ground:
    """A square of which only a rim is left."""
    inner = [
        [LON + x / EAST_M, LAT + y / NORTH_M]
        for x, y in [(edge_m, edge_m), (edge_m, width_m - edge_m), (width_m - edge_m, width_m - edge_m),
                     (width_m - edge_m, edge_m), (edge_m, edge_m)]
    ]  # fmt: skip
    return {"type": "Polygon", "coordinates": [ring(width_m, width_m), inner]}, {}


#: (why, ground, tolerance_m, whether a zone of it never fires, whether a home of it never clears)
SIZES: list[tuple[str, Ground, float, bool, bool]] = [
    ("a small circle", circle(15), 0, True, True),
    ("a circle as large as the floor", circle(20), 0, False, False),
    ("a millimetre less", circle(19.999), 0, True, True),
    ("tolerance makes a home larger and a zone smaller", circle(25), 10, True, False),
    ("tolerance is enough for a home alone", circle(15), 10, True, False),
    ("tolerance that swallows a zone", circle(300), 300, True, False),
    ("a narrow corridor", corridor(12), 0, True, True),
    ("a corridor wide enough", corridor(25), 0, False, False),
    ("a small house", box(30, 60), 0, True, True),
    ("a house deep enough", box(45, 60), 0, False, False),
    ("a long strip", box(30, 20_000), 0, True, True),
    ("a long strip wide enough", box(45, 20_000), 0, False, False),
    ("a star that is small in the middle", star(8, 3_000, 15), 0, True, True),
    ("a star deep enough", star(8, 3_000, 60), 0, False, False),
    ("small parts", of_parts(ring(30, 30), ring(30, 30, 100)), 0, True, True),
    ("a part deep enough", of_parts(ring(30, 30), ring(60, 60, 100)), 0, False, False),
    ("a rim", with_hole(500, 30), 0, True, True),
    ("a wide rim", with_hole(500, 60), 0, False, False),
]  # fmt: skip


def feature(number: int, rule: str, ground: Ground, **further: object) -> dict[str, Any]:
    geometry, reach = ground
    properties = {"fence_id": f"f{number}", "rule": rule, "applies_to": ["all"], **reach, **further}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def warned(folder: Path, *features: dict[str, Any], policy: str = "") -> list[str]:
    """The warnings about small fences, as lines."""
    collection = json.dumps({"type": "FeatureCollection", "features": features})
    edits: list[Edit] = [("fences.geojson", WHOLE, collection), ("policy.toml", WHOLE, policy)]
    edits.append(("leaves.csv", "home,106.6", ",106.6"))
    faults, warnings = check_site(write_site(folder, *edits))
    assert faults == []
    return [str(warning) for warning in warnings if "deep at most" in str(warning)]


@pytest.mark.parametrize(("ground", "tolerance_m", "zone", "home"), [row[1:] for row in SIZES],
                         ids=[row[0] for row in SIZES])  # fmt: skip
def test_a_fence_smaller_than_any_uncertainty(
    ground: Ground, tolerance_m: float, zone: bool, home: bool, tmp_path: Path
) -> None:
    rules = ("keep_out", "keep_in")
    lines = warned(
        tmp_path, *(feature(n, rule, ground, tolerance_m=tolerance_m) for n, rule in enumerate(rules))
    )
    assert ["(f0)" in line for line in lines] == [True] * zone + [False] * home
    for line, follows in zip(lines, [*["it never fires"] * zone, *["never clears for P1 and 1 more"] * home],
                             strict=True):  # fmt: skip
        assert follows in line


#: (why, [policy], radius of a home and a zone, what both warnings hold; none: no warning)
FLOORS: list[tuple[str, str, float, str | None]] = [
    ("the defaults name every source", "", 15, "gnss 20 m, fused 50 m, wifi 100 m, cell 1000 m, manual 50 m"),
    ("a lower floor", "floor_m = { gnss = 10.0 }", 15, None),
    ("a higher floor", "floor_m = { gnss = 400.0 }", 300, "(gnss 400 m, cell 1000 m), so no fix of these"),
    ("coarse sources alone are no matter", "", 60, None),
    ("no floor", "floor_m = { gnss = 0.0 }", 1, None),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "radius_m", "said"), [row[1:] for row in FLOORS],
                         ids=[row[0] for row in FLOORS])  # fmt: skip
def test_the_floors_of_the_policy_decide(
    policy: str, radius_m: float, said: str | None, tmp_path: Path
) -> None:
    features = [feature(n, rule, circle(radius_m)) for n, rule in enumerate(("keep_out", "keep_in"))]
    lines = warned(tmp_path, *features, policy=f"[accuracy]\n{policy}\n")
    assert len(lines) == (0 if said is None else 2)
    assert all(said in line for line in lines if said)


SMALL, LARGE = circle(15), box(500, 500)

#: (why, homes as (ground, who), feature numbers warned of and for whom)
GROUPS: list[tuple[str, list[tuple[Ground, list[str]]], list[tuple[int, str]]]] = [
    ("a large one for all", [(SMALL, ["all"]), (LARGE, ["all"])], []),
    ("a large one for one of two", [(SMALL, ["all"]), (LARGE, ["person:P1"])], [(0, "for P2")]),
    ("one's own home", [(SMALL, ["person:P1"]), (LARGE, ["person:P2"])], [(0, "for P1")]),
    ("by office and class", [(SMALL, ["class:general"]), (LARGE, ["office:C1"])], []),
    ("two halves of a house: each by itself",
     [(box(30, 60), ["all"]), (box(30, 60, 30), ["all"])],
     [(0, "for P1 and 1 more"), (1, "for P1 and 1 more")]),
    ("of nobody", [(SMALL, ["class:lenient"])], []),
]  # fmt: skip


@pytest.mark.parametrize(("homes", "expected"), [row[1:] for row in GROUPS], ids=[row[0] for row in GROUPS])
def test_a_group_is_as_deep_as_its_deepest_fence(
    homes: list[tuple[Ground, list[str]]], expected: list[tuple[int, str]], tmp_path: Path
) -> None:
    features = [
        feature(number, "keep_in", ground, group="life", applies_to=who)
        for number, (ground, who) in enumerate(homes)
    ]
    lines = warned(tmp_path, *features)
    assert len(lines) == len(expected)
    for line, (number, who) in zip(lines, expected, strict=True):
        assert f"(f{number})" in line
        assert f"group 'life' never clears {who};" in line


@pytest.mark.parametrize("seed", range(20))
def test_a_depth_is_that_of_the_engine(seed: int) -> None:
    """No place of a polygon is deeper, by the distance that judges, and the deepest is nearly as deep."""
    rng = np.random.default_rng(seed)
    turns = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 12)))
    reach_m = rng.uniform(10, 400, len(turns))
    lat = rng.uniform(-75, 75)
    east_m, north_m = 111_320 * math.cos(math.radians(lat)), 111_000
    corners = np.column_stack(
        [LON + reach_m * np.cos(turns) / east_m, lat + reach_m * np.sin(turns) / north_m]
    )
    shape = shapely.Polygon(corners)
    if not shape.is_valid or shape.area == 0:
        pytest.skip("no simple ring")
    west, south, east, north = shape.bounds
    lons, lats = (
        grid.ravel() for grid in np.meshgrid(np.linspace(west, east, 60), np.linspace(south, north, 60))
    )
    deepest_m = -signed_distance_m(Area(shape), lons, lats).min()
    middle = shapely.maximum_inscribed_circle(shape).coords[0]
    deepest_m = max(deepest_m, -float(signed_distance_m(Area(shape), [middle[0]], [middle[1]])[0]))
    found_m = greatest_depth_m(shape)
    assert deepest_m <= found_m
    assert found_m <= deepest_m * 1.08 + 1.0
    assert least_depth_m(np.array([shape], dtype=object))[0] <= deepest_m * 1.001 + 0.5
