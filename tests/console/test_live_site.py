"""A site that changes while the console runs: whatever is derived from it follows at once, all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from console_world import NOW_MS, World, apply, console_world, ping, violation
from fastapi import FastAPI
from starlette.testclient import TestClient

from console.app import create_app
from console.current_places import CurrentPlaces
from console.gazetteer import Gazetteer
from console.live_site import LiveSite, SiteNow
from console.site_directory import SiteDirectory
from pipeline.sites.records import Binding, Office, Person, Site
from sinks.positions import Position


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        yield world


@pytest.fixture
def app(world: World) -> FastAPI:
    return create_app(world.parts)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def with_newcomer(site: Site) -> Site:
    """An office O3 below the county, and in it P4 with the device D4, under a fence of their own."""
    fence = replace(
        site.fences[0], fence_id="home-4", name="Home of Newcomer Four", applies_to=("person:P4",)
    )
    return replace(
        site,
        offices=(*site.offices, Office("O3", "C1", "Office Three", "judicial_office")),
        people=(*site.people, Person("P4", "Newcomer Four", "O3", "general")),
        bindings=(*site.bindings, Binding("D4", "P4", "phone")),
        fences=(*site.fences, fence),
    )


def where(device: str, person: str, office: str) -> Position:
    return Position(device, person, office, NOW_MS - 60_000, NOW_MS, 106.5, 29.5, None, "gnss")


#: What each answer says of the newcomer: nothing before the change, and after it what stands here.
FOLLOWERS: list[tuple[str, str, str, Any]] = [
    ("the map has the fence", "county", "/v1/site", "home-4"),
    ("and the office", "county", "/v1/site", "Office Three"),
    ("the card opens", "county", "/v1/people/P4/card", "Newcomer Four"),
    ("the position is on the map", "county", "/v1/positions", '"device_id":"D4"'),
    ("the alert is on the board, with a name", "county", "/v1/alerts", '"person_name":"Newcomer Four"'),
    ("who may not know names reads none in what people write", "prosecutor", "/v1/alerts", "gone to see ***"),
    ("the device is among those that are to report", "county", "/v1/status", '"devices":2'),
    ("and among the figures", "operator", "/metrics", "fencewatch_devices 3.0"),
]


@pytest.mark.parametrize("number", range(len(FOLLOWERS)), ids=[row[0] for row in FOLLOWERS])
def test_what_is_shown_follows(world: World, app: FastAPI, client: TestClient, number: int) -> None:
    _, who, route, told = FOLLOWERS[number]
    headers = world.bearer(who)
    world.parts.positions.put([where("D4", "P4", "O3")])
    apply(world, violation(4, person="P4", office="O3"))
    (own,) = apply(world, violation(1))
    for step, body in (
        ("claim", None),
        ("verify", {"verdict": "false", "reason": "gone to see Newcomer Four"}),
    ):
        said = client.post(f"/v1/alerts/{own}/{step}", json=body, headers=world.bearer("officer"))
        assert said.status_code == 200
    assert told not in client.get(route, headers=headers).text
    app.state.live_site.replace(with_newcomer(world.parts.site), 7)
    app.state.live.look(0.0)
    said = client.get(route, headers=headers)
    assert said.status_code == 200
    assert told in said.text


def test_a_device_that_is_put_in_sends_at_once(world: World, app: FastAPI, client: TestClient) -> None:
    headers = world.bearer("operator")
    for path in ("/v1/pings", "/osmand"):
        before = sent(client, path, headers)
        assert before["rejected"] == [{"index": 0, "reason": "unknown_device"}]
    app.state.live_site.replace(with_newcomer(world.parts.site), 1)
    for path in ("/v1/pings", "/osmand"):
        assert sent(client, path, headers)["accepted"] == 1


def sent(client: TestClient, path: str, headers: dict[str, str]) -> dict[str, Any]:
    if path == "/osmand":
        query = {"id": "D4", "lat": "29.6", "lon": "106.5", "timestamp": str(NOW_MS // 1000)}
        found: dict[str, Any] = client.post(path, params=query, headers=headers).json()
    else:
        found = client.post(path, json=[ping("D4")], headers=headers).json()
    return found


def test_the_page_is_told_that_there_is_another_site(world: World, app: FastAPI, client: TestClient) -> None:
    headers = world.bearer("officer")

    def numbers() -> tuple[int, int]:
        site, status = (client.get(f"/v1/{route}", headers=headers).json() for route in ("site", "status"))
        return site["number"], status["site"]

    first = app.state.live_site.now.number
    assert numbers() == (first, first)
    app.state.live_site.replace(with_newcomer(world.parts.site), 12)
    assert numbers() == (12, 12)
    app.state.live_site.replace(world.parts.site, 11)
    assert numbers() == (12, 12), "an older state that comes late changes nothing"


def test_an_office_that_cannot_be_told_of_stops_nobody(
    world: World, app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is locked, say: rows and the map go by the new site all the same."""

    def locked(_: object) -> None:
        raise OSError("locked")

    monkeypatch.setattr(type(world.parts.queue), "set_offices", lambda *_: locked(_))
    app.state.live_site.replace(with_newcomer(world.parts.site), 1)
    assert sent(client, "/v1/pings", world.bearer("operator"))["accepted"] == 1


