"""Every route and every kind of token: what a stranger, a former and a present bearer are told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from console_world import NOW_MS, World, apply, console_world, violation
from starlette.routing import Route
from starlette.testclient import TestClient

from console import alert_stream
from console.app import create_app
from console.throttle import BURST, Throttle
from console.token_watch import TokenWatch
from sinks.positions import Position
from sinks.security_log import SECURITY_KINDS, SecurityLog

SPAN = {"from": "2025-07-14T00:00:00Z", "to": "2025-07-15T00:00:00Z", "purpose": "check"}
#: Who may: officer, county, prosecutor, operator, device. A route that is not here fails the test.
SEE, WATCH, ACT, SEND, ANYBODY = "ocp", "ocpr", "oc", "rd", "*"
#: Who may change a row of each table; that of the county is the county's business.
CHANGE = {"leaves": "oc", "devices": "oc", "fences": "c", "offices": "c", "people": "c"}
ROLES = {"officer": "o", "county": "c", "prosecutor": "p", "operator": "r", "device": "d"}
ROUTES = {
    "GET /openapi.json": ANYBODY,
    "GET /healthz": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /metrics": WATCH,
    "GET /v1/status": WATCH,
    "GET /v1/rejects": WATCH,
    "GET /v1/site": SEE,
    "GET /v1/basemap": SEE,
    "GET /v1/basemap/{zoom}/{x}/{y}": SEE,
    "GET /v1/positions": SEE,
    "GET /v1/positions/stream": SEE,
    "GET /v1/people/{person_id}/track": SEE,
    "GET /v1/people/{person_id}/card": SEE,
    "GET /v1/alerts": SEE,
    "GET /v1/alerts/people": SEE,
    "GET /v1/alerts/counts": SEE,
    "GET /v1/alerts/by-office": SEE,
    "GET /v1/alerts/by-person": SEE,
    "GET /v1/alerts/stream": SEE,
    "GET /v1/alerts/{alert_key}": SEE,
    "POST /v1/alerts/settle": ACT,
    **{
        f"POST /v1/alerts/{{alert_key}}/{step}": ACT
        for step in ("claim", "renew", "release", "verify", "correct", "dispose", "close", "settle")
    },
    "POST /v1/pings": SEND,
    "POST /v1/confirmations": SEND,
    "GET /osmand": SEND,
    "POST /osmand": SEND,
    "POST /owntracks": SEND,
    "GET /v1/fences": SEE,
    "GET /v1/site/changes": SEE,
    **{f"GET /v1/{table}/{{row_id}}": SEE for table in CHANGE},
    **{f"PUT /v1/{table}/{{row_id}}": who for table, who in CHANGE.items()},
    **{f"DELETE /v1/{table}/{{row_id}}": who for table, who in CHANGE.items()},
    "POST /v1/site/changes": "oc",
}
#: Bodies that are as they should be, so that nothing but the token decides.
BODIES: dict[str, Any] = {
    "settle": {"reason": "other"},
    "verify": {"verdict": "true"},
    "correct": {"verdict": "true", "because": "seen"},
    "dispose": {"outcome": "warning"},
}
KEY = violation(1).alert_key


def row_of(table: str, number: int) -> tuple[str, dict[str, Any]]:
    """A row of one of the two offices by its id, as it stands where it is there at all."""
    person, office = f"P{number}", f"O{number}"
    circle = {"lon": 106.6, "lat": 29.6, "radius_m": 500, "valid_to": "2025-08-01T00:00:00Z"}
    home = {"rule": "keep_in", "applies_to": [f"person:{person}"], "radius_m": 500}
    point = {"type": "Point", "coordinates": [106.5, 29.5]}
    rows: dict[str, tuple[str, dict[str, Any]]] = {
        "people": (person, {"name": ("One", "Two")[number - 1], "office_id": office, "class": "general"}),
        "devices": (f"D{number}", {"person_id": person, "kind": "phone"}),
        "leaves": (f"L{number}", {"person_id": person, "category": "work", "module": "travel", **circle}),
        "offices": (office, {"parent_id": f"C{number}", "name": "Office", "level": "judicial_office"}),
        "fences": (
            ("home", "home-2")[number - 1],
            {"type": "Feature", "properties": home, "geometry": point},
        ),
    }
    return rows[table]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path, security_log=tmp_path / "data" / "security.ndjson") as world:
        apply(world, violation(1), violation(2, person="P2", office="O2"))
        for number, office in ((1, "O1"), (2, "O2")):
            world.parts.positions.put(
                [Position(f"D{number}", f"P{number}", office, NOW_MS, NOW_MS, 106.5, 29.5, None, "gnss")]
            )
        yield world


@pytest.fixture(autouse=True)
def streams_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may open one is decided before its first event."""

    async def nothing(*_: object) -> AsyncIterator[bytes]:
        return
        yield

    monkeypatch.setattr(TokenWatch, "while_in_force", nothing)
    monkeypatch.setattr(alert_stream, "_events", nothing)


