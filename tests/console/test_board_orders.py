"""The board over HTTP in every order, by person, by who is at work, and searched; pages stay right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, violation
from starlette.testclient import TestClient

from console.app import create_app
from sinks.alert import Alert

#: Enough for several pages, of few people, with some in every state.
MANY = 60
SETTLED = {"reason": "other"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with console_world(tmp_path_factory.mktemp("console")) as world:
        chance = random.Random(5)
        apply(world, *(_alert(number, chance) for number in range(1, MANY + 1)))
        yield world


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts), headers=world.bearer("officer")) as client:
        keys = [item["alert_key"] for item in _all(client, order="newest")]
        for key in keys[::5]:
            client.post(f"/v1/alerts/{key}/claim")
        for key in keys[1::7]:
            client.post(f"/v1/alerts/{key}/settle", json=SETTLED)
        client.post(f"/v1/alerts/{keys[2]}/claim", headers=world.bearer("county"))
        yield client


def _alert(number: int, chance: random.Random) -> Alert:
    person = chance.choice(["P1", "P3", "P7", "P71"])
    alert = violation(number, severity=chance.randint(1, 4), person=person)
    if chance.random() < 0.3:
        alert = replace(alert, cleared_ms=alert.raised_ms + MINUTE_MS)
    return replace(alert, withdrawn_ms=NOW_MS) if chance.random() < 0.1 else alert


def _all(client: TestClient, where: str = "/v1/alerts", **query: Any) -> list[dict[str, Any]]:
    """The items of all pages, one behind the other."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(where, params=query | {"limit": 7} | cursor).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


_RANK = {"open": 0, "self_cleared": 1, "claimed": 2, "verified": 3, "disposed": 4}


def _place(order: str, item: dict[str, Any]) -> tuple[Any, ...]:
    """Where an unfinished alert belongs, told from what is seen of it."""
    rank = _RANK[item["state"]]
    rank = 1 if rank == 0 and item["withdrawn_at"] else rank
    raised, key = item["raised_at"], item["alert_key"]
    return {
        "urgent": (rank, item["severity"], raised, key),
        "oldest": (raised, key),
        "severity": (item["severity"], raised, key),
    }[order]


@pytest.mark.parametrize("order", ["urgent", "newest", "oldest", "severity"])
def test_every_order_by_pages(client: TestClient, order: str) -> None:
    items = _all(client, order=order)
    assert len({item["alert_key"] for item in items}) == len(items) == MANY, "each once"
    unfinished = [item for item in items if item["state"] != "closed"]
    closed = items[len(unfinished) :]
    assert all(item["state"] == "closed" for item in closed), "what is closed follows"
    assert len(closed) > 5
    ended = [(item["closed_at"], item["alert_key"]) for item in closed]
    assert ended == sorted(ended, reverse=True)
    if order == "newest":
        raised = [item["raised_at"] for item in unfinished]
        assert raised == sorted(raised, reverse=True)
    else:
        places = [_place(order, item) for item in unfinished]
        assert places == sorted(places)


def test_the_default_order_is_what_wants_attention(client: TestClient) -> None:
    assert _all(client) == _all(client, order="urgent")


@pytest.mark.parametrize(
    ("first", "then"),
    [("urgent", "newest"), ("newest", "oldest"), ("severity", "urgent")],
)
def test_a_cursor_belongs_to_its_order(client: TestClient, first: str, then: str) -> None:
    cursor = client.get("/v1/alerts", params={"limit": 7, "order": first}).json()["next"]
    said = client.get("/v1/alerts", params={"limit": 7, "order": then, "cursor": cursor})
    assert said.status_code == 422
    assert client.get("/v1/alerts/by-person", params={"cursor": cursor}).status_code == 422


def test_what_is_mine_and_what_is_anothers(world: World, client: TestClient) -> None:
    names = {who: client.get("/v1/status", headers=world.bearer(who)).json()["you"]["name"]
             for who in ("officer", "county")}  # fmt: skip
    items = _all(client)
    for query, who in (({"mine": True}, "officer"), ({"holder": names["county"]}, "county")):
        found = _all(client, **query)
        assert {item["alert_key"] for item in found} == {
            item["alert_key"] for item in items if item["holder"] == names[who]
        }
        assert found
    assert _all(client, holder="nobody of this name") == []
    both = client.get("/v1/alerts", params={"mine": True, "holder": names["county"]})
    assert both.status_code == 422


