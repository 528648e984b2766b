"""Alerts, places and figures over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, ping, violation
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from console.app import create_app
from console.site_directory import SiteDirectory
from geofences.instant import instant_ms
from pipeline.sites.records import Binding
from sinks.disposal import DisposalQueue
from sinks.positions import Position
from sinks.run_metrics import RunMetrics
from sinks.tracks import TrackColumn


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path, run_metrics=tmp_path / "run-metrics.json") as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        client.headers.update(world.bearer("officer"))
        yield client


def test_an_alert_from_open_to_closed(world: World, client: TestClient) -> None:
    (key,) = apply(world, violation(1))
    at = f"/v1/alerts/{key}"
    claimed = client.post(f"{at}/claim").json()
    assert (claimed["state"], claimed["holder"]) == ("claimed", _name(world, "officer"))
    assert (
        client.post(f"{at}/verify", json={"verdict": "true", "reason": "seen"}).json()["state"] == "verified"
    )
    done = client.post(f"{at}/dispose", json={"outcome": "warning", "note": "first"}).json()
    assert (done["state"], done["outcome"], done["note"]) == ("disposed", "warning", "first")
    closed = client.post(f"{at}/close").json()
    assert closed == client.get(at).json()
    kinds = ["raised", "claimed", "verified", "disposed", "closed"]
    assert [entry["kind"] for entry in closed["timeline"]] == kinds


def _name(world: World, who: str) -> str:
    identity = world.parts.tokens.lookup(world.tokens[who], now_ms=NOW_MS)
    assert identity is not None
    return identity.name


def test_an_alert_says_what_kind_of_device_it_is_of(world: World, client: TestClient) -> None:
    missed = violation(3, kind="missed_confirmation", device_id=None, group=None)
    apply(world, violation(1), violation(2, device_id="D2"), missed, violation(4, device_id="unknown"))
    items = client.get("/v1/alerts").json()["items"]
    kinds = {item["device_id"]: item["device_kind"] for item in items}
    assert kinds == {"D1": "phone", "D2": "wristband", None: None, "unknown": None}
    key = next(item["alert_key"] for item in items if item["device_id"] == "D2")
    for said in (client.get(f"/v1/alerts/{key}"), client.post(f"/v1/alerts/{key}/claim")):
        assert said.json()["device_kind"] == "wristband"


def test_a_device_that_was_another_kind_before(world: World) -> None:
    """A number given to a wristband, once a phone's: what counts is when the incident began."""
    march_ms, june_ms = instant_ms("2025-03-01T00:00:00Z"), instant_ms("2025-06-01T00:00:00Z")
    bindings = [
        Binding("D1", "P1", "wristband", june_ms),
        Binding("D1", "P1", "phone", march_ms, instant_ms("2025-05-01T00:00:00Z")),
    ]
    site_directory = SiteDirectory(replace(world.parts.site, bindings=tuple(bindings)))
    for at_ms, kind in ((march_ms - 1, "phone"), (june_ms - 1, "phone"), (june_ms, "wristband")):
        assert site_directory.device_kind("D1", at_ms) == kind


