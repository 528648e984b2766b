"""Who may ask for what, as a table, and about whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from console_world import NOW_MS, World, apply, console_world, ping, violation
from starlette.testclient import TestClient

from console.app import create_app
from sinks.positions import Position

TRACK = "/v1/people/P1/track?from=2025-07-14T00:00:00Z&to=2025-07-15T00:00:00Z&purpose=alert"
KEY = violation(1).alert_key

#: Each request with the status that officer, county, prosecutor, operator and device of one office get.
TABLE: list[tuple[str, str, tuple[int, int, int, int, int]]] = [
    ("GET", "/v1/alerts", (200, 200, 200, 403, 403)),
    ("GET", f"/v1/alerts/{KEY}", (200, 200, 200, 403, 403)),
    ("GET", "/v1/alerts/people", (200, 200, 200, 403, 403)),
    ("GET", "/v1/alerts/counts", (200, 200, 200, 403, 403)),
    ("GET", "/v1/alerts/by-person", (200, 200, 200, 403, 403)),
    ("GET", "/v1/people/P1/card", (200, 200, 200, 403, 403)),
    ("GET", "/v1/positions", (200, 200, 200, 403, 403)),
    ("GET", TRACK, (200, 200, 200, 403, 403)),
    ("GET", "/v1/site", (200, 200, 200, 403, 403)),
    ("GET", "/v1/fences?at=106.5,29.5", (200, 200, 200, 403, 403)),
    ("GET", "/v1/fences?bbox=106,29,107,30", (200, 200, 200, 403, 403)),
    ("GET", "/v1/people/P1", (200, 200, 200, 403, 403)),
    ("GET", "/v1/devices/D1", (200, 200, 200, 403, 403)),
    ("GET", "/v1/leaves/L1", (200, 200, 200, 403, 403)),
    ("GET", "/v1/fences/home", (200, 200, 200, 403, 403)),
    ("GET", "/v1/offices/O1", (200, 200, 200, 403, 403)),
    ("GET", "/v1/people/P2", (404, 404, 404, 403, 403)),
    ("GET", "/v1/devices/D2", (404, 404, 404, 403, 403)),
    ("GET", "/v1/offices/O2", (404, 404, 404, 403, 403)),
    ("GET", "/v1/site/changes", (200, 200, 200, 403, 403)),
    ("POST", "/v1/site/changes", (422, 422, 403, 403, 403)),
    ("PUT", "/v1/people/P1", (422, 422, 403, 403, 403)),
    ("PUT", "/v1/leaves/L9", (422, 422, 403, 403, 403)),
    ("DELETE", "/v1/devices/D1?reason=broken", (428, 428, 403, 403, 403)),
    ("DELETE", "/v1/leaves/L1?reason=back", (428, 428, 403, 403, 403)),
    ("DELETE", "/v1/people/P1?reason=over", (403, 428, 403, 403, 403)),
    ("DELETE", "/v1/fences/home?reason=moved", (403, 428, 403, 403, 403)),
    ("DELETE", "/v1/offices/O1?reason=closed", (403, 428, 403, 403, 403)),
    ("DELETE", "/v1/devices/D2?reason=broken", (404, 404, 403, 403, 403)),
    ("GET", "/v1/status", (200, 200, 200, 200, 403)),
    ("GET", "/metrics", (200, 200, 200, 200, 403)),
    ("POST", "/v1/pings", (403, 403, 403, 202, 202)),
    ("POST", "/v1/confirmations", (403, 403, 403, 202, 202)),
    ("POST", "/osmand", (403, 403, 403, 200, 200)),
    ("POST", "/owntracks", (403, 403, 403, 400, 400)),
    ("POST", f"/v1/alerts/{KEY}/claim", (200, 200, 403, 403, 403)),
    ("POST", f"/v1/alerts/{KEY}/renew", (409, 409, 403, 403, 403)),
    ("POST", f"/v1/alerts/{KEY}/release", (409, 409, 403, 403, 403)),
    ("POST", f"/v1/alerts/{KEY}/verify", (422, 422, 403, 403, 403)),
    ("POST", f"/v1/alerts/{KEY}/correct", (422, 422, 403, 403, 403)),
    ("POST", f"/v1/alerts/{KEY}/settle", (422, 422, 403, 403, 403)),
    ("POST", "/v1/alerts/settle", (422, 422, 403, 403, 403)),
    ("POST", f"/v1/alerts/{KEY}/dispose", (422, 422, 403, 403, 403)),
    ("POST", f"/v1/alerts/{KEY}/close", (409, 409, 403, 403, 403)),
]
ROLES = ("officer", "county", "prosecutor", "operator", "device")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with console_world(tmp_path_factory.mktemp("console")) as world:
        apply(world, violation(1), violation(2, person="P2", office="O2"))
        world.parts.positions.put([_position("D1", "P1", "O1"), _position("D2", "P2", "O2")])
        yield world


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        yield client


def _position(device: str, person: str, office: str) -> Position:
    return Position(device, person, office, NOW_MS - 60_000, NOW_MS, 106.5, 29.5, None, "gnss")


@pytest.mark.parametrize("number", range(len(TABLE)), ids=[f"{how} {where[:40]}" for how, where, _ in TABLE])
def test_table(world: World, client: TestClient, number: int) -> None:
    how, where, expected = TABLE[number]
    body = b"[]" if how == "POST" else None
    for role, status in zip(ROLES, expected, strict=True):
        said = client.request(how, where, content=body, headers=world.bearer(role))
        assert said.status_code == status, (role, said.text)
        if where.endswith("claim") and status == 200:
            client.post(where.replace("claim", "release"), headers=world.bearer(role))


def test_without_a_token_that_counts_nothing_is_told(world: World) -> None:
    revoked = world.parts.tokens.create("county", office_id="C1", now_ms=NOW_MS, name="gone")
    assert world.parts.tokens.revoke("gone", now_ms=NOW_MS)
    wrong = ({}, *({"Authorization": text} for text in ("Bearer x", "Basic eDp5", f"Bearer {revoked}")))
    for number, (how, where, _) in enumerate(TABLE):
        if number % 10 == 0:  # an application of its own: so many wrong tokens would be slowed down
            client = TestClient(create_app(world.parts))
        for headers in wrong:
            said = client.request(how, where, headers=headers)
            assert said.status_code == 401, (where, headers)
            assert said.headers["WWW-Authenticate"] == "Bearer"


def test_another_office_is_as_good_as_not_there(world: World, client: TestClient) -> None:
    elsewhere = world.bearer("elsewhere")
    own = violation(2, person="P2", office="O2").alert_key
    said = client.get("/v1/alerts", headers=elsewhere).json()
    assert [item["alert_key"] for item in said["items"]] == [own]
    assert client.get("/v1/alerts?office=O1", headers=elsewhere).json()["items"] == []
    alerted = client.get("/v1/alerts/people", headers=elsewhere).json()["items"]
    assert [person["person_id"] for person in alerted] == ["P2"]
    counts = client.get("/v1/alerts/counts?office=O1", headers=elsewhere).json()
    assert (sum(counts["by_state"].values()), sum(counts["of"].values())) == (0, 1)
    for where in (f"/v1/alerts/{KEY}", "/v1/alerts/nope", TRACK, TRACK.replace("P1", "P9")):
        assert client.get(where, headers=elsewhere).status_code == 404
    for step in ("claim", "renew", "release", "close"):
        assert client.post(f"/v1/alerts/{KEY}/{step}", headers=elsewhere).status_code == 404
    assert [item["device_id"] for item in _positions(client, elsewhere)] == ["D2"]
    assert [item["device_id"] for item in _positions(client, world.bearer("county"))] == ["D1"]
    assert client.get("/v1/positions?office=O1", headers=elsewhere).json()["items"] == []


def _positions(client: TestClient, headers: dict[str, str]) -> list[dict[str, str]]:
    items: list[dict[str, str]] = client.get("/v1/positions", headers=headers).json()["items"]
    return items


@pytest.mark.parametrize(("role", "name"), [("officer", "Person One"), ("prosecutor", None)])
def test_who_is_told_names(world: World, client: TestClient, role: str, name: str | None) -> None:
    headers = world.bearer(role)
    found = [
        client.get("/v1/alerts", headers=headers).json()["items"][0],
        client.get(f"/v1/alerts/{KEY}", headers=headers).json(),
        _positions(client, headers)[0],
        client.get(TRACK, headers=headers).json(),
    ]
    assert [item["person_name"] for item in found] == [name] * 4
    assert {item["person_id"] for item in found} == {"P1"}


def test_a_fence_tells_nothing_of_other_offices(world: World) -> None:
    """A fence of two offices' people, as each role sees it: who else is in it is nobody's business."""
    home, zone = world.parts.site.fences
    selectors = ("person:P1", "person:P2", "person:P9", "office:O1", "office:C2", "class:general")
    fences = (replace(home, name="Home of One", applies_to=selectors), replace(zone, name="Zone"))
    parts = replace(world.parts, site=replace(world.parts.site, fences=fences))
    with TestClient(create_app(parts)) as client:

        def seen(role: str) -> tuple[list[str], list[str | None]]:
            said: dict[str, Any] = client.get("/v1/site", headers=world.bearer(role)).json()
            shown = [feature["properties"] for feature in said["features"]]
            return shown[0]["applies_to"], [fence["name"] for fence in shown]

        of_one, names = ["person:P1", "office:O1", "class:general"], ["Home of One", "Zone"]
        assert seen("officer") == (of_one, names)
        assert seen("county") == (of_one, names)
        assert seen("prosecutor") == (of_one, [None, "Zone"])
        # An office above the caller's is seen as the caller's own.
        assert seen("elsewhere") == (["person:P2", "office:O2", "class:general"], names)


def test_what_needs_no_token(client: TestClient) -> None:
    for where in ("/healthz", "/readyz", "/openapi.json"):
        assert client.get(where).status_code == 200


def test_a_device_is_no_longer_seen_once_its_supervision_is_over(world: World, client: TestClient) -> None:
    world.parts.positions.put([_position("D3", "P3", "O1"), _position("D9", "P1", "O1")])
    assert [item["device_id"] for item in _positions(client, world.bearer("county"))] == ["D1"]


def test_rows_come_in_for_devices_alone(world: World, client: TestClient) -> None:
    said = client.post("/v1/pings", json=[ping()], headers=world.bearer("officer"))
    assert said.json()["detail"] == "a token of the role officer may not send rows"
