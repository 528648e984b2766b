"""The same routes over the registry and the log of a running system: durable, once, and known at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from changing_world import changing_world
from console_world import World, ping
from httpx2 import Response
from starlette.testclient import TestClient

from console.app import create_app
from pipeline.host.clock import system_now_ms
from pipeline.ingest.desk_mail import DeskClient
from pipeline.ingest.running_site import RunningSite
from pipeline.log.journal import JournalReader
from pipeline.log.record import SITE
from pipeline.log.site_record import SiteRecord
from pipeline.registry.change_requests import Mailbox

LEAVE = {
    "person_id": "P1",
    "valid_from": "2025-07-15T08:00:00+08:00",
    "valid_to": "2025-07-16T20:00:00+08:00",
    "category": "medical",
    "lon": 106.7,
    "lat": 29.7,
    "radius_m": 800,
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with changing_world(tmp_path) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        yield client


@pytest.fixture
def asked(world: World, client: TestClient) -> Any:
    def ask(who: str, how: str, where: str, body: Any = None, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.request(how, where, json=body, headers={**world.bearer(who), **named})

    return ask


def put(row: dict[str, Any], reason: str = "as the court says") -> dict[str, Any]:
    return {"row": row, "reason": reason}


def site_records(world: World) -> list[SiteRecord]:
    reader = JournalReader(world.journal.directory)
    found = []
    while records := reader.poll():
        found += [SiteRecord.of(record) for record in records if record.kind == SITE]
    reader.close()
    return found


def test_a_change_is_a_record_of_the_log_before_it_is_answered(asked: Any, world: World) -> None:
    said = asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE), If_None_Match="*")
    assert said.status_code == 201, said.text
    (record,) = site_records(world)
    assert said.json()["record"] == record.number
    assert said.headers["ETag"] == f'"{record.number}"'
    assert (record.change.by, record.change.reason) == (said.json()["by"], "as the court says")
    read = asked("officer", "GET", "/v1/leaves/L9")
    assert read.headers["ETag"] == said.headers["ETag"]
    assert read.json()["versions"][0]["row"]["radius_m"] == "800"


def test_the_receivers_and_the_page_know_of_it_with_the_answer(asked: Any) -> None:
    device = {"person_id": "P1", "kind": "wristband"}
    before = asked("county", "GET", "/v1/status").json()["site"]
    assert asked("operator", "POST", "/v1/pings", [ping("D8")]).json()["accepted"] == 0
    said = asked("officer", "PUT", "/v1/devices/D8", put(device))
    assert asked("operator", "POST", "/v1/pings", [ping("D8")]).json()["accepted"] == 1
    assert asked("county", "GET", "/v1/status").json()["site"] == said.json()["record"] != before
    row = {"name": "New Person", "office_id": "O3", "class": "strict"}
    assert asked("county", "PUT", "/v1/people/P9", put(row)).status_code == 201
    assert asked("county", "GET", "/v1/people/P9/card").json()["person_name"] == "New Person"


def test_the_receivers_know_of_what_another_process_asked_for(asked: Any, world: World) -> None:
    """Somebody at this machine: once they are answered, no row of a new device is refused."""
    here = world.parts.running_site
    assert here is not None
    desk = DeskClient(Mailbox(here.registry.file), system_now_ms)
    device = {"device_id": "D8", "person_id": "P1", "kind": "wristband"}
    desk.submit([{"op": "put", "table": "devices", "row": device}], by="operator", reason="new")
    assert asked("operator", "POST", "/v1/pings", [ping("D8")]).json()["accepted"] == 1


def test_what_was_planned_is_taken_back_before_it_begins(asked: Any) -> None:
    """Somebody to come, with a device: by those whose they will be, and by nobody else."""
    when = {"valid_from": "2025-07-20T00:00:00+08:00"}
    person = {"person_id": "P9", "name": "Next Week", "office_id": "O1", "class": "strict", **when}
    device = {"device_id": "D8", "person_id": "P9", "kind": "phone", **when}
    planned = [
        {"op": "put", "table": "people", "row": person},
        {"op": "put", "table": "devices", "row": device},
    ]
    undone = [
        {"op": "end", "table": "devices", "row": {"device_id": "D8"}},
        {"op": "end", "table": "people", "row": {"person_id": "P9"}},
    ]
    said = {"operations": planned, "reason": "comes next week"}
    assert asked("county", "POST", "/v1/site/changes", said).status_code == 200
    back = {"operations": undone, "reason": "does not come"}
    assert asked("elsewhere", "POST", "/v1/site/changes", back).status_code == 403
    taken = asked("county", "POST", "/v1/site/changes", back)
    assert taken.status_code == 200, taken.text


def test_two_editors_and_one_who_sends_twice(asked: Any, world: World) -> None:
    tag = asked("officer", "GET", "/v1/devices/D1").headers["ETag"]
    first = put({"person_id": "P1", "kind": "wristband"})
    second = put({"person_id": "P6", "kind": "phone"})
    said = asked("officer", "PUT", "/v1/devices/D1", first, If_Match=tag, Idempotency_Key="a")
    assert said.status_code == 200, said.text
    again = asked("officer", "PUT", "/v1/devices/D1", first, If_Match=tag, Idempotency_Key="a")
    assert again.json() == said.json()
    late = asked("second", "PUT", "/v1/devices/D1", second, If_Match=tag)
    assert late.status_code == 412
    assert late.json()["stands"]["versions"][-1]["row"]["kind"] == "wristband"
    assert late.headers["ETag"] == said.headers["ETag"]
    assert asked("second", "PUT", "/v1/devices/D1", second, If_Match=late.headers["ETag"]).status_code == 200
    assert len(site_records(world)) == 2


def test_of_a_broken_change_nothing_is_in_the_log(asked: Any, world: World) -> None:
    operations = [
        {"op": "put", "table": "devices", "row": {"device_id": "D8", "person_id": "P1", "kind": "phone"}},
        {"op": "end", "table": "leaves", "row": {"leave_id": "L1"}, "effective_at": "2025-07-01T00:00:00Z"},
        {"op": "put", "table": "devices", "row": {"device_id": "D1", "person_id": "P1", "kind": "radio"}},
    ]
    said = asked("county", "POST", "/v1/site/changes", {"operations": operations, "reason": "much"})
    assert said.status_code == 422
    codes = [(fault["operation"], fault["code"]) for fault in said.json()["faults"]]
    assert codes == [(1, "in_the_past"), (2, "broken_site")]
    assert site_records(world) == []
    assert asked("officer", "GET", "/v1/devices/D8").status_code == 404


def test_the_history(asked: Any, world: World) -> None:
    asked("officer", "PUT", "/v1/leaves/L9", put(LEAVE))
    asked("elsewhere", "PUT", "/v1/leaves/L8", put(LEAVE | {"person_id": "P2"}))
    asked("county", "DELETE", "/v1/fences/home-1?reason=moved+out", If_Match="*")
    first, second, third = [record.number for record in site_records(world)]

    def records(who: str, query: str = "") -> list[int]:
        said = asked(who, "GET", f"/v1/site/changes?{query}")
        assert said.status_code == 200, said.text
        return [item["record"] for item in said.json()["items"]]

    assert records("county") == [third, first]
    assert records("elsewhere") == [second]
    assert records("top", "limit=1") == [third]
    assert records("top", f"before={third}") == [second, first]
    assert records("county", "person=P1") == [third, first]
    assert records("county", "table=leaves&id=L9") == [first]
    assert records("prosecutor") == [third, first]


def test_a_console_that_does_not_write_the_log_is_answered_by_who_does(
    asked: Any, world: World, tmp_path: Path
) -> None:
    """Rows come by an inbox, say: `run` owns the log, and another process has the page."""
    here = world.parts.running_site
    assert here is not None
    other = RunningSite(here.registry, here.site, here.number, world.parts.log)
    parts = replace(world.parts, log_writer=None, running_site=other)
    with TestClient(create_app(parts)) as console:
        headers = world.bearer("officer")
        said = console.put("/v1/leaves/L9", json=put(LEAVE), headers=headers)
        assert said.status_code == 201, said.text
        card = console.get("/v1/people/P1/card", headers=headers).json()
        assert "L9" in [leave["leave_id"] for leave in card["leaves"]]
    assert [record.number for record in site_records(world)] == [said.json()["record"]]


def test_where_nobody_writes_the_log_it_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunningSite, "start", lambda *_: None)
    with TestClient(create_app(world.parts)) as console:
        said = console.put("/v1/leaves/L9", json=put(LEAVE), headers=world.bearer("officer"))
    assert (said.status_code, said.headers["Retry-After"]) == (503, "1")