def test_whoever_comes_second_is_told_who_was_first(world: World, client: TestClient) -> None:
    (key,) = apply(world, violation(1))
    client.post(f"/v1/alerts/{key}/claim", headers=world.bearer("county"))
    for step, body in (
        ("claim", None),
        ("release", None),
        ("verify", {"verdict": "true"}),
        ("dispose", {"outcome": "warning", "note": "x"}),
    ):
        said = client.post(f"/v1/alerts/{key}/{step}", json=body)
        assert said.status_code == 409
        assert (said.json()["state"], said.json()["holder"]) == ("claimed", _name(world, "county"))
        assert said.json()["alert"]["alert_key"] == key
        # The alert is the one that is seen everywhere else.
        seen = client.get(f"/v1/alerts/{key}").json()
        assert said.json()["alert"] == {name: seen[name] for name in said.json()["alert"]}
        assert {"person_name", "device_kind"} <= said.json()["alert"].keys()


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ("verify", {"verdict": "perhaps"}),
        ("verify", {"verdict": "false"}),  # a false one wants a reason
        ("verify", {}),
        ("verify", {"verdict": "true", "reason": "\ud800"}),  # no Unicode, which no answer can hold either
        ("verify", {"verdict": "\ud800"}),
        ("verify", {"verdict": float("nan")}),
        ("dispose", {"outcome": "party"}),
        ("dispose", {"outcome": "warning", "note": "\ud800"}),
        ("dispose", None),
    ],
)
def test_steps_that_could_never_be_right(world: World, client: TestClient, step: str, body: Any) -> None:
    (key,) = apply(world, violation(1))
    client.post(f"/v1/alerts/{key}/claim")
    said = client.post(f"/v1/alerts/{key}/{step}", content=json.dumps(body))
    assert (said.status_code, said.json().keys() >= {"detail"}) == (422, True)


def test_pages_have_every_alert_once(world: World, client: TestClient) -> None:
    keys = apply(world, *(violation(number, severity=1 + number % 4) for number in range(1, 26)))
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/v1/alerts", params={"limit": 10} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next"]
    assert sorted(item["alert_key"] for item in seen) == sorted(keys)
    order = [(item["severity"], item["raised_at"]) for item in seen]
    assert order == sorted(order)


def test_filters(world: World, client: TestClient) -> None:
    cleared = violation(2, cleared_ms=NOW_MS)
    zone = violation(3, kind="zone_entry", group=None, severity=1)
    keys = apply(world, violation(1), cleared, zone)
    for query, expected in (
        ("state=open", [keys[2], keys[0]]),
        ("state=open&state=self_cleared", [keys[2], keys[0], keys[1]]),
        ("kind=zone_entry", [keys[2]]),
        ("severity=2", [keys[0], keys[1]]),
        ("person=P1&office=C1", [keys[2], keys[0], keys[1]]),
        ("person=P2", []),
    ):
        said = client.get(f"/v1/alerts?{query}")
        assert [item["alert_key"] for item in said.json()["items"]] == expected, query
    for wrong in ("state=half", "severity=5", "limit=0", "limit=501", "cursor=x", "stat=open"):
        assert client.get(f"/v1/alerts?{wrong}").status_code == 422, wrong


def test_positions_within_a_box(world: World, client: TestClient) -> None:
    position = Position("D1", "P1", "O1", NOW_MS - MINUTE_MS, NOW_MS, 179.9, -10.0, 12.0, "gnss")
    world.parts.positions.put([position, replace(position, event_ms=0, lon=0.0)])
    said = client.get("/v1/positions").json()
    assert said["truncated"] is False
    assert said["items"] == [
        {
            "device_id": "D1",
            "person_id": "P1",
            "person_name": "Person One",
            "office_id": "O1",
            "event_time": "2025-07-14T03:59:00.000Z",
            "arrival_time": "2025-07-14T04:00:00.000Z",
            "age_s": 60,
            "lon": 179.9,
            "lat": -10.0,
            "accuracy_m": 12.0,
            "source": "gnss",
        }
    ]
    for box, found in (("179,-11,180,-9", 1), ("179,-11,-179,-9", 1), ("0,-90,10,90", 0)):
        assert len(client.get(f"/v1/positions?bbox={box}").json()["items"]) == found, box
    for wrong in ("1,2,3", "a,b,c,d", "0,10,1,5", "nan,0,1,1", "0,0,400,1"):
        assert client.get(f"/v1/positions?bbox={wrong}").status_code == 422, wrong


