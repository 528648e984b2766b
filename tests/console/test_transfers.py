"""A person goes from one office to another: each sees what was in its own time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console_world import DEVICES, MINUTE_MS, NOW_MS, OFFICES, World, apply, console_world, violation
from minimal_site import WHOLE, write_site
from starlette.testclient import TestClient

from console.app import create_app
from sinks.alert import EvidenceFix, instant_text
from sinks.positions import Position
from sinks.tracks import TrackColumn

#: P1 is O1's until half an hour before noon, then O2's.
CHANGE_MS = NOW_MS - 30 * MINUTE_MS
PEOPLE = f"""\
person_id,name,office_id,class,valid_from,valid_to
P1,Person One,O1,general,,{instant_text(CHANGE_MS)}
P1,Person One,O2,general,{instant_text(CHANGE_MS)},
P2,Person Two,O2,strict,,
P3,Person Three,O1,general,,
"""
#: Minutes before noon of each office's fixes; the one at the moment of the change is the new office's.
OLD, NEW = (50, 40, 31), (30, 20, 10)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    site = tmp_path / "site"
    site.mkdir()
    write_site(
        site, ("offices.csv", WHOLE, OFFICES), ("people.csv", WHOLE, PEOPLE), ("devices.csv", WHOLE, DEVICES)
    )
    with console_world(tmp_path) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        yield client


def track(client: TestClient, headers: dict[str, str], person: str = "P1") -> Any:
    span = "from=2025-07-14T00:00:00Z&to=2025-07-15T00:00:00Z&purpose=alert"
    return client.get(f"/v1/people/{person}/track?{span}", headers=headers)


def minutes(times: list[str]) -> list[int]:
    """How many minutes before noon."""
    known = {instant_text(NOW_MS - number * MINUTE_MS): number for number in (*OLD, *NEW)}
    return [known[time] for time in times]


def test_a_track_is_that_of_the_offices_own_time(world: World, client: TestClient) -> None:
    ago = (*OLD, *NEW)
    event_ms = [NOW_MS - number * MINUTE_MS for number in ago]
    columns: dict[str, TrackColumn] = {
        "person_id": ["P1"] * 6,
        "device_id": ["D1"] * 6,
        "office_id": ["O1"] * 3 + ["O2"] * 3,
        "kind": ["ping"] * 6,
        "event_ms": event_ms,
        "arrival_ms": event_ms,
        "lon": [106.5] * 6,
        "lat": [29.5] * 6,
        "accuracy_m": [5.0] * 6,
        "source": ["gnss"] * 6,
    }
    world.parts.tracks.append(columns, "epoch-1")
    for who, expected in (("officer", OLD), ("elsewhere", NEW), ("county", OLD)):
        said = track(client, world.bearer(who))
        assert minutes([fix["event_time"] for fix in said.json()["items"]]) == list(expected), who
    assert track(client, world.bearer("elsewhere"), "P3").status_code == 404


def test_the_latest_position_goes_over_with_the_first_fix_of_the_new_office(
    world: World, client: TestClient
) -> None:
    def seen() -> list[int]:
        return [
            len(client.get("/v1/positions", headers=world.bearer(who)).json()["items"])
            for who in ("officer", "elsewhere")
        ]

    def put(office: str, ago: int) -> None:
        at_ms = NOW_MS - ago * MINUTE_MS
        world.parts.positions.put([Position("D1", "P1", office, at_ms, at_ms, 106.5, 29.5, None, "gnss")])

    put("O1", 31)
    assert seen() == [0, 0], "the old office's fix, and no longer its person"
    card = client.get("/v1/people/P1/card", headers=world.bearer("elsewhere")).json()
    assert [device["last"] for device in card["devices"]] == [None]
    put("O2", 30)
    assert seen() == [0, 1]
    card = client.get("/v1/people/P1/card", headers=world.bearer("elsewhere")).json()
    assert [device["last"] is None for device in card["devices"]] == [False]
    assert client.get("/v1/people/P1/card", headers=world.bearer("officer")).status_code == 404


def test_evidence_is_that_of_the_offices_own_time(world: World, client: TestClient) -> None:
    """An alert of each office whose run began before the change; how many fixes are left out is said."""
    fixes = tuple(
        EvidenceFix(NOW_MS - number * MINUTE_MS, 106.5, 29.5, 10.0, 120.0, "out") for number in (*OLD, *NEW)
    )
    old, new = apply(world, violation(50, evidence=fixes), violation(10, office="O2", evidence=fixes))
    for who, key, expected in (("officer", old, OLD), ("elsewhere", new, NEW)):
        item = client.get(f"/v1/alerts/{key}", headers=world.bearer(who)).json()
        assert minutes([fix["event_time"] for fix in item["evidence"]]) == list(expected)
        assert item["evidence_elsewhere"] == 3
        (listed,) = client.get("/v1/alerts", headers=world.bearer(who)).json()["items"]
        assert listed["evidence"] == item["evidence"]
    assert client.get(f"/v1/alerts/{old}", headers=world.bearer("elsewhere")).status_code == 404
