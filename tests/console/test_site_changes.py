"""Changes of the site over HTTP: versions and their tags, all faults at once, the history, and who looked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from changing_world import changing_world
from console_world import MINUTE_MS, NOW_MS, World, ping
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from console.app import create_app
from geofences.instant import instant_ms
from sinks.access_log import Look

LEAVE = {
    "person_id": "P1",
    "valid_from": "2025-07-15T08:00:00+08:00",
    "valid_to": "2025-07-16T20:00:00+08:00",
    "category": "medical",
    "module": "office",
    "lon": 106.7,
    "lat": 29.7,
    "radius_m": 800,
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with changing_world(tmp_path) as world:
        yield world


@pytest.fixture
def app(world: World) -> FastAPI:
    return create_app(world.parts)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def asked(world: World, client: TestClient) -> Any:
    """A request by somebody: ``asked("officer", "GET", "/v1/people/P1")``."""

    def ask(who: str, how: str, where: str, body: Any = None, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.request(how, where, json=body, headers={**world.bearer(who), **named})

    return ask


def put(row: dict[str, Any], reason: str = "as the court says", **more: Any) -> dict[str, Any]:
    return {"row": row, "reason": reason, **more}


def test_a_leave_is_granted_seen_and_ended(asked: Any) -> None:
    said = asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE), If_None_Match="*")
    assert said.status_code == 201, said.text
    tag = said.headers["ETag"]
    made = said.json()
    assert made["reason"] == "as the court says"
    assert made["by"].startswith("officer-O1")
    read = asked("officer", "GET", "/v1/leaves/L9")
    assert read.headers["ETag"] == tag == f'"{made["record"]}"'
    (version,) = read.json()["versions"]
    assert (version["row"]["radius_m"], version["row"]["person_id"], version["in_force"]) == (
        "800",
        "P1",
        False,
    )
    ended = asked("officer", "DELETE", "/v1/leaves/L1?reason=back+early", If_Match='"0"')
    assert ended.status_code == 200, ended.text
    (version,) = asked("officer", "GET", "/v1/leaves/L1").json()["versions"]
    assert NOW_MS < instant_ms(version["row"]["valid_to"]) < NOW_MS + MINUTE_MS
    assert not version["in_force"]


def test_what_is_put_in_counts_at_once(asked: Any, world: World, client: TestClient) -> None:
    """The answer comes when the console itself goes by the change: a device sends with the next request."""
    device = {"person_id": "P1", "kind": "wristband"}
    assert asked("operator", "POST", "/v1/pings", [ping("D8")]).json()["accepted"] == 0
    assert asked("officer", "PUT", "/v1/devices/D8", put(device)).status_code == 201
    assert asked("operator", "POST", "/v1/pings", [ping("D8")]).json()["accepted"] == 1
    row = {"name": "New Person", "office_id": "O3", "class": "strict"}
    said = asked("county", "PUT", "/v1/people/P9", put(row))
    assert said.status_code == 201
    assert asked("county", "GET", "/v1/people/P9/card").json()["person_name"] == "New Person"
    assert asked("county", "GET", "/v1/status").json()["site"] == said.json()["record"]


# The row that stands was made by record 0. What the second of two editors says, and what is answered.
CONDITIONS: list[tuple[str, str, dict[str, str], int]] = [
    ("as it was seen", "PUT", {"If_Match": '"0"'}, 200),
    ("whatever it is", "PUT", {"If_Match": "*"}, 200),
    ("as it was before", "PUT", {"If_Match": '"7"'}, 412),
    ("by a weak tag, which is none of ours", "PUT", {"If_Match": 'W/"0"'}, 412),
    ("by a tag that no server gave", "PUT", {"If_Match": "x"}, 412),
    ("as a new one", "PUT", {"If_None_Match": "*"}, 412),
    ("without a word", "PUT", {}, 428),
    ("unless it is this", "PUT", {"If_None_Match": '"0"'}, 422),
    ("ended as it was seen", "DELETE", {"If_Match": '"0"'}, 200),
    ("ended as it was before", "DELETE", {"If_Match": '"3"'}, 412),
    ("ended without a word", "DELETE", {}, 428),
]


@pytest.mark.parametrize(
    ("how", "headers", "status"), [row[1:] for row in CONDITIONS], ids=[row[0] for row in CONDITIONS]
)
def test_conditions(asked: Any, how: str, headers: dict[str, str], status: int) -> None:
    where = "/v1/devices/D1" + ("?reason=broken" if how == "DELETE" else "")
    body = put({"person_id": "P1", "kind": "wristband"}) if how == "PUT" else None
    said = asked("officer", how, where, body, **headers)
    assert said.status_code == status, said.text
    if status in (412, 428):
        (version,) = said.json()["stands"]["versions"]
        assert version["row"]["kind"] == "phone", "what stands there is told"
        assert said.headers["ETag"] == '"0"'


def test_two_editors_of_one_row(asked: Any) -> None:
    """Both have read it; the second is told what stands, and may then do it all the same."""
    tag = asked("officer", "GET", "/v1/devices/D1").headers["ETag"]
    first = asked(
        "officer", "PUT", "/v1/devices/D1", put({"person_id": "P1", "kind": "wristband"}), If_Match=tag
    )
    second = asked("second", "PUT", "/v1/devices/D1", put({"person_id": "P6", "kind": "phone"}), If_Match=tag)
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["stands"]["versions"][-1]["row"]["kind"] == "wristband"
    again = asked(
        "second",
        "PUT",
        "/v1/devices/D1",
        put({"person_id": "P6", "kind": "phone"}),
        If_Match=second.headers["ETag"],
    )
    assert again.status_code == 200
    rows = [version["row"] for version in asked("officer", "GET", "/v1/devices/D1").json()["versions"]]
    assert [(row["person_id"], row["kind"]) for row in rows][-1] == ("P6", "phone")


def test_of_a_change_of_many_all_or_nothing(asked: Any) -> None:
    operations = [
        {
            "op": "put",
            "table": "people",
            "row": {"person_id": "P9", "name": "N", "office_id": "O1", "class": "odd"},
        },
        {"op": "put", "table": "devices", "row": {"device_id": "D8", "person_id": "P1", "kind": "radio"}},
        {"op": "end", "table": "leaves", "row": {"leave_id": "L99"}},
        {
            "op": "end",
            "table": "leaves",
            "row": {"leave_id": "L1"},
            "effective_at": "2025-07-14T11:59:59+08:00",
        },
    ]
    before = asked("county", "GET", "/v1/status").json()["site"]
    said = asked("county", "POST", "/v1/site/changes", {"operations": operations, "reason": "much at once"})
    assert said.status_code == 422
    faults = said.json()["faults"]
    assert [(fault["operation"], fault["code"]) for fault in faults] == [
        (0, "broken_site"), (1, "broken_site"), (2, "not_in_force"), (3, "in_the_past"),
    ]  # fmt: skip
    assert "2025-07-14T04:00:00" in faults[3]["wrong"], "the clock is named"
    assert asked("county", "GET", "/v1/people/P9").status_code == 404
    assert asked("county", "GET", "/v1/status").json()["site"] == before
    for row, good in ((0, {"class": "strict"}), (1, {"kind": "phone"})):
        operations[row]["row"] |= good  # type: ignore[operator]
    said = asked("county", "POST", "/v1/site/changes", [one | {"reason": "two"} for one in operations[:2]])
    assert said.status_code == 200, said.text
    assert [edit["table"] for edit in said.json()["edits"]] == ["people", "devices"]


def test_one_operation_as_the_contract_has_it(asked: Any, world: World) -> None:
    own = asked("officer", "GET", "/v1/status").json()["you"]["name"]
    change = {"op": "end", "table": "devices", "row": {"device_id": "D1"}, "reason": "broken"}
    said = asked("officer", "POST", "/v1/site/changes", change | {"by": "somebody else"})
    assert said.status_code == 422, "nobody changes in another's name"
    stale = asked("officer", "POST", "/v1/site/changes", change | {"if_match": 4})
    assert stale.status_code == 412
    assert stale.json()["stands"]["id"] == "D1"
    said = asked(
        "officer", "POST", "/v1/site/changes", change | {"by": own, "effective_at": None, "if_match": 0}
    )
    assert said.status_code == 200


@pytest.mark.parametrize("reason", ["", "  ", "12", "x\u202ey", "x" * 1001])
def test_a_reason_is_text_that_says_something(asked: Any, reason: str) -> None:
    said = asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE, reason))
    assert said.status_code == 422
    change = {"op": "put", "table": "leaves", "row": {"leave_id": "L9", **LEAVE}, "reason": reason}
    assert asked("officer", "POST", "/v1/site/changes", change).status_code == 422
    assert asked("officer", "GET", "/v1/leaves/L9").status_code == 404


def test_sent_twice_it_is_done_once(asked: Any) -> None:
    """Whoever got no answer sends it again under the same name, and is answered as the first time."""
    headers = {"Idempotency_Key": "a1", "If_None_Match": "*"}
    first, second = (asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE), **headers) for _ in range(2))
    assert first.json() == second.json()
    assert len(asked("county", "GET", "/v1/site/changes").json()["items"]) == 1
    other = asked("second", "PUT", "/v1/leaves/L8", put(LEAVE), Idempotency_Key="a1")
    assert other.json()["record"] > first.json()["record"], "the names of two senders do not meet"


def test_what_may_not_be_changed_is_on_record(asked: Any, world: World) -> None:
    said = asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE | {"person_id": "P2"}))
    assert said.status_code == 403
    (fault,) = said.json()["faults"]
    assert (fault["code"], fault["field"]) == ("not_allowed", "person_id")
    refused = [look.route for look in world.parts.accesses.entries() if look.kind is Look.REFUSED]
    assert refused == ["PUT /v1/leaves/L9"]


#: A row of the other county by its route; to the officer and the county of the first it is not there.
FOREIGN = ["people/P2", "devices/D2", "leaves/L2", "fences/home-2", "offices/O2"]


@pytest.mark.parametrize("where", FOREIGN)
@pytest.mark.parametrize("who", ["officer", "county", "prosecutor"])
def test_a_row_of_others_is_not_there(asked: Any, who: str, where: str) -> None:
    assert asked(who, "GET", f"/v1/{where}").status_code == 404
    assert asked("top", "GET", f"/v1/{where}").status_code == 200
    status = 403 if who == "prosecutor" else 404
    assert asked(who, "DELETE", f"/v1/{where}?reason=none").status_code == status
    told = asked(who, "PUT", f"/v1/{where}", put({"name": "x"}), If_Match="*").text
    assert "Two" not in told


def test_of_a_row_each_office_sees_its_own_versions(asked: Any) -> None:
    """P5 goes to O2 in August, P6 came from there in June: each sees the time that is its own."""

    def offices(who: str, person: str) -> list[str]:
        return [
            one["row"]["office_id"] for one in asked(who, "GET", f"/v1/people/{person}").json()["versions"]
        ]

    assert offices("officer", "P5") == ["O1"]
    assert offices("elsewhere", "P5") == ["O2"]
    assert offices("officer", "P6") == ["O1"]
    assert offices("top", "P6") == ["O2", "O1"]
    shared = asked("officer", "GET", "/v1/fences/both").json()["versions"][0]["row"]["properties"]
    assert shared["applies_to"] == ["person:P1"]


def test_whoever_may_know_no_names_is_told_none(asked: Any) -> None:
    written = LEAVE | {"module": "with Person Five"}
    assert asked("officer", "PUT", "/v1/leaves/L9", put(written, "Person One is ill")).status_code == 201
    rename = put({"name": "Other Name", "office_id": "O1", "class": "general"}, "married")
    assert asked("county", "PUT", "/v1/people/P1", rename, If_Match="*").status_code == 200
    told = [
        asked("prosecutor", "GET", where).text
        for where in (
            "/v1/people/P1",
            "/v1/leaves/L9",
            "/v1/fences/home-1",
            "/v1/site/changes",
            "/v1/devices/D1",
        )
    ]
    for text in told:
        assert not [name for name in ("Person One", "Person Five", "Other Name", "138") if name in text], text
    assert "*** is ill" in told[3]
    assert "Other Name" in asked("county", "GET", "/v1/site/changes").text


def test_who_changed_what(asked: Any, world: World) -> None:
    """By row, person, author and time; of others' rows nothing, and that it was read is on record."""
    leave, elsewhere, device, fence = (
        said.json()["record"]
        for said in (
            asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE)),
            asked("elsewhere", "PUT", "/v1/leaves/L8", put(LEAVE | {"person_id": "P2"})),
            asked("county", "PUT", "/v1/devices/D8", put({"person_id": "P1", "kind": "phone"})),
            asked("county", "DELETE", "/v1/fences/home-1?reason=moved+out", If_Match="*"),
        )
    )

    def records(query: str, who: str = "county") -> list[int]:
        said = asked(who, "GET", f"/v1/site/changes?{query}")
        assert said.status_code == 200, said.text
        return [item["record"] for item in said.json()["items"]]

    assert records("") == [fence, device, leave]
    assert records("", "elsewhere") == [elsewhere]
    assert records("", "top") == [fence, device, elsewhere, leave]
    assert records("table=devices&id=D8") == [device]
    assert records("table=leaves&id=L8") == []
    assert records("person=P1") == [fence, device, leave]
    assert records("person=P2") == []
    author = asked("officer", "GET", "/v1/status").json()["you"]["name"]
    assert records(f"by={author}") == [leave]
    assert records("from=2025-07-14T12:00:01%2B08:00") == []
    assert records("to=2025-07-14T12:00:01%2B08:00") == [fence, device, leave]
    first = asked("county", "GET", "/v1/site/changes?limit=2").json()
    assert ([one["record"] for one in first["items"]], first["next"]) == ([fence, device], device)
    assert records(f"before={first['next']}") == [leave]
    for wrong in ("id=D8", "from=yesterday", "before=0", "limit=0"):
        assert asked("county", "GET", f"/v1/site/changes?{wrong}").status_code == 422
    looks = {(look.kind, look.person_id) for look in world.parts.accesses.entries()}
    assert {(Look.VISIT, None), (Look.PERSON, "P1"), (Look.PERSON, "P2")} <= looks


