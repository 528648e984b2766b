"""Who looked at where people are: on record before anything is shown, once a visit; else nothing is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from console_world import NOW_MS, World, apply, console_world, violation
from starlette.testclient import TestClient

from console import visits
from console.app import create_app
from console.visits import FURTHER, PURPOSE_HEADER, VISIT_MS
from sinks.access_log import Look
from sinks.errors import SinkFailed
from sinks.positions import Position
from sinks.sqlite import sqlite3

TRACK = "/v1/people/{}/track?from=2025-07-14T00:00:00Z&to=2025-07-15T00:00:00Z&purpose=alert"


@dataclass(slots=True)
class Now:
    """Real time as the test has it."""

    ms: int = NOW_MS

    def now_ms(self) -> int:
        return self.ms


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def world(tmp_path: Path, now: Now) -> Iterator[World]:
    with console_world(tmp_path, real_now_ms=now.now_ms) as world:
        world.parts.positions.put([Position("D1", "P1", "O1", NOW_MS, NOW_MS, 106.5, 29.5, None, "gnss")])
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        yield client


def looks(world: World) -> list[tuple[Any, ...]]:
    """What is on record: kind, by which role, of whom, what for, answered how."""
    return [
        (entry.kind, entry.role, entry.person_id, entry.purpose, entry.answer)
        for entry in world.parts.accesses.entries(limit=10_000)
    ]


def test_polling_positions_is_one_visit_per_token_purpose_and_half_hour(
    world: World, client: TestClient, now: Now
) -> None:
    """Eight polls by each of two; one of them for two purposes; and again half an hour later."""
    chinese = {PURPOSE_HEADER: quote("月度检查")}
    for _ in range(8):
        for who in ("officer", "county"):
            assert len(client.get("/v1/positions", headers=world.bearer(who)).json()["items"]) == 1
        client.get("/v1/positions", headers=world.bearer("officer") | chinese)
    first = [
        (Look.VISIT, "officer", None, None, 200),
        (Look.VISIT, "county", None, None, 200),
        (Look.VISIT, "officer", None, "月度检查", 200),
    ]
    assert looks(world) == first
    now.ms += VISIT_MS - 1
    client.get("/v1/positions", headers=world.bearer("officer"))
    assert looks(world) == first
    now.ms += 1
    client.get("/v1/positions?purpose=check", headers=world.bearer("officer"))
    client.get("/v1/positions", headers=world.bearer("officer"))
    assert looks(world)[3:] == [
        (Look.VISIT, "officer", None, "check", 200),
        (Look.VISIT, "officer", None, None, 200),
    ]


def test_who_is_opened_is_on_record_and_the_board_alone_is_not(world: World, client: TestClient) -> None:
    """A list with evidence, which is where people were, is a visit; one without is none."""
    (key,) = apply(world, violation(1))
    officer = world.bearer("officer")
    (item,) = client.get("/v1/alerts?evidence=false", headers=officer).json()["items"]
    assert (item["evidence"], item["alert_key"]) == ([], key)
    assert looks(world) == []
    (item,) = client.get("/v1/alerts", headers=officer).json()["items"]
    assert len(item["evidence"]) == 1
    for _ in range(3):
        client.get(f"/v1/alerts/{key}", headers=officer)
    assert looks(world) == [
        (Look.VISIT, "officer", None, None, 200),
        (Look.PERSON, "officer", "P1", None, 200),
    ]


def test_reads_that_were_refused_are_on_record(world: World, client: TestClient) -> None:
    """Another office's person and alert, nobody at all, and a role that may not; each once."""
    (key,) = apply(world, violation(2, person="P2", office="O2"))
    for _ in range(2):
        for path, who, status in (
            (TRACK.format("P2"), "officer", 404),
            (TRACK.format("P99"), "officer", 404),
            (f"/v1/alerts/{key}", "officer", 404),
            ("/v1/positions", "device", 403),
            ("/v1/alerts", "operator", 403),
        ):
            assert client.get(path, headers=world.bearer(who)).status_code == status
    told = [
        (entry.role, entry.person_id, entry.route, entry.answer) for entry in world.parts.accesses.entries()
    ]
    assert told == [
        ("officer", "P2", "GET /v1/people/P2/track", 404),
        ("officer", "P99", "GET /v1/people/P99/track", 404),
        ("officer", None, f"GET /v1/alerts/{key}", 404),
        ("device", None, "GET /v1/positions", 403),
        ("operator", None, "GET /v1/alerts", 403),
    ]


def test_refusals_without_end_fill_no_disk(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "REFUSED_MOST", few := 100)
    for number in range(few + 50):
        client.get(f"/v1/alerts/{number}", headers=world.bearer("officer"))
    entries = world.parts.accesses.entries(limit=10_000)
    assert len(entries) == few + 1
    assert entries[-1].route == FURTHER


@pytest.mark.parametrize(
    "path", ["/v1/positions", "/v1/alerts", "/v1/alerts/{key}", TRACK.format("P1"), TRACK.format("P2")]
)
def test_what_cannot_be_put_on_record_is_not_shown(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A full disk, say: 503, and to be asked again. The board without places goes on."""
    (key,) = apply(world, violation(1))

    def full(*_: object) -> None:
        raise SinkFailed("accesses.sqlite: cannot be used: disk full")

    monkeypatch.setattr(world.parts.accesses.__class__, "record", full)
    said = client.get(path.format(key=key), headers=world.bearer("officer"))
    assert (said.status_code, said.headers["Retry-After"]) == (503, "5")
    assert set(said.json()) == {"detail"}
    board = client.get("/v1/alerts?evidence=false", headers=world.bearer("officer"))
    assert [item["alert_key"] for item in board.json()["items"]] == [key]


@pytest.mark.parametrize(
    ("header", "status", "why"),
    [
        ("monthly check", 200, ""),
        (quote("月度检查"), 200, "percent-encoded UTF-8"),
        ("", 200, "not given"),
        ("%20", 200, "not given"),
        ("12345", 422, "no letter in it"),
        (quote("a\u202eb"), 422, "turns the direction of the text"),
        ("a%00b", 422, "a control sign"),
        ("x" * 1001, 422, "too long"),
    ],
)
def test_purposes(world: World, client: TestClient, header: str, status: int, why: str) -> None:
    said = client.get("/v1/positions", headers=world.bearer("officer") | {PURPOSE_HEADER: header})
    assert said.status_code == status, why
    assert len(looks(world)) == (status == 200)


def test_a_visit_is_on_record_before_it_is_answered(world: World, client: TestClient, tmp_path: Path) -> None:
    """As another program sees the file at the time of the answer."""
    client.get("/v1/positions", headers=world.bearer("officer"))
    other = sqlite3.connect(tmp_path / "data" / "accesses.sqlite")
    assert other.execute("SELECT kind, actor FROM looks").fetchone()[0] == "visit"
    other.close()