def test_a_lapsed_lease_is_nobodys(world: World, client: TestClient) -> None:
    later = replace(world.parts, now_ms=lambda: NOW_MS + 31 * MINUTE_MS)
    with TestClient(create_app(later), headers=world.bearer("officer")) as after:
        assert _all(after, mine=True) == []


@pytest.mark.parametrize("order", ["urgent", "newest", "oldest", "severity"])
def test_by_person(client: TestClient, order: str) -> None:
    """Each person once, by the alert that comes first; the figures are those of the person's alerts."""
    alerts = [item for item in _all(client, order=order) if item["state"] != "closed"]
    states = ["open", "self_cleared", "claimed"]
    cards = _all(client, "/v1/alerts/by-person", order=order, state=states)
    first_of: dict[str, dict[str, Any]] = {}
    for item in alerts:
        first_of.setdefault(item["person_id"], item | {"evidence": []})  # a board needs no places
    assert [(card["person_id"], card["first"]) for card in cards] == list(first_of.items())
    for card in cards:
        own = [item for item in alerts if item["person_id"] == card["person_id"]]
        waiting = [item for item in own if item["state"] in ("open", "self_cleared")]
        settleable = [item for item in waiting if item["cleared_at"] or item["withdrawn_at"]]
        assert (card["count"], card["waiting"], card["settleable"]) == (
            len(own),
            len(waiting),
            len(settleable),
        )
        assert card["gravest"] == min(item["severity"] for item in own)
        assert card["newest_raised_at"] == max(item["raised_at"] for item in own)
        assert card["oldest_raised_at"] == min(item["raised_at"] for item in own)
        again = _all(client, order=order, person=card["person_id"], state=states)
        assert again == own, "what it opens into"


def test_people_by_pages(client: TestClient) -> None:
    """One person a page: each once, whatever the order."""
    for order in ("urgent", "newest", "oldest", "severity"):
        whole = client.get("/v1/alerts/by-person", params={"order": order}).json()["items"]
        seen, cursor = [], None
        while True:
            query: dict[str, Any] = {"order": order, "limit": 1}
            query |= {} if cursor is None else {"cursor": cursor}
            page = client.get("/v1/alerts/by-person", params=query).json()
            seen += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == whole
        assert len(whole) == 4


# Person One is P1 and Person Three P3; P7 and P71 are in no people.csv. P2 is another county's.
@pytest.mark.parametrize(
    ("who", "text", "found"),
    [
        ("officer", "p7", {"P7", "P71"}),
        ("officer", "71", {"P71"}),
        ("officer", "  one ", {"P1"}),
        ("officer", "PERSON", {"P1", "P3"}),
        ("officer", "Two", set()),
        ("officer", "%", set()),
        ("officer", "_", set()),
        ("officer", "", {"P1", "P3", "P7", "P71"}),
        ("county", "three", {"P3"}),
        ("prosecutor", "P1", {"P1"}),
        ("prosecutor", "7", {"P7", "P71"}),
        ("prosecutor", "one", set()),
        ("prosecutor", "Person", set()),
    ],
)
def test_search(world: World, client: TestClient, who: str, text: str, found: set[str]) -> None:
    """By a part of the id or of the name; a prosecutor's search knows no names, in no answer."""
    headers = world.bearer(who)
    for where in ("/v1/alerts", "/v1/alerts/by-person"):
        said = client.get(where, params={"q": text, "limit": 500}, headers=headers).json()
        assert {item["person_id"] for item in said["items"]} == found
    counts = client.get("/v1/alerts/counts", params={"q": text}, headers=headers).json()
    assert (sum(counts["by_state"].values()) > 0) == bool(found)
    assert sum(counts["by_severity"].values()) == sum(counts["by_state"].values())


def test_severities_are_counted_within_the_choice(client: TestClient) -> None:
    items = _all(client, state=["open", "self_cleared"])
    expected = {str(level): sum(item["severity"] == level for item in items) for level in range(1, 5)}
    query: dict[str, Any] = {"state": ["open", "self_cleared"], "severity": 1}
    assert client.get("/v1/alerts/counts", params=query).json()["by_severity"] == expected


def test_a_search_may_not_be_endless(client: TestClient) -> None:
    assert client.get("/v1/alerts", params={"q": "x" * 101}).status_code == 422
