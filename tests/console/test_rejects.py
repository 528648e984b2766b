"""Refused rows can be found: by whoever keeps the devices going, and by whoever answers for the person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console_world import NOW_MS, World, console_world, ping
from replay.command_line import invoked
from starlette.testclient import TestClient

from console.app import create_app
from pipeline.ingest.refusals import Refusals, refused_rows
from sinks.errors import SinkFailed
from sinks.rejects import RejectedRow, RejectFilter, RejectStore, without_position


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        yield world


def sent(world: World, *requests: tuple[str, str, Any]) -> None:
    """Each of (who, path, rows or body) is sent; what was refused is in the store when this returns."""
    with TestClient(create_app(world.parts)) as client:
        for who, path, body in requests:
            content = body if isinstance(body, str) else json.dumps(body)
            if path.startswith("/osmand?"):
                client.get(path, headers=world.bearer(who))
            else:
                client.post(path, content=content, headers=world.bearer(who))


def told(world: World, who: str, **query: Any) -> dict[str, Any]:
    client = TestClient(create_app(world.parts))
    said = client.get("/v1/rejects", params=query, headers=world.bearer(who))
    assert said.status_code == 200, said.text
    found: dict[str, Any] = said.json()
    return found


def shape(items: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(one["device_id"], one["reason"], one["source"], one["place"]) for one in items]


MIXED = [ping("D1"), ping("D1", lat=91.123), ping("D2", event_time="2025-07-14T11:00:00"), ping("D9")]


def test_every_way_in_tells_whose_row_it_was_and_why(world: World) -> None:
    sent(
        world,
        ("operator", "/v1/pings", MIXED),
        ("device", "/osmand?lat=29.5&lon=106.5&timestamp=2025-07-14T11:00:00&id=D1", ""),
        ("operator", "/owntracks", {"_type": "location", "tid": "D9", "tst": 1, "lat": 1, "lon": 2}),
        ("device", "/osmand", "{nonsense"),
        ("operator", "/v1/confirmations", "[{]"),
        ("operator", "/v1/confirmations", [ping(face_ok=3)]),
    )
    assert shape(told(world, "operator")["items"]) == [
        ("D1", "bad_value", "http", 0),
        (None, "malformed", "http", 0),
        (None, "malformed", "osmand", 0),
        ("D9", "unknown_device", "owntracks", 0),
        ("D1", "bad_time", "osmand", 0),
        ("D9", "unknown_device", "http", 3),
        ("D2", "bad_time", "http", 2),
        ("D1", "bad_coordinates", "http", 1),
    ]


def test_what_our_clock_refuses_is_there_as_well(world: World) -> None:
    sent(world, ("operator", "/v1/pings", [ping("D1", minutes_ago=60 * 24 * 8)]))
    (item,) = told(world, "operator")["items"]
    assert (item["reason"], item["at"]) == ("too_late", "2025-07-14T04:00:00.000Z")
    assert item["raw"].startswith('{"device_id": "D1", "event_time": "2025-07-06T04:00:00.000Z"')


def test_filters_and_pages(world: World) -> None:
    sent(world, ("operator", "/v1/pings", [ping(f"X{number % 2}") for number in range(7)]))
    sent(world, ("operator", "/v1/pings", [ping("D1", lat=91)]))
    assert len(told(world, "operator", device="X1")["items"]) == 3
    assert shape(told(world, "operator", reason="bad_coordinates")["items"]) == [
        ("D1", "bad_coordinates", "http", 0)
    ]
    first = told(world, "operator", limit=5)
    second = told(world, "operator", limit=5, before=first["next"])
    ids = [one["id"] for one in first["items"] + second["items"]]
    assert (ids, second["next"]) == (sorted(ids, reverse=True), None)
    assert len(set(ids)) == 8
    assert told(world, "operator", since="2025-07-14T12:00:00.001+08:00")["items"] == []
    assert told(world, "operator")["last_day"] == {"bad_coordinates": 1, "unknown_device": 7}


def test_who_sees_what(world: World) -> None:
    """An operator sees all rows and no place; who sees people, theirs alone and as they came."""
    sent(world, ("operator", "/v1/pings", MIXED))
    devices = {
        who: [one["device_id"] for one in told(world, who)["items"]] for who in ("officer", "elsewhere")
    }
    assert devices == {"officer": ["D1"], "elsewhere": ["D2"]}
    assert '"lat": 91.123' in told(world, "officer")["items"][0]["raw"]
    raws = [one["raw"] for one in told(world, "operator")["items"]]
    assert '"lat": ##.###' in raws[-1]
    assert not any("106.5" in raw or "29.5" in raw for raw in raws)
    client = TestClient(create_app(world.parts))
    assert client.get("/v1/rejects").status_code == 401
    assert client.get("/v1/rejects", headers=world.bearer("device")).status_code == 403
    assert client.get("/v1/rejects?since=noon", headers=world.bearer("operator")).status_code == 422


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"lon": 106.512, "lat": 29}', '{"lon": ###.###, "lat": ##}'),
        ('{"lon": "106", "longitude":-3e1}', '{"lon": "###", "longitude":-#e#}'),
        ("id=D1&lat=29.5&lon=106.5&timestamp=1752465540", "id=D1&lat=##.#&lon=###.#&timestamp=1752465540"),
        ("id=D1&location=29.5,106.5", "id=D1&location=##.#,###.#"),
        ("D1,2025-07-14T12:00:00.123Z,106.5,29.5", "D1,2025-07-14T12:00:00.123Z,###.#,##.#"),
        (
            '{"event_time": "2025-07-14T12:00:00.000+08:00"}',
            '{"event_time": "2025-07-14T12:00:00.000+08:00"}',
        ),
    ],
)
def test_the_digits_of_a_position_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert without_position(text) == shown


def row(number: int, **fields: Any) -> RejectedRow:
    return RejectedRow(
        **{
            "at_ms": NOW_MS + number,
            "source": "pings.csv",
            "place": number,
            "reason": "bad_time",
            "device_id": "D1",
            "sender": None,
            "raw": f"row {number}",
            **fields,
        }
    )


def test_the_newest_are_kept_and_for_so_long(tmp_path: Path) -> None:
    store = RejectStore.open(tmp_path / "rejects.sqlite", kept_most=10)
    for number in range(25):
        store.put([row(number)])
    assert [one.place for one in store.rows(RejectFilter())] == list(range(24, 14, -1))
    assert store.remove_before(NOW_MS + 20) == 5
    assert len(store.rows(RejectFilter())) == 5
    store.close()


def test_what_is_told_twice_stands_once(tmp_path: Path) -> None:
    """The engine tells once more what it told before it was killed."""
    store = RejectStore.open(tmp_path / "rejects.sqlite")
    store.put([row(1, once=True), row(2, once=True)])
    store.put([row(2, once=True), row(3, once=True), row(4), row(4)])
    assert [one.place for one in store.rows(RejectFilter())] == [4, 4, 3, 2, 1]
    store.close()


def test_text_of_any_kind_is_kept(tmp_path: Path) -> None:
    store = RejectStore.open(tmp_path / "rejects.sqlite")
    store.put([row(1, raw="\ud800" + "x" * 10_000, device_id="\udfff"), row(2, raw="\0")])
    second, first = store.rows(RejectFilter())
    assert (first.raw[:8], len(first.raw) < 2_100, second.raw) == ("\\ud800xx", True, "\0")
    store.close()


def test_a_store_that_cannot_be_written_stops_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RejectStore.open(tmp_path / "rejects.sqlite")
    monkeypatch.setattr("pipeline.ingest.refusals._WAITING_MOST", 3)

    def broken(_: object) -> None:
        raise SinkFailed("disk full")

    with monkeypatch.context() as broken_now:
        broken_now.setattr(store, "put", broken)
        refusals = Refusals(store, every_s=0.01)
        refusals.put(
            refused_rows([(n, "malformed", "x") for n in range(3)], at_ms=1, source="http", sender=None)
        )
        refusals._write()
    refusals._write()
    assert (len(store.rows(RejectFilter())), refusals.lost) == (3, 0)
    store.close()


def test_by_command(world: World, tmp_path: Path) -> None:
    sent(world, ("operator", "/v1/pings", MIXED))
    data = tmp_path / "data"
    printed = invoked("rejects", "list", "--data", data).stdout.splitlines()
    assert printed[0].split() == ["time", "reason", "device", "sent", "by", "came", "by", "row"]
    assert [line.split()[2] for line in printed[1:4]] == ["unknown_device", "bad_time", "bad_coordinates"]
    (item,) = json.loads(invoked("rejects", "list", "--data", data, "--device", "D1", "--json").stdout)[
        "items"
    ]
    assert (item["reason"], item["source"], '"lat": ##.###' in item["raw"]) == (
        "bad_coordinates",
        "http",
        True,
    )
    found = invoked("rejects", "list", "--data", data, "--since", "2025-07-14T12:00:01+08:00")
    assert found.stdout == "no row was refused that fits\n"
    for words in (["--reason", "ugly"], ["--since", "noon"]):
        assert invoked("rejects", "list", "--data", data, *words).exit_code == 2
    assert invoked("rejects", "list", "--data", tmp_path / "nowhere").exit_code == 2
