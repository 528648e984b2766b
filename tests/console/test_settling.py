"""Over HTTP: a verdict is corrected, a plain case settled in one step, and many that cleared themselves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from console_world import NOW_MS, World, apply, console_world, violation
from starlette.testclient import TestClient

from console.app import create_app
from sinks.alert import Alert
from sinks.disposal import Reason

PLAIN = {"reason": "gps_drift"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts), headers=world.bearer("officer")) as client:
        yield client


def cleared(number: int, **fields: Any) -> Alert:
    """An alert whose cause ended by itself."""
    alert = violation(number, **fields)
    return replace(alert, cleared_ms=alert.raised_ms + 1)


def verified(client: TestClient, key: str, verdict: str = "true", reason: str | None = None) -> None:
    client.post(f"/v1/alerts/{key}/claim")
    said = client.post(f"/v1/alerts/{key}/verify", json={"verdict": verdict, "reason": reason})
    assert said.status_code == 200, said.text


def test_a_verdict_is_corrected_and_both_are_kept(world: World, client: TestClient) -> None:
    (key,) = apply(world, violation(1))
    verified(client, key)
    body = {"verdict": "false", "reason": "wrong_fence", "because": "the fence is last year's"}
    said = client.post(f"/v1/alerts/{key}/correct", json=body).json()
    assert (said["state"], said["verdict"], said["reason"]) == ("verified", "false", "wrong_fence")
    assert said["holder"] == said["verified_by"]
    entry = said["timeline"][-1]
    assert (entry["kind"], entry["actor"]) == ("verdict_corrected", said["holder"])
    assert entry["details"] == {
        "verdict": ["true", "false"],
        "reason": [None, "wrong_fence"],
        "because": "the fence is last year's",
    }
    # What may be done follows the new verdict.
    for outcome, status in (("warning", 422), ("police_transfer", 422), ("false_alarm", 200)):
        done = client.post(f"/v1/alerts/{key}/dispose", json={"outcome": outcome})
        assert done.status_code == status, outcome


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"verdict": "unverifiable", "because": "nobody answered"}, 200),
        ({"verdict": "unverifiable"}, 422),  # says not why
        ({"verdict": "false", "because": "seen"}, 422),  # a false one wants a reason
        ({"verdict": "false", "reason": " ", "because": "seen"}, 422),
        ({"verdict": "true", "because": "seen"}, 422),  # is so already
        ({"because": "seen"}, 422),
    ],
)
def test_what_a_correction_must_say(
    world: World, client: TestClient, body: dict[str, str], status: int
) -> None:
    (key,) = apply(world, violation(1))
    verified(client, key)
    before = client.get(f"/v1/alerts/{key}").json()
    assert client.post(f"/v1/alerts/{key}/correct", json=body).status_code == status
    changed = client.get(f"/v1/alerts/{key}").json() != before
    assert changed == (status == 200)


def test_a_verdict_stands_once_the_alert_is_disposed_of(world: World, client: TestClient) -> None:
    (key,) = apply(world, violation(1))
    body = {"verdict": "false", "reason": "other", "because": "seen"}
    assert client.post(f"/v1/alerts/{key}/correct", json=body).status_code == 409, "nothing to correct"
    verified(client, key)
    other = client.post(f"/v1/alerts/{key}/correct", json=body, headers=world.bearer("county"))
    assert (other.status_code, other.json()["state"]) == (409, "verified"), "somebody else is at work on it"
    client.post(f"/v1/alerts/{key}/dispose", json={"outcome": "reminder"})
    late = client.post(f"/v1/alerts/{key}/correct", json=body)
    assert (late.status_code, late.json()["state"]) == (409, "disposed")


def test_the_reasons_are_one_list(world: World, client: TestClient) -> None:
    """What the page offers is what the server takes; words do where none fits, and nothing does not."""
    codes = client.get("/v1/site").json()["reasons"]
    assert codes == [reason.value for reason in Reason]
    keys = apply(world, *(violation(number) for number in range(1, len(codes) + 3)))
    for key, said in zip(keys, [*codes, "hail on the wristband"], strict=False):
        verified(client, key, "false", said)
    client.post(f"/v1/alerts/{keys[-1]}/claim")
    answered = client.post(f"/v1/alerts/{keys[-1]}/verify", json={"verdict": "false"})
    assert answered.status_code == 422
    assert all(code in answered.json()["detail"] for code in codes)


def test_a_plain_case_is_settled_in_one_step(world: World, client: TestClient) -> None:
    (key,) = apply(world, violation(1))
    said = client.post(f"/v1/alerts/{key}/settle", json=PLAIN | {"note": "seen on the camera"}).json()
    assert (said["state"], said["verdict"], said["reason"]) == ("closed", "false", "gps_drift")
    assert (said["outcome"], said["note"], said["holder"]) == ("false_alarm", "seen on the camera", None)
    who = {said[name] for name in ("verified_by", "disposed_by", "closed_by")}
    steps = [(entry["kind"], entry["actor"] in who) for entry in said["timeline"][1:]]
    assert steps == [("claimed", True), ("verified", True), ("disposed", True), ("closed", True)]
    assert said["timeline"][2]["details"]["together"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (PLAIN, 200),
        ({"verdict": "true", "outcome": "reminder"}, 200),
        ({"verdict": "unverifiable", "outcome": "equipment_fault"}, 200),
        ({}, 422),  # false for no reason
        ({"reason": "  "}, 422),
        ({"verdict": "true", "outcome": "false_alarm"}, 422),
        ({"verdict": "true", "outcome": "warning"}, 422),  # a measure is never a matter of one step
        ({"verdict": "true", "outcome": "police_transfer"}, 422),
        ({"verdict": "unverifiable", "outcome": "supervision_ended"}, 422),
    ],
)
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_what_may_be_settled_at_once(
    world: World, client: TestClient, body: dict[str, str], status: int, many: bool
) -> None:
    keys = apply(world, cleared(1), cleared(2))
    if many:
        said = client.post("/v1/alerts/settle", json=body | {"keys": keys})
        assert said.status_code == status, said.text
    else:
        assert client.post(f"/v1/alerts/{keys[0]}/settle", json=body).status_code == status
    states = [client.get(f"/v1/alerts/{key}").json()["state"] for key in (keys if many else keys[:1])]
    assert set(states) == {"closed" if status == 200 else "self_cleared"}


def test_settled_from_where(world: World, client: TestClient) -> None:
    """What is mine already I may settle; what is another's or has a verdict I may not."""
    keys = apply(world, *(violation(number) for number in range(1, 5)))
    client.post(f"/v1/alerts/{keys[0]}/claim")
    client.post(f"/v1/alerts/{keys[1]}/claim", headers=world.bearer("county"))
    verified(client, keys[2])
    found = [client.post(f"/v1/alerts/{key}/settle", json=PLAIN) for key in keys]
    assert [said.status_code for said in found] == [200, 409, 409, 200]
    assert found[1].json()["state"] == "claimed"
    kinds = [entry["kind"] for entry in found[0].json()["timeline"]]
    assert kinds == ["raised", "claimed", "verified", "disposed", "closed"], "claimed once"