def there(world: World) -> set[str]:
    """Every route of the application, by method."""
    app = create_app(world.parts)
    described = {
        f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods
    }
    plain = {
        f"{method} {route.path.rstrip('/')}"
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    return described | plain


def asked(client: TestClient, route: str, headers: dict[str, str], number: int = 1) -> Any:
    method, path = route.split()
    key = violation(number, person=f"P{number}").alert_key
    table = path.split("/")[2] if "{row_id}" in path else ""
    row_id, row = row_of(table, number) if table else ("", {})
    path = path.format(alert_key=key, person_id=f"P{number}", row_id=row_id, zoom=0, x=0, y=0)
    if table:
        headers = {**headers, "If-Match": "*"} if row_id not in ("L2", "home-2") else headers
        params, body = (
            ({"reason": "check"}, None) if method == "DELETE" else ({}, {"row": row, "reason": "check"})
        )
        return client.request(
            method, path, params=params, headers=headers, json=None if method == "GET" else body
        )
    body = BODIES.get(path.rpartition("/")[2], [] if "/v1/" in path else {})
    if path == "/v1/alerts/settle":
        body = {**BODIES["settle"], "keys": [key]}
    if path == "/v1/site/changes":
        row_id, row = row_of("leaves", number)
        body = {"op": "put", "table": "leaves", "row": {"leave_id": row_id, **row}, "reason": "check"}
    params = SPAN if path.endswith("/track") else {"at": "106.5,29.5"} if path.endswith("/fences") else {}
    return client.request(
        method, path, params=params, headers=headers, json=None if method == "GET" else body
    )


def without_rights(world: World) -> dict[str, dict[str, str]]:
    """Headers of whoever has no key, has a wrong one, or had a right one."""
    tokens = world.parts.tokens
    gone = tokens.create("county", office_id="C1", now_ms=1, name="gone")
    tokens.revoke("gone", now_ms=2)
    late = tokens.create("county", office_id="C1", now_ms=1, name="late", expires_ms=2)
    texts = {"wrong": "x" * 43, "revoked": gone, "expired": late, "empty": ""}
    bearers = {name: {"Authorization": f"Bearer {text}"} for name, text in texts.items()}
    return {"none": {}, "other scheme": {"Authorization": "Basic eDp5"}, **bearers}


def test_no_route_is_forgotten(world: World) -> None:
    assert there(world) == ROUTES.keys()


def test_a_stranger_gets_in_nowhere(world: World) -> None:
    for kind, headers in without_rights(world).items():
        # Each from an address of its own, whose patience is not used up by the others.
        with TestClient(create_app(world.parts), client=(kind, 1)) as client:
            for route, who in ROUTES.items():
                said = asked(client, route, headers)
                if who == ANYBODY:
                    assert said.status_code == 200, (kind, route)
                    assert "P1" not in said.text, (kind, route)
                else:
                    assert said.status_code == 401, (kind, route, said.text)
                    assert said.headers["WWW-Authenticate"] == "Bearer"
                    assert set(said.json()) == {"detail"}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_in_where_it_may(world: World, role: str) -> None:
    with TestClient(create_app(world.parts)) as client:
        for route, who in ROUTES.items():
            said = asked(client, route, world.bearer(role))
            may = who == ANYBODY or ROLES[role] in who
            assert (said.status_code not in (401, 403)) == may, (route, said.status_code, said.text)
            assert said.status_code < 500, (route, said.text)


#: The ground of the map is the same for all.
OF_NOBODY = {"GET /v1/basemap/{zoom}/{x}/{y}"}


@pytest.mark.parametrize("role", ["elsewhere", "officer", "county", "prosecutor"])
def test_another_office_shows_in_no_answer(world: World, role: str) -> None:
    """Neither its people nor its devices nor its alerts, whatever is asked for; by its id it is not there."""
    own, other = (2, 1) if role == "elsewhere" else (1, 2)
    other_key = violation(other, person=f"P{other}").alert_key
    with TestClient(create_app(world.parts)) as client:
        for route, who in ROUTES.items():
            if who not in (SEE, WATCH, ACT, "c") or (who in (ACT, "c") and role == "prosecutor"):
                continue
            if who == "c" and role != "county":
                continue
            if "{" in route and route not in OF_NOBODY:
                said = asked(client, route, world.bearer(role), other)
                # What is to be put in where nothing is, for a person of others, has no row to be missing.
                assert said.status_code in ((403, 404) if route.startswith("PUT") else (404,)), (
                    route,
                    said.text,
                )
            if route == "POST /v1/alerts/settle":
                said = asked(client, route, world.bearer(role), other)
                assert [item["status"] for item in said.json()["items"]] == [404]
                continue
            told = asked(client, route, world.bearer(role), own).text
            for name in (f'"P{other}"', f'"D{other}"', f'"O{other}"', other_key, ("One", "Two")[other - 1]):
                assert name not in told, (route, name)


def test_wrong_keys_are_slowed_down_and_the_right_one_beside_them_is_not(world: World) -> None:
    """All behind one proxy that hides who they are."""
    with TestClient(create_app(world.parts), client=("10.0.0.1", 1)) as client:
        statuses = [
            client.get("/v1/status", headers={"Authorization": f"Bearer {n}"}).status_code
            for n in range(BURST + 20)
        ]
        assert statuses[:BURST] == [401] * BURST
        assert 429 in statuses[BURST:]
        assert client.get("/v1/status", headers=world.bearer("officer")).status_code == 200
        assert client.get("/v1/status").status_code == 401, "no key is no guess"
        said = client.get("/v1/status", headers={"Authorization": "Bearer x"})
        if said.status_code == 429:  # a slow machine may have let a second pass
            assert int(said.headers["Retry-After"]) >= 1
    with TestClient(create_app(world.parts), client=("10.0.0.2", 1)) as client:
        assert client.get("/v1/status", headers={"Authorization": "Bearer x"}).status_code == 401


def test_refusals_are_told_with_who_what_and_from_where(world: World, tmp_path: Path) -> None:
    tokens = world.parts.tokens
    gone = tokens.create("officer", office_id="O1", now_ms=1, name="gone")
    tokens.revoke("gone", now_ms=2)
    with TestClient(create_app(world.parts), client=("10.0.0.7", 1)) as client:
        client.get("/v1/status")
        client.get("/v1/alerts", headers={"Authorization": f"Bearer {gone}"})
        client.get("/v1/positions", headers=world.bearer("device"))
    path = tmp_path / "data" / "security.ndjson"
    assert path.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["no_token", "wrong_token", "not_allowed"]
    assert {line["details"]["address"] for line in lines} == {"10.0.0.7"}
    assert [line["details"]["route"] for line in lines] == [
        "GET /v1/status",
        "GET /v1/alerts",
        "GET /v1/positions",
    ]
    assert lines[1]["details"]["token"] == "gone"
    assert lines[2]["details"]["role"] == "device"
    assert gone not in path.read_text("utf-8")


def test_a_flood_of_wrong_keys_fills_no_disk(world: World, tmp_path: Path) -> None:
    with TestClient(create_app(world.parts), client=("10.0.0.1", 1)) as client:
        for n in range(3 * BURST):
            client.get("/v1/status", headers={"Authorization": f"Bearer {n}"})
    lines = (tmp_path / "data" / "security.ndjson").read_text("utf-8").splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert BURST <= kinds.count("wrong_token") < 3 * BURST
    assert 0 < kinds.count("throttled") < 3 * BURST


def test_the_log_of_refusals_has_a_size(tmp_path: Path) -> None:
    log = SecurityLog(tmp_path / "security.ndjson", bytes_most=1000)
    for n in range(200):
        log.append(n, "wrong_token", {"address": f"10.0.0.{n}", "route": "GET /v1/status"})
    sizes = [path.stat().st_size for path in log.paths()]
    assert len(sizes) == 5
    assert max(sizes) < 1200
    newest = json.loads((tmp_path / "security.ndjson").read_text("utf-8").splitlines()[-1])
    assert newest["details"]["address"] == "10.0.0.199"
    assert set(SECURITY_KINDS) >= {"wrong_token", "no_token", "throttled", "not_allowed"}


@pytest.mark.parametrize(
    ("first", "second", "is_one", "why"),
    [
        ("10.0.0.1", "10.0.0.1", True, "an address"),
        ("10.0.0.1", "10.0.0.2", False, "two"),
        ("2001:db8::1", "2001:db8::ffff", True, "one network of IPv6, which one customer has"),
        ("2001:db8::1", "2001:db8:0:1::1", False, "another network"),
        ("::ffff:10.0.0.1", "10.0.0.1", True, "the same by another spelling"),
    ],
)
def test_whose_patience_it_is(first: str, second: str, is_one: bool, why: str) -> None:
    throttle = Throttle(burst=2, every_s=10.0)
    assert [throttle.wait_s(first, 0.0) for _ in range(2)] == [0.0, 0.0]
    assert throttle.wait_s(first, 0.0) == 10.0
    assert (throttle.wait_s(second, 0.0) > 0) == is_one, why
    assert throttle.wait_s(first, 10.0) == 0.0, "one more after so long"
    assert throttle.wait_s(first, 10.0) > 0.0


@pytest.mark.parametrize(
    "path",
    ["package.json", "package-lock.json", "jsconfig.json", ".npmrc", "node_modules/maplibre-gl/package.json"],
)
def test_what_the_page_is_made_of_is_not_told(world: World, path: str) -> None:
    with TestClient(create_app(world.parts)) as client:
        assert client.get(f"/{path}").status_code == 404
        assert [client.get(shown).status_code for shown in ("/", "/index.html", "/app.js")] == [200] * 3
