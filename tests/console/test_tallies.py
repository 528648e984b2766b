"""What the map and the board's counts go by: the queue's own sums, which no page and no filter limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, violation
from starlette.testclient import TestClient

from console.app import create_app
from sinks.disposal import LEASE_MS, AlertFilter, State

Steps = str  # first letters of claim, verify, dispose, close


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path, now_ms=lambda: NOW_MS) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        client.headers.update(world.bearer("county"))
        yield client


def worked(world: World, number: int, steps: Steps, at_ms: int = NOW_MS, **fields: Any) -> None:
    """An alert raised so many minutes before noon and brought so far."""
    (key,) = apply(world, violation(number, **fields))
    who: dict[str, Any] = {"actor": "li", "office": None, "now_ms": at_ms}
    queue = world.parts.queue
    for step in steps:
        if step == "c":
            queue.claim(key, **who)
        elif step == "v":
            queue.verify(key, **who, verdict="true")
        elif step == "d":
            queue.dispose(key, **who, outcome="warning")
        else:
            queue.close(key, **who)


# What is told of a person, then their alerts: severity, steps, when, other fields.
PEOPLE: list[tuple[str, tuple[int, int, int] | None, list[tuple[int, Steps, int, dict[str, Any]]]]] = [
    ("one alert, in nobody's hands", (2, 1, 1), [(2, "", NOW_MS, {})]),
    ("one, in somebody's", (2, 1, 0), [(2, "c", NOW_MS, {})]),
    ("verified is not finished", (2, 1, 0), [(2, "cv", NOW_MS, {})]),
    ("disposed is", None, [(2, "cvd", NOW_MS, {})]),
    ("closed is", None, [(2, "cvdx", NOW_MS, {})]),
    ("a lease that ran out", (2, 1, 1), [(2, "c", NOW_MS - LEASE_MS, {})]),
    ("a verified one whose lease ran out", (2, 1, 1), [(2, "cv", NOW_MS - LEASE_MS, {})]),
    ("over by itself wants a verdict", (3, 1, 1), [(3, "", NOW_MS, {"cleared_ms": NOW_MS})]),
    ("so does a withdrawn one", (3, 1, 1), [(3, "", NOW_MS, {"withdrawn_ms": NOW_MS})]),
    ("the gravest counts", (1, 3, 1), [(4, "", NOW_MS, {}), (1, "c", NOW_MS, {}), (2, "c", NOW_MS, {})]),
    ("a settled one does not", (4, 1, 1), [(1, "cvd", NOW_MS, {}), (4, "", NOW_MS, {})]),
    ("about nobody", None, [(2, "", NOW_MS, {"person_id": "", "device_id": None, "kind": "log_gap"})]),
]


@pytest.mark.parametrize(("told", "alerts"), [case[1:] for case in PEOPLE], ids=[case[0] for case in PEOPLE])
def test_how_a_person_stands(
    world: World,
    client: TestClient,
    told: tuple[int, int, int] | None,
    alerts: list[tuple[int, Steps, int, dict[str, Any]]],
) -> None:
    for number, (severity, steps, at_ms, fields) in enumerate(alerts):
        worked(world, 60 + number, steps, at_ms, severity=severity, **fields)
    items = client.get("/v1/alerts/people").json()["items"]
    names = ("severity", "alerts", "unclaimed")
    expected = [] if told is None else [{"person_id": "P1", **dict(zip(names, told, strict=True))}]
    assert items == expected


def test_everybody_is_told_of_however_many_alerts_a_page_has(world: World, client: TestClient) -> None:
    people = [f"P{n}" for n in range(700)]  # more than any page
    apply(world, *(violation(60 + n, person=person) for n, person in enumerate(people)))
    items = client.get("/v1/alerts/people").json()["items"]
    assert [item["person_id"] for item in items] == sorted(people)


def test_another_choice_of_the_board_changes_nothing(world: World, client: TestClient) -> None:
    worked(world, 60, "")
    assert client.get("/v1/alerts?state=disposed").json()["items"] == []
    assert [item["person_id"] for item in client.get("/v1/alerts/people").json()["items"]] == ["P1"]


def test_counts_follow_the_choice_and_say_of_how_many(world: World, client: TestClient) -> None:
    for number, (severity, steps) in enumerate(
        [(1, ""), (2, ""), (2, "c"), (2, "cvd"), (2, "cvdx"), (3, "")]
    ):
        worked(
            world,
            60 + number,
            steps,
            severity=severity,
            kind="zone_entry" if number == 1 else "silent_device",
        )
    worked(world, 70, "", office="O2")
    table: list[tuple[str, dict[str, int]]] = [
        ("", {"open": 3, "claimed": 1, "disposed": 1, "closed": 1}),
        ("?severity=2", {"open": 1, "claimed": 1, "disposed": 1, "closed": 1}),
        ("?severity=2&kind=silent_device", {"claimed": 1, "disposed": 1, "closed": 1}),
        (
            "?severity=2&state=open",
            {"open": 1, "claimed": 1, "disposed": 1, "closed": 1},
        ),  # all states all the same
        ("?person=P1&severity=1", {"open": 1}),
        ("?office=O2", {}),  # another county's
    ]
    for query, by_state in table:
        told = client.get(f"/v1/alerts/counts{query}").json()
        assert {state: n for state, n in told["by_state"].items() if n} == by_state, query
        assert {state: n for state, n in told["of"].items() if n} == table[0][1], query
        assert [*told["by_state"]] == [*told["of"]] == [*State]


def test_counts_and_pages_agree(world: World) -> None:
    for number in range(12):
        worked(
            world, 60 + number, "cvdx"[: number % 5], NOW_MS - number * 5 * MINUTE_MS, severity=1 + number % 4
        )
    for severity in (1, 2, 3, 4):
        wanted = AlertFilter(severities=[severity])
        items = [*world.parts.queue.every_alert(wanted, now_ms=NOW_MS)]
        counts = world.parts.queue.count_states(wanted, now_ms=NOW_MS)
        assert counts == {state: sum(item.state == state for item in items) for state in State}