def test_a_viewer_is_told_whom_the_change_concerns_and_nobody_else(world: World) -> None:
    """P1 gets another name, D2 is taken from P2, and the office of P1 stays as it was."""
    site = world.parts.site
    places = CurrentPlaces(SiteDirectory(site))
    rows = [where("D1", "P1", "O1"), where("D2", "P2", "O2")]
    places.update(rows, NOW_MS, is_all=True)
    everybody = frozenset({"C1", "O1", "C2", "O2"})
    tick = places.tick
    renamed = replace(site.people[0], name="Another Name")
    changed = replace(
        site,
        people=(renamed, *site.people[1:]),
        bindings=tuple(row for row in site.bindings if row.device_id != "D2"),
    )
    places.follow(SiteDirectory(changed))
    assert places.update(rows, NOW_MS, is_all=True)
    found = places.since(tick, everybody)
    assert ([row.device_id for row in found.new], found.moved, found.gone) == (["D1"], [], ["D2"])
    assert not places.since(places.tick, everybody)


def test_an_office_put_under_another_shows_its_people_to_whoever_is_above(world: World) -> None:
    """A viewer whose offices become more gets everything anew: what they had no right to was never told."""
    site = world.parts.site
    places = CurrentPlaces(SiteDirectory(site))
    rows = [where("D1", "P1", "O1"), where("D2", "P2", "O2")]
    places.update(rows, NOW_MS, is_all=True)
    tick = places.tick
    offices = tuple(replace(row, parent_id="C1") if row.office_id == "O2" else row for row in site.offices)
    directory = SiteDirectory(replace(site, offices=offices))
    places.follow(directory)
    places.update(rows, NOW_MS, is_all=True)
    found = places.since(tick, directory.within("C1"))
    assert found.is_all
    assert {row.device_id for row in found.new} == {"D1", "D2"}


def test_an_office_is_put_elsewhere_when_the_clock_comes_to_it(world: World) -> None:
    """The move was entered beforehand; at its instant who is above whom is another one, and all are told."""
    site, clock = world.parts.site, [NOW_MS]
    old = next(office for office in site.offices if office.office_id == "O2")
    moved = replace(old, parent_id="C1", valid_from_ms=NOW_MS + 60_000)
    others = [office for office in site.offices if office is not old]
    offices = (*others, replace(old, valid_to_ms=NOW_MS + 60_000), moved)
    told: list[SiteNow] = []
    live = LiveSite(replace(site, offices=offices), Gazetteer(), now_ms=lambda: clock[0])
    live.listen(told.append)
    for at_ms, parent in ((NOW_MS, old.parent_id), (NOW_MS + 59_999, old.parent_id), (NOW_MS + 60_000, "C1")):
        clock[0] = at_ms
        assert live.now.parents["O2"] == parent
        assert ("O2" in live.directory().within("C1")) == (parent == "C1")
    assert [now.parents["O2"] for now in told] == ["C1"]