def test_many_are_settled_each_by_itself(world: World, client: TestClient) -> None:
    """One that is open is not settled unseen, one of another office is not there, and the rest is settled."""
    withdrawn = replace(violation(3), withdrawn_ms=NOW_MS)
    elsewhere = cleared(4, person="P2", office="O2")
    keys = apply(world, cleared(1), violation(2), withdrawn, elsewhere, cleared(5))
    client.post(f"/v1/alerts/{keys[4]}/claim", headers=world.bearer("county"))
    said = client.post("/v1/alerts/settle", json=PLAIN | {"keys": [*keys, keys[0]]}).json()
    assert [item["alert_key"] for item in said["items"]] == keys, "each once, in the order asked"
    assert [(item["status"], item["state"]) for item in said["items"]] == [
        (200, "closed"),
        (409, "open"),
        (200, "closed"),
        (404, None),
        (409, "claimed"),
    ]
    assert said["settled"] == 2
    assert said["items"][4]["holder"] is not None
    states = [client.get(f"/v1/alerts/{key}", headers=world.bearer(who)).json()["state"]
              for key, who in zip(keys, ["officer"] * 3 + ["elsewhere", "officer"], strict=True)]  # fmt: skip
    assert states == ["closed", "open", "closed", "self_cleared", "claimed"]
    timeline = client.get(f"/v1/alerts/{keys[0]}").json()["timeline"]
    assert timeline[-3]["details"]["together"] == 5


@pytest.mark.parametrize("keys", [[], ["x"] * 501, "all", None])
def test_too_few_and_too_many(client: TestClient, keys: object) -> None:
    assert client.post("/v1/alerts/settle", json=PLAIN | {"keys": keys}).status_code == 422


def test_of_two_who_settle_the_same_each_alert_has_one(world: World, client: TestClient) -> None:
    keys = apply(world, *(cleared(number) for number in range(1, 31)))

    def settled(who: str) -> list[str]:
        said = client.post("/v1/alerts/settle", json=PLAIN | {"keys": keys}, headers=world.bearer(who)).json()
        return [item["alert_key"] for item in said["items"] if item["status"] == 200]

    with ThreadPoolExecutor() as both:
        one, other = both.map(settled, ("officer", "county"))
    assert sorted(one + other) == sorted(keys)
    events = world.parts.queue.watch(0)
    assert len([entry for entry in events if entry.kind == "closed"]) == len(keys)
    assert len(events) == 6 * len(keys), "raised, cleared, and four steps each"
