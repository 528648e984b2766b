"""Rows over HTTP: the same reasons as in files, stamped with our time, acknowledged once durable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from console_world import NOW_MS, World, console_world, ping
from starlette.testclient import TestClient

from console.app import create_app
from geofences.instant import instant_ms
from pipeline.log.record import CONFIRMATIONS, PINGS, Record
from pipeline.log.rows import RowDecoder
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import REASONS, Challenges, DeviceIds, open_stream
from sinks.alert import instant_text

HOUR_MS = 3_600_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        client.headers.update(world.bearer("operator"))
        yield client


def records(world: World, *kinds: int) -> list[Record]:
    found = world.journal.reader().poll(10_000)
    return [record for record in found if record.kind in kinds]


def written(world: World) -> list[dict[str, Any]]:
    """What the log holds of rows, as the engine will read it."""
    decoder = RowDecoder(DeviceIds(("D1", "D2", "D3")), Challenges())
    found = records(world, PINGS, CONFIRMATIONS)
    if not found:
        return []
    batch = decoder.batch(found)
    assert not batch.rows.reason.any()
    return [json.loads(batch.raw(row)) for row in range(len(batch))]


AHEAD = instant_text(NOW_MS + 300_001)
LATE = instant_text(NOW_MS - 7 * 24 * HOUR_MS - 1)

#: A line, and what a file says of it (None: accepted).
ROWS: list[tuple[str, str | None]] = [
    (json.dumps(ping()), None),
    (json.dumps(ping("D2", battery_pct=87, charging=True, app_version="1.2")), None),
    (json.dumps(ping(lon=None, lat=None, minutes_ago=1)), None),
    (json.dumps(ping(minutes_ago=2, source="wifi", accuracy_m=12.5, crs="gcj02")), None),
    ('{"device_id":"D1","event_time":"2025-07-14T03:00:00.5+00:00","lon":1e2,"lat":-0.0}', None),
    ('{"device_id":"\\u0044\\u0031","event_time":"2025-07-14T03:00:01Z","lon":1,"lat":2}', None),
    ("not json", "malformed"),
    ("[1]", "malformed"),
    (json.dumps(ping("")), "malformed"),
    (json.dumps(ping(lon="106")), "malformed"),
    (json.dumps(ping("D9")), "unknown_device"),
    (json.dumps(ping(event_time="2025-07-14T12:00:00")), "bad_time"),
    (json.dumps(ping(arrival_time="yesterday")), "bad_time"),
    (json.dumps(ping(lat=None)), "bad_coordinates"),
    (json.dumps(ping(lon=float("nan"))), "bad_coordinates"),
    (json.dumps(ping(lat=91)), "bad_coordinates"),
    (json.dumps(ping(accuracy_m=-1)), "bad_value"),
    (json.dumps(ping(charging="yes")), "bad_value"),
    (json.dumps(ping(accuracy_m=None, strap_ok=None, fingerprint=None)), None),
]

#: What only our clock can say, whatever else is wrong with the row.
BY_ARRIVAL: list[tuple[str, str | None]] = [
    (json.dumps(ping(event_time=instant_text(NOW_MS + 300_000))), None),
    (json.dumps(ping(event_time=AHEAD)), "bad_time"),
    (json.dumps(ping(event_time=AHEAD, lat=None)), "bad_time"),
    (json.dumps(ping(event_time=AHEAD, accuracy_m=-1)), "bad_time"),
    (json.dumps(ping(event_time=LATE)), "too_late"),
    (json.dumps(ping(event_time=LATE, lat=None)), "bad_coordinates"),
]


def expected(rows: list[tuple[str, str | None]]) -> dict[str, Any]:
    rejected = [{"index": row, "reason": reason} for row, (_, reason) in enumerate(rows) if reason]
    return {"accepted": len(rows) - len(rejected), "rejected": rejected}


def test_rows_are_judged_like_those_of_a_file(world: World, client: TestClient, tmp_path: Path) -> None:
    body = "\n\n".join(line for line, _ in ROWS)
    said = client.post("/v1/pings", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert (said.status_code, said.json()) == (202, expected(ROWS))
    assert len(written(world)) == said.json()["accepted"]
    assert [reason or None for reason in file_reasons(tmp_path, body, PING)] == [reason for _, reason in ROWS]


def test_our_clock_judges_too(world: World, client: TestClient) -> None:
    said = client.post("/v1/pings", content="\n".join(line for line, _ in BY_ARRIVAL))
    assert said.json() == expected(BY_ARRIVAL)
    assert len(written(world)) == 1


def file_reasons(directory: Path, body: str, kind: int) -> list[str]:
    path = directory / "rows.ndjson"
    path.write_text(body, "utf-8")
    devices = DeviceIds(("D1", "D2", "D3"))
    stream = open_stream(path, kind=kind, number=0, devices=devices, challenges=Challenges())
    return [REASONS[code] for chunk in stream for code in chunk.rows.reason.tolist()]


def test_an_array_is_the_same_as_lines(world: World, client: TestClient) -> None:
    readable = [(line, reason) for line, reason in ROWS if line != "not json"]
    body = "[" + ",\n ".join(line for line, _ in readable) + "]"
    assert client.post("/v1/pings", content=body).json() == expected(readable)
    pretty = json.dumps([ping(), ping(minutes_ago=1), 7], indent=2)
    said = client.post("/v1/pings", content=pretty).json()
    assert said == {"accepted": 2, "rejected": [{"index": 2, "reason": "malformed"}]}


def test_what_was_sent_stands_in_the_log_with_our_arrival(world: World, client: TestClient) -> None:
    sent = ping("D2", accuracy_m=12.5, battery_pct=87, charging=True, operator="电信")
    client.post("/v1/pings", json=[{**sent, "arrival_time": LATE, "unheard_of": [1]}])
    client.post("/v1/confirmations", json=[ping(face_ok=True, challenge_id="c/1"), ping(minutes_ago=1)])
    first, second, third = written(world)
    noon = "2025-07-14 04:00:00.000Z"
    assert first == {**sent, "event_time": noon, "arrival_time": noon}
    assert (second["face_ok"], second["challenge_id"]) == (True, "c/1")
    assert (third["face_ok"], third["challenge_id"]) == (False, None)


def test_the_log_has_a_start_then_marks_then_rows(world: World, client: TestClient) -> None:
    client.post("/v1/pings", json=[ping()])
    client.post("/v1/confirmations", json=[ping()])
    kinds = [record.kind for record in world.journal.reader().poll(100)]
    assert kinds[0] == 1
    assert kinds[-2:] == [PINGS, CONFIRMATIONS]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[{]", 400),  # no JSON at all: nothing can be said of rows
        (b"[]", 202),
        (b"", 202),
        (b"\xef\xbb\xbf" + json.dumps(ping()).encode(), 202),
        (b'{"device_id":"D1","app_version":"\\ud800"}', 202),
    ],
)
def test_bodies(client: TestClient, body: bytes, status: int) -> None:
    assert client.post("/v1/pings", content=body).status_code == status


def test_text_that_is_no_unicode_is_a_bad_value(client: TestClient) -> None:
    line = json.dumps(ping()).replace("}", ', "app_version": "\\ud800"}')
    assert client.post("/v1/pings", content=line).json()["rejected"] == [{"index": 0, "reason": "bad_value"}]
    line = json.dumps(ping(face_ok=True)).replace("}", ', "challenge_id": "\\ud800"}')
    said = client.post("/v1/confirmations", content=line).json()
    assert said["rejected"] == [{"index": 0, "reason": "bad_value"}]


def test_a_device_sends_for_itself_alone(world: World, client: TestClient) -> None:
    own = world.bearer("device")
    assert client.post("/v1/pings", json=[ping("D1")], headers=own).status_code == 202
    for other in ("D2", "D9"):
        said = client.post("/v1/pings", json=[ping("D1", minutes_ago=1), ping(other)], headers=own)
        assert (said.status_code, said.json()["detail"]) == (
            403,
            "a token of the device D1 sends for no other",
        )
    said = client.post("/v1/pings", json=[3], headers=own)
    assert said.json() == {"accepted": 0, "rejected": [{"index": 0, "reason": "malformed"}]}
    assert len(written(world)) == 1


def test_too_large_and_packed_bodies_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.ingest_routes.BODY_BYTES_MOST", 100)
    assert client.post("/v1/pings", json=[ping()] * 2).status_code == 413
    said = client.post("/v1/pings", content=b"x", headers={"Content-Encoding": "gzip"})
    assert said.status_code == 415


@pytest.mark.parametrize("depth", [400, 900, 1500, 100_000])
def test_nesting_without_end_is_the_fault_of_its_row(client: TestClient, depth: int) -> None:
    deep = json.dumps(ping())[:-1] + f', "unheard_of": {"[" * depth}{"]" * depth}}}'
    fine = json.dumps(ping(minutes_ago=1))
    # Rows of an array that stand on several lines are read another way.
    for body in (f"{fine}\n{deep}", f"[{fine},{deep}]", f"[{fine},\n{deep}]"):
        said = client.post("/v1/pings", content=body).json()
        assert said["rejected"] == ([] if depth == 400 else [{"index": 1, "reason": "malformed"}])
    said = client.post("/osmand", content=f'{{"device_id":"D1","location":{{"coords":{deep}}}}}')
    assert said.status_code == (200 if depth == 400 else 400)


def test_more_rows_than_one_request_may_have(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ingest.bodies.ROWS_MOST", 3)
    monkeypatch.setattr("pipeline.ingest.bodies.DEVICE_ROWS_MOST", 2)
    # Commas, brackets and quotes within a row end none.
    row = json.dumps(ping(app_version='],",\\', unheard_of=[1, {"a": [2, 3]}]))
    for who, most in (("operator", 3), ("device", 2)):
        for number, status in ((most, 202), (most + 1, 413)):
            bodies = ["\n".join([row] * number), "\n".join([row] * number) + "\n"]
            for body in (*bodies, "[" + ",".join([row] * number) + "]"):
                said = client.post("/v1/pings", content=body, headers=world.bearer(who))
                assert said.status_code == status, (who, body)
        assert said.json()["detail"] == f"more than {most} rows; send fewer at a time"
    assert client.post("/v1/pings", content="[1,1,1,1").status_code == 413, "told before it is decoded"


def test_many_rows_at_once(world: World, client: TestClient) -> None:
    rows = [ping(f"D{1 + number % 3}", minutes_ago=number / 100) for number in range(5_000)]
    said = client.post("/v1/pings", content="\n".join(map(json.dumps, rows)))
    assert said.json() == {"accepted": 5_000, "rejected": []}
    assert [row["device_id"] for row in written(world)] == [row["device_id"] for row in rows]


def test_nothing_is_acknowledged_that_the_disk_did_not_take(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(world.journal, "append", broken)
    said = client.post("/v1/pings", json=[ping()])
    assert (said.status_code, said.headers["Retry-After"]) == (503, "1")
    assert client.get("/readyz").status_code == 503
    assert client.post("/v1/pings", json=[ping()]).status_code == 503


def test_rows_are_taken_nowhere_where_they_come_by_an_inbox(world: World) -> None:
    parts = replace(world.parts, log_writer=None)
    with TestClient(create_app(parts)) as client:
        assert client.post("/v1/pings", json=[ping()]).status_code == 401
        assert client.post("/v1/pings", json=[ping()], headers=world.bearer("officer")).status_code == 403
        client.headers.update(world.bearer("operator"))
        for path in ("/v1/pings", "/v1/confirmations", "/osmand", "/owntracks"):
            said = client.post(path, json=[ping()])
            assert (said.status_code, "by the inbox" in said.json()["detail"]) == (409, True)
        assert client.get("/readyz").json() == {"status": "ready", "problems": []}
        assert client.get("/metrics").status_code == 200
    assert world.journal.end_offset == 0, "nothing was written, no mark either"


SENT_MS = instant_ms("2025-07-14T11:59:00+08:00")

REST = "&batt=55&accuracy=8"

#: Parameters of the old shape, and what stands in the log or why not.
OSMAND: list[tuple[str, dict[str, Any] | str]] = [
    (
        f"id=D1&lat=29.5&lon=106.5&timestamp={SENT_MS // 1000}&speed=10&batt=55&accuracy=8",
        {"speed_mps": 5.144444},
    ),
    (f"deviceid=D1&lat=29.5&lon=106.5&timestamp={SENT_MS}&batt=55&accuracy=8", {"speed_mps": None}),
    (
        "id=D1&location=29.5,106.5&timestamp=2025-07-14T03:59:00Z&batt=55&accuracy=8&charge=true",
        {"charging": True},
    ),
    # An offset whose plus sign nobody escaped.
    ("id=D1&lat=29.5&lon=106.5&timestamp=2025-07-14T11:59:00+08:00&batt=55&accuracy=8", {"speed_mps": None}),
    ("id=D1&lat=29.5&lon=106.5&timestamp=2025-07-14 11:59:00+0800&batt=55&accuracy=8", {"speed_mps": None}),
    (f"id=D1&lat=29.5&lon=106.5&timestamp={SENT_MS // 1000}.0&batt=55&accuracy=8", {"speed_mps": None}),
    ("id=D1&lat=29.5&lon=106.5&timestamp=2025-07-14T11:59:00", "bad_time"),  # whose noon?
    ("id=D1&lat=29.5&lon=106.5&timestamp=2025-07-14 11:59:00", "bad_time"),
    ("id=D1&lat=29.5&lon=106.5&timestamp=" + "9" * 5000, "bad_time"),
    ("id=D1&lat=29.5&lon=1_0&timestamp=1752465540", "malformed"),
    ("id=D1&lat=29.5&lon=1e400&timestamp=1752465540", "bad_coordinates"),
    ("id=D1&lat=29.5&lon=106.5&timestamp=1752465540&accuracy=" + "9" * 400, "bad_value"),
    ("id=D1&lat=29.5&lon=106.5&timestamp=1752465540&speed=1e400", "bad_value"),
    ("id=D1&lat=29.5&lon=106.5", "bad_time"),
    ("id=D1&lat=29.5&lon=x&timestamp=1752465540", "malformed"),
    ("lat=29.5&lon=106.5&timestamp=1752465540", "malformed"),
    ("id=D1&lat=29.5&lon=106.5&timestamp=1752465540&valid=false", "not_fixed"),
    ("id=D1&lat=29.5&lon=106.5&timestamp=99999999999999999", "bad_time"),
    ("id=D9&lat=29.5&lon=106.5&timestamp=1752465540", "unknown_device"),
]


@pytest.mark.parametrize(("query", "expected"), OSMAND)
def test_osmand_by_parameters(world: World, client: TestClient, query: str, expected: Any) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for said in (client.get(f"/osmand?{query}"), client.post("/osmand", content=query, headers=form)):
        assert said.status_code == 200
        if isinstance(expected, str):
            assert said.json() == {"accepted": 0, "rejected": [{"index": 0, "reason": expected}]}
        else:
            assert said.json() == {"accepted": 1, "rejected": []}
            row = written(world)[-1]
            assert (row["lon"], row["lat"], row["accuracy_m"], row["battery_pct"]) == (106.5, 29.5, 8, 55)
            assert row["event_time"] == "2025-07-14 03:59:00.000Z"
            for name, value in expected.items():
                assert row.get(name) == (pytest.approx(value) if isinstance(value, float) else value)


def test_osmand_by_json(world: World, client: TestClient) -> None:
    body = {
        "device_id": "D1",
        "location": {
            "timestamp": "2025-07-14T03:59:00.000Z",
            "coords": {"latitude": 29.5, "longitude": 106.5, "accuracy": 8, "speed": -1, "heading": 90},
            "is_moving": False,
            "battery": {"level": 0.55, "is_charging": True},
        },
    }
    assert client.post("/osmand", json=body).json() == {"accepted": 1, "rejected": []}
    (row,) = written(world)
    assert row["battery_pct"] == pytest.approx(55)
    assert (row["moving"], row["charging"], "speed_mps" in row) == (False, True, False)
    assert client.post("/osmand", json={"device_id": "D1"}).status_code == 400


def test_owntracks(world: World, client: TestClient) -> None:
    location = {"_type": "location", "lat": 29.5, "lon": 106.5, "tst": SENT_MS // 1000, "vel": 36, "batt": 55}
    said = client.post("/owntracks", json={**location, "topic": "owntracks/anna/D2", "created_at": 1})
    assert (said.status_code, said.json()) == (200, [])
    client.post("/owntracks", json={**location, "tid": "ny"}, headers=world.bearer("device"))
    for nothing in (b"", b'{"_type":"lwt","tst":1}', b'{"_type":"encrypted","data":"x"}'):
        assert client.post("/owntracks", content=nothing).json() == []
    rows = written(world)
    assert [(row["device_id"], row["speed_mps"]) for row in rows] == [("D2", 10), ("D1", 10)]
    assert {row["event_time"] for row in rows} == {"2025-07-14 03:59:00.000Z"}


def test_phones_may_bring_their_token_in_the_address_or_as_a_password(
    world: World, client: TestClient
) -> None:
    del client.headers["Authorization"]
    query = "/osmand?id=D1&lat=1&lon=1&timestamp=1752465540"
    token = world.tokens["device"]
    assert client.get(query).status_code == 401
    assert client.get(f"{query}&token={token}").json()["accepted"] == 1
    assert client.get(query, auth=("whoever", token)).json()["accepted"] == 1
    assert client.get(query, auth=("whoever", "wrong")).status_code == 401
    assert client.get(query.replace("D1", "D2"), auth=("whoever", token)).status_code == 403
    # The rows' own route takes the header alone: addresses end up in logs.
    assert client.post(f"/v1/pings?token={token}", json=[ping()]).status_code == 401
    assert client.post("/v1/pings", json=[ping()], auth=("whoever", token)).status_code == 401


def test_confirmations_are_judged_like_those_of_a_file(client: TestClient, tmp_path: Path) -> None:
    body = "\n".join(json.dumps(ping(face_ok=value)) for value in (True, False, None, "yes", 1))
    reasons = file_reasons(tmp_path, body, CONFIRMATION)
    rejected = [{"index": row, "reason": reason} for row, reason in enumerate(reasons) if reason]
    assert client.post("/v1/confirmations", content=body).json()["rejected"] == rejected