def test_no_track_without_a_trace(world: World, client: TestClient) -> None:
    columns: dict[str, TrackColumn] = {
        "person_id": ["P1", "P2"],
        "device_id": ["D1", "D2"],
        "office_id": ["O1", "O2"],
        "kind": ["ping", "ping"],
        "event_ms": [NOW_MS - MINUTE_MS, NOW_MS],
        "arrival_ms": [NOW_MS, NOW_MS],
        "lon": [106.5, 1.0],
        "lat": [29.5, 1.0],
        "accuracy_m": [float("nan"), 5.0],
        "source": [None, "gnss"],
    }
    world.parts.tracks.append(columns, "epoch-1")
    span = {"from": "2025-07-14T10:00:00+08:00", "to": "2025-07-14T14:00:00+08:00"}
    said = client.get("/v1/people/P1/track", params=span | {"purpose": " alert 7 "}).json()
    assert [fix["event_time"] for fix in said["items"]] == ["2025-07-14T03:59:00.000Z"]
    (entry,) = world.parts.accesses.entries()
    assert (entry.actor, entry.person_id, entry.purpose) == (_name(world, "officer"), "P1", "alert 7")
    assert (entry.at_ms, entry.access_id, entry.role) == (NOW_MS, said["access_id"], "officer")
    for wrong in (
        span,
        span | {"purpose": ""},
        span | {"purpose": "  "},
        span | {"purpose": "\0"},
        span | {"purpose": "\0why"},
        span | {"purpose": "alert\x077"},
        {"purpose": "x", "from": "0001-01-01T00:00:00+23:59", "to": "0001-01-05T00:00:00Z"},
        {"purpose": "x", "from": "9999-12-30T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
        {"purpose": "x", "from": "9999-12-30T00:00:00Z", "to": "9999-12-31T23:59:59-23:59"},
        {**span, "purpose": "x", "to": "2025-07-14T10:00:00+08:00"},
        {**span, "purpose": "x", "to": "2025-09-14T10:00:00+08:00"},
        {**span, "purpose": "x", "from": "2025-07-14T10:00:00"},
    ):
        assert client.get("/v1/people/P1/track", params=wrong).status_code == 422, wrong
    assert len(world.parts.accesses.entries()) == 1


def test_the_site_as_a_map_needs_it(world: World, client: TestClient) -> None:
    said = client.get("/v1/site").json()
    assert [feature["id"] for feature in said["features"]] == ["home", "zone"]
    circle = said["features"][1]
    assert (circle["properties"]["shape"], circle["properties"]["reach_m"]) == ("circle", 300)
    assert circle["geometry"]["type"] == "Polygon"
    assert [office["office_id"] for office in said["offices"]] == ["O1"]
    assert "warning" in said["outcomes"]["true"]
    assert "warning" not in said["outcomes"]["false"]
    # `home` is P1's and county C1's: nobody elsewhere learns of it.
    elsewhere = client.get("/v1/site", headers=world.bearer("elsewhere")).json()
    assert [feature["id"] for feature in elsewhere["features"]] == ["zone"]


def test_status_says_how_old_everything_is(world: World, client: TestClient) -> None:
    apply(world, violation(5))
    told = RunMetrics(at_ms=NOW_MS - 2_000, offset=1, clock_ms=NOW_MS - 3_000, rows=7)
    told.save(world.parts.run_metrics)  # type: ignore[arg-type]
    said = client.get("/v1/status").json()
    assert (said["clock"], said["simulated"], said["speed"]) == ("real time", False, 1.0)
    assert (said["engine"]["lag_s"], said["engine"]["report_age_s"]) == (3.0, 2.0)
    assert (said["queue"]["waiting"], said["queue"]["oldest_open_age_s"]) == (1, 300.0)
    assert (said["you"]["role"], said["you"]["office_name"]) == ("officer", "Office One")
    assert client.get("/v1/status", headers=world.bearer("operator")).json()["queue"] is None


def test_figures(world: World, client: TestClient) -> None:
    apply(world, violation(5))
    rejected = {"duplicate": 2}
    told = RunMetrics(at_ms=NOW_MS, clock_ms=NOW_MS - 3_000, rows=7, rejected=rejected)
    told.save(world.parts.run_metrics)  # type: ignore[arg-type]
    rows = [ping(), ping("D9")]
    client.post("/v1/pings", json=rows, headers=world.bearer("operator"))
    text = client.get("/metrics").text
    for line in (
        'fencewatch_received_rows_total{stream="pings"} 2.0',
        'fencewatch_accepted_rows_total{stream="pings"} 1.0',
        'fencewatch_rejected_rows_total{reason="unknown_device"} 1.0',
        "fencewatch_queue_depth 1.0",
        'fencewatch_queue_alerts{kind="boundary_violation",state="open"} 1.0',
        "fencewatch_queue_oldest_open_age_seconds 300.0",
        "fencewatch_engine_rows_total 7.0",
        'fencewatch_engine_rejected_rows_total{reason="duplicate"} 2.0',
        'fencewatch_engine_alerts_total{kind="boundary_violation"} 1.0',
        "fencewatch_tick_lag_seconds 3.0",
        "fencewatch_clock_speed 1.0",
    ):
        assert line in text.splitlines()
    assert re.search(r"^fencewatch_journal_append_seconds_count [1-9]", text, re.MULTILINE)
    assert re.search(r"^fencewatch_log_lag_records [1-9]", text, re.MULTILINE)


def test_what_the_application_says_of_itself(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    told = {f"{how.upper()} {path}" for path, methods in paths.items() for how in methods}
    assert told >= {
        "POST /v1/pings",
        "POST /v1/confirmations",
        "GET /osmand",
        "POST /osmand",
        "POST /owntracks",
        "GET /v1/alerts",
        "GET /v1/alerts/{alert_key}",
        "POST /v1/alerts/{alert_key}/claim",
        "POST /v1/alerts/{alert_key}/release",
        "POST /v1/alerts/{alert_key}/verify",
        "POST /v1/alerts/{alert_key}/correct",
        "POST /v1/alerts/{alert_key}/settle",
        "POST /v1/alerts/settle",
        "GET /v1/alerts/by-person",
        "GET /v1/people/{person_id}/card",
        "POST /v1/alerts/{alert_key}/dispose",
        "GET /v1/alerts/stream",
        "GET /v1/alerts/people",
        "GET /v1/alerts/counts",
        "GET /v1/positions",
        "GET /v1/people/{person_id}/track",
        "GET /v1/site",
        "GET /v1/status",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


def test_a_queue_that_cannot_be_read_is_told(
    world: World, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunMetrics(at_ms=NOW_MS, offset=world.journal.end_offset).save(tmp_path / "run-metrics.json")
    assert client.get("/readyz").json() == {"status": "ready", "problems": []}

    def broken(_: DisposalQueue) -> int:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(DisposalQueue, "last_seq", broken)
    said = client.get("/readyz")
    assert said.status_code == 503
    assert "disk I/O error" in said.json()["problems"][0]


def test_nothing_is_fetched_from_elsewhere(tmp_path: Path) -> None:
    web, vendor = tmp_path / "web", tmp_path / "vendor"
    (vendor / "map").mkdir(parents=True)
    web.mkdir()
    (vendor / "map" / "map.mjs").write_text("export {}")
    imports = '{"imports": {"map": "/vendor/map/map.mjs"}}'
    (web / "index.html").write_text(f'<script type="importmap">{imports}</script>')
    with (
        console_world(tmp_path, web=web, vendor=vendor) as world,
        TestClient(create_app(world.parts)) as client,
    ):
        page, script = client.get("/"), client.get("/vendor/map/map.mjs")
        assert script.headers["Content-Type"].startswith("text/javascript")
        assert client.get("/../data/tokens.sqlite").status_code == 404
        for said in (page, script, client.get("/v1/alerts"), client.get("/healthz"), client.get("/nowhere")):
            policy = said.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'self'; base-uri 'none'")
            assert re.search(r"script-src 'self' 'sha256-[\w+/=]{44}'$", policy)
            assert said.headers["X-Content-Type-Options"] == "nosniff"
        assert client.get("/v1/alerts").headers["Cache-Control"] == "no-store"
