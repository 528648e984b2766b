"""What is here: fences by place, exactly, and to each office only its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from console_world import NOW_MS, World, console_world
from starlette.testclient import TestClient

from console.app import create_app
from console.fence_places import FencePlaces
from geofences.area import Area
from geofences.distance import signed_distance_m
from geofences.fence import Fence

HOUR_MS = 3_600_000


def circle(fence_id: str, lon: float, lat: float, radius_m: float, *applies_to: str, **more: Any) -> Fence:
    return Fence(
        fence_id,
        "Home of One",
        "keep_in",
        fence_id,
        applies_to,
        Area(shapely.Point(lon, lat), radius_m),
        **more,
    )


#: A kilometre is about 0.01 degrees. "past" and "future" are versions that do not hold at noon.
FENCES = (
    circle("wide", 106.5, 29.5, 5000.0, "person:P1"),
    circle("small", 106.51, 29.5, 300.0, "person:P1", "person:P2"),
    circle("theirs", 106.5, 29.5, 2000.0, "person:P2"),
    circle("moved", 106.5, 29.5, 100.0, "office:O1", valid_to_ms=NOW_MS),
    circle("moved", 106.6, 29.5, 100.0, "office:O1", valid_from_ms=NOW_MS),
    circle("future", 106.5, 29.5, 100.0, "all", valid_from_ms=NOW_MS + HOUR_MS),
    Fence(
        "county", "County", "keep_in", "county", ("office:C1",), Area(shapely.box(106.0, 29.0, 107.0, 30.0))
    ),
)

#: The question of the officer of O1, and the fences named, in order.
TABLE: list[tuple[str, str, list[str]]] = [
    ("in the middle: the deepest first", "at=106.5,29.5", ["county", "wide"]),
    ("a place in one circle of another's", "at=106.51,29.5", ["county", "wide", "small"]),
    ("the version that holds now", "at=106.6,29.5", ["county", "moved"]),
    ("nowhere", "at=0,0", []),
    ("outside, within reach", "at=106.5142,29.5&reach_m=200", ["county", "wide", "small"]),
    ("outside, out of reach", "at=106.5142,29.5&reach_m=50", ["county", "wide"]),
    ("a box, by id", "bbox=106.595,29.49,106.61,29.51", ["county", "moved"]),
    ("a box on the other side of the earth", "bbox=-170,-10,-160,10", []),
    ("a box over 180 degrees", "bbox=170,-10,-170,10", []),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with console_world(tmp_path_factory.mktemp("fences")) as world:
        yield replace(world, parts=replace(world.parts, site=replace(world.parts.site, fences=FENCES)))


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        yield client


def shown(client: TestClient, world: World, who: str, query: str) -> list[dict[str, Any]]:
    said = client.get(f"/v1/fences?{query}", headers=world.bearer(who))
    assert said.status_code == 200, said.text
    return [feature["properties"] for feature in said.json()["features"]]


@pytest.mark.parametrize(("query", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(world: World, client: TestClient, query: str, wanted: list[str]) -> None:
    assert [fence["fence_id"] for fence in shown(client, world, "officer", query)] == wanted


def test_each_office_sees_its_own(world: World, client: TestClient) -> None:
    """Of a fence for people of both offices each sees its own, and a prosecutor no person's name."""
    here = "at=106.51,29.5"
    assert {one["fence_id"] for one in shown(client, world, "elsewhere", here)} == {"small", "theirs"}
    of_one = {one["fence_id"]: one for one in shown(client, world, "officer", here)}
    assert of_one["small"]["applies_to"] == ["person:P1"]
    names = {one["fence_id"]: one["name"] for one in shown(client, world, "prosecutor", here)}
    assert names == {"county": "County", "wide": None, "small": None}


def test_the_distance_is_that_of_alerts(world: World, client: TestClient) -> None:
    found = {one["fence_id"]: one["distance_m"] for one in shown(client, world, "officer", "at=106.51,29.5")}
    exact = {fence.fence_id: float(signed_distance_m(fence.area, [106.51], [29.5])[0]) for fence in FENCES}
    assert found == {name: pytest.approx(exact[name], abs=0.051) for name in ("county", "wide", "small")}
    assert found["small"] == -300.0


#: What cannot be asked, and the parameter that is named.
WRONG = [
    "",
    "at=1,2&bbox=1,2,3,4",
    "at=x,1",
    "at=1",
    "at=200,1",
    "at=1,nan",
    "bbox=1,2,3",
    "at=1,2&reach_m=-1",
]


@pytest.mark.parametrize("query", WRONG)
def test_wrong_questions(world: World, client: TestClient, query: str) -> None:
    said = client.get(f"/v1/fences?{query}", headers=world.bearer("officer"))
    assert said.status_code == 422
    assert "expected" in said.text or "greater" in said.text


def test_what_is_cut_off_is_said(world: World, client: TestClient) -> None:
    said = client.get("/v1/fences?bbox=106,29,107,30&limit=1", headers=world.bearer("county")).json()
    assert (len(said["features"]), said["truncated"]) == (1, True)


@pytest.mark.parametrize("seed", range(5))
def test_the_tree_leaves_nothing_out(seed: int) -> None:
    """Random circles and places: the same as asking every fence for its distance."""
    chance = np.random.default_rng(seed)
    lons, lats, radii = (
        chance.uniform(106, 106.3, 60),
        chance.uniform(29, 29.3, 60),
        10 ** chance.uniform(1, 4, 60),
    )
    fences = [circle(f"F{n}", lons[n], lats[n], radii[n], "all") for n in range(60)]
    places = FencePlaces(fences)
    for lon, lat in chance.uniform((106, 29), (106.3, 29.3), (40, 2)):
        for reach_m in (0.0, 500.0):
            near = {
                fence.fence_id
                for fence in fences
                if signed_distance_m(fence.area, [lon], [lat])[0] <= reach_m
            }
            found = places.at(lon, lat, NOW_MS, reach_m)
            assert {one.fence.fence_id for one in found} == near
            assert [one.distance_m for one in found] == sorted(one.distance_m for one in found)
