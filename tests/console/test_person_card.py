"""A person's card over HTTP: what is on it, for whom, and that it was opened is on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import MINUTE_MS, NOW_MS, World, console_world
from minimal_site import WHOLE, write_site
from starlette.testclient import TestClient

from console.app import create_app
from pipeline.sites.findings import Findings
from pipeline.sites.load import load_site
from pipeline.sites.people import PEOPLE_COLUMNS, PHONE
from pipeline.sites.table import parse_table
from sinks.access_log import Look
from sinks.positions import Contact, Position

PEOPLE = """\
person_id,phone,name,office_id,class,valid_from,valid_to
P1,138 0000 0001,Person One,O1,general,2025-01-01T00:00:00Z,
P2,,Person Two,O2,strict,,
P3,,Person Three,O1,general,2024-01-01T00:00:00Z,2025-01-01T00:00:00Z
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path):
        (tmp_path / "site" / "people.csv").write_text(PEOPLE, "utf-8")
    with console_world(tmp_path) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts), headers=world.bearer("officer")) as client:
        yield client


def test_what_is_on_a_card(world: World, client: TestClient) -> None:
    at_ms = NOW_MS - 5 * MINUTE_MS
    world.parts.positions.put(
        [Position("D1", "P1", "O1", at_ms, at_ms + 1000, 106.5, 29.5, 12.0, "gnss")],
        [Contact("D1", "P1", "O1", at_ms + MINUTE_MS, at_ms + MINUTE_MS + 1000, 3.0, False, at_ms)],
    )
    said = client.get("/v1/people/P1/card").json()
    assert said["devices"] == [
        {
            "device_id": "D1",
            "kind": "phone",
            "since": None,
            "until": None,
            "record": 0,
            "silence_s": [3600, 10800, 21600],
            "contact": {
                "arrival_time": "2025-07-14T03:56:01.000Z",
                "event_time": "2025-07-14T03:56:00.000Z",
                "battery_pct": 3.0,
                "charging": False,
                "battery_time": "2025-07-14T03:55:00.000Z",
            },
            "last": {
                "event_time": "2025-07-14T03:55:00.000Z",
                "arrival_time": "2025-07-14T03:55:01.000Z",
                "lon": 106.5,
                "lat": 29.5,
                "accuracy_m": 12.0,
                "source": "gnss",
            },
        }
    ]
    del said["devices"]
    assert said == {
        "now": "2025-07-14T04:00:00.000Z",
        "person_id": "P1",
        "person_name": "Person One",
        "phone": "138 0000 0001",
        "office_id": "O1",
        "office_name": "Office One",
        "class": "general",
        "is_supervised": True,
        "valid_from": "2025-01-01T00:00:00.000Z",
        "valid_to": None,
        "leaves": [
            {
                "leave_id": "L1",
                "record": 0,
                "valid_from": "2025-07-01T00:00:00.000Z",
                "valid_to": "2025-07-02T00:00:00.000Z",
                "approved_at": None,
                "category": "work",
                "module": "travel",
                "fence_ids": ["home"],
                "lon": 106.6,
                "lat": 29.6,
                "radius_m": 2000.0,
            }
        ],
        "may_change": True,
    }


def test_a_person_whose_device_never_spoke_and_one_who_is_free(client: TestClient) -> None:
    (device,) = client.get("/v1/people/P1/card").json()["devices"]
    assert (device["contact"], device["last"]) == (None, None)
    assert client.get("/v1/people/P3/card").json()["is_supervised"] is False


# Of whose time the last contact is, and who is told of it.
@pytest.mark.parametrize(
    ("person", "office", "who", "is_told"),
    [
        ("P1", "O1", "officer", True),
        ("P1", "O1", "county", True),
        ("P1", "O1", "prosecutor", True),  # a battery is no name
        ("P1", "O2", "officer", False),  # from before a transfer: the other office's
        ("P9", "O1", "officer", False),  # of whoever had the device before
    ],
)
def test_whose_contact_a_card_tells(
    world: World, client: TestClient, person: str, office: str, who: str, is_told: bool
) -> None:
    world.parts.positions.put([], [Contact("D1", person, office, NOW_MS, NOW_MS, 3.0, True, NOW_MS)])
    (device,) = client.get("/v1/people/P1/card", headers=world.bearer(who)).json()["devices"]
    assert (device["contact"] is not None) == is_told


# Who asks for whom: the status, and whether name and phone number are told.
@pytest.mark.parametrize(
    ("who", "person", "status", "is_named"),
    [
        ("officer", "P1", 200, True),
        ("county", "P1", 200, True),
        ("prosecutor", "P1", 200, False),
        ("operator", "P1", 403, False),
        ("device", "P1", 403, False),
        ("elsewhere", "P1", 404, False),
        ("officer", "P2", 404, False),
        ("officer", "nobody", 404, False),
    ],
)
def test_who_sees_a_card(
    world: World, client: TestClient, who: str, person: str, status: int, is_named: bool
) -> None:
    said = client.get(f"/v1/people/{person}/card", headers=world.bearer(who))
    assert said.status_code == status
    assert ("138" in said.text, "Person" in said.text) == (is_named, is_named)


def test_that_a_card_was_opened_is_on_record(world: World, client: TestClient) -> None:
    client.get("/v1/people/P1/card", params={"purpose": "a call"})
    client.get("/v1/people/P2/card")
    looks = [(look.kind, look.person_id, look.purpose) for look in world.parts.accesses.entries()]
    assert (Look.PERSON, "P1", "a call") in looks
    assert any(kind is Look.REFUSED for kind, _, _ in looks)


HEADER = "person_id,name,office_id,class,valid_from,valid_to"


# The column may stand anywhere, be left out, and hold whatever a site wrote: it is never a fault.
@pytest.mark.parametrize(
    ("header", "row", "phone"),
    [
        (HEADER, "P1,N,O1,general,,", ""),
        (HEADER + ",phone", "P1,N,O1,general,,, 12-3 ", "12-3"),
        ("phone," + HEADER, "+86 1,P1,N,O1,general,,", "+86 1"),
        (
            "phone," + HEADER,
            "x" * 99 + ",P1,N,O1,general,,",
            "x" * 40,
        ),
    ],
)
def test_the_phone_column_is_optional(tmp_path: Path, header: str, row: str, phone: str) -> None:
    second = dict(zip(header.split(","), row.split(","), strict=True)) | {"person_id": "P2"}
    text = "\n".join((header, row, ",".join(second.values()))) + "\n"
    site = load_site(write_site(tmp_path, ("people.csv", WHOLE, text)))
    assert [person.phone for person in site.people] == [phone, phone]


def test_a_phone_column_is_no_unknown_one() -> None:
    findings = Findings()
    assert parse_table("people.csv", PEOPLE, PEOPLE_COLUMNS, findings, optional=(PHONE,)) is not None
    assert findings.warnings == []