def test_a_leave_that_never_began_is_taken_back_by_somebody(asked: Any) -> None:
    """It stands in no version of the site any more; the history still says whose it was and who did it."""
    asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE))
    assert asked("second", "DELETE", "/v1/leaves/L9?reason=not+needed", If_Match="*").status_code == 200
    assert asked("officer", "GET", "/v1/leaves/L9").status_code == 404
    for query in ("", "person=P1", "table=leaves&id=L9"):
        newest, oldest = asked("officer", "GET", f"/v1/site/changes?{query}").json()["items"]
        assert [edit["drop"]["id"] for edit in newest["edits"]] == ["L9"]
        assert (newest["reason"], oldest["edits"][0]["put"]["person_id"]) == ("not needed", "P1")
    assert asked("elsewhere", "GET", "/v1/site/changes").json()["items"] == []


def test_that_a_person_s_row_was_read_is_on_record(asked: Any, world: World) -> None:
    for where in ("people/P1", "devices/D5", "leaves/L1", "offices/O1", "fences/all"):
        asked("officer", "GET", f"/v1/{where}", X_Purpose="check")
    looks = [(look.kind, look.person_id, look.purpose) for look in world.parts.accesses.entries()]
    assert looks == [(Look.PERSON, "P1", "check"), (Look.PERSON, "P5", "check")], "P1 once in half an hour"


def test_a_server_whose_site_is_a_directory_says_so(tmp_path: Path) -> None:
    with changing_world(tmp_path, running_site=None) as world, TestClient(create_app(world.parts)) as client:
        headers = world.bearer("county")
        for how, where in (
            ("GET", "people/P1"),
            ("GET", "site/changes"),
            ("DELETE", "people/P1?reason=none"),
        ):
            assert client.request(how, f"/v1/{where}", headers=headers).status_code == 409
        assert client.get("/v1/site", headers=headers).status_code == 200
