"""Values that no column can hold: one reason for the row by every way in, no harm to its neighbours."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from console_world import NOW_MS, World, console_world, ping
from replay.command_line import invoked
from starlette.testclient import TestClient

from console.app import create_app
from pipeline.ingest import JournalWriter
from pipeline.ingest.inbox import Inbox
from pipeline.ingest.inbox_folder import InboxFolder
from pipeline.log.journal import Journal
from pipeline.log.record import STREAM_OF
from pipeline.log.rows import RowDecoder
from pipeline.ping import PING
from pipeline.reading import REASONS, Challenges, DeviceIds
from pipeline.reference.formats import raw_rows
from pipeline.reference.parsing import parse

#: More digits than float64 can hold, or than Python reads as an int, and their like in other spellings.
HUGE = [
    "9" * 309,
    "-" + "9" * 400,
    "9" * 5000,
    "1e309",
    "1e400",
    "-1e400",
    "1e99999",
    "0." + "0" * 400 + "1e99999",
]
TINY = ["1e-400", "0." + "0" * 400 + "1", "1e-99999"]

#: A column, what stands in it as JSON, and the reason of the row wherever it comes in ("": it is used).
POISON: list[tuple[str, str, str]] = [
    *(("lon", number, "bad_coordinates") for number in HUGE),
    *(("lat", number, "bad_coordinates") for number in HUGE),
    *(("accuracy_m", number, "bad_value") for number in HUGE),
    *(("battery_pct", number, "bad_value") for number in HUGE),
    *(("speed_mps", number, "bad_value") for number in HUGE),
    *(("rssi_dbm", number, "bad_value") for number in HUGE),
    *((column, number, "") for column in ("lon", "accuracy_m", "battery_pct") for number in TINY),
    *(("event_time", f'"{number}"', "bad_time") for number in HUGE),
]

#: What only JSON can say.
JSON_POISON: list[tuple[str, str, str]] = [
    *(("event_time", number, "bad_time") for number in HUGE),
    *(("arrival_time", number, "bad_time") for number in HUGE),
    *(("source", number, "bad_value") for number in HUGE[:4]),
    *(("sos", number, "bad_value") for number in HUGE[:4]),
    *(("app_version", number, "bad_value") for number in HUGE[:4]),
    *(("unheard_of", number, "") for number in HUGE),
    *(("device_id", number, "malformed") for number in HUGE[:4]),
    ("event_time", '"\\ud800"', "bad_time"),
    ("source", '"\\udfff"', "bad_value"),
    ("device_id", '"\\ud800"', "unknown_device"),
    ("lon", '"\\ud800"', "malformed"),
    ("unheard_of", "[" * 501 + "]" * 501, "malformed"),
    ("unheard_of", '{"a":' * 100_000 + "1" + "}" * 100_000, "malformed"),
    ("battery_pct", "[" * 501 + "]" * 501, "malformed"),
    ("battery_pct", "[[[[]]]]", "bad_value"),
    ("unheard_of", "[[[[]]]]", ""),
]


def lines_of(rows: list[tuple[str, str, str]]) -> list[str]:
    """A sound row before and after each, so that a row that harms its neighbours is seen."""
    lines = []
    for number, (column, value, _) in enumerate(rows):
        given = {**ping(minutes_ago=number / 10), column: None}
        poisoned = json.dumps(given).replace("null", value, 1)
        lines += [json.dumps(ping("D2", minutes_ago=number / 10)), poisoned]
    return [*lines, json.dumps(ping("D2", minutes_ago=900))]


def reasons_expected(rows: list[tuple[str, str, str]]) -> list[str]:
    return [reason for _, _, own in rows for reason in ("", own)] + [""]


def rejected(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(one["index"], one["reason"]) for one in answer["rejected"]]


def numbered(reasons: list[str]) -> list[tuple[int, str]]:
    return [(row, reason) for row, reason in enumerate(reasons) if reason]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        yield world


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(create_app(world.parts)) as client:
        client.headers.update(world.bearer("operator"))
        yield client


def replayed(directory: Path, *files: Path) -> list[tuple[int, str]]:
    """The rejects of a replay, by row from 0."""
    rejects = directory / "rejects.ndjson"
    words = ("replay", "--site", directory / "site", "--alerts", directory / "alerts.ndjson")
    done = invoked(*words, "--rejects", rejects, *(word for file in files for word in ("--pings", file)))
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in rejects.read_text("utf-8").splitlines()]
    return [
        (one["row"] - 1, one["reason"]) for one in found if one["reason"] not in ("too_late", "duplicate")
    ]


def by_reference(file: Path) -> list[str]:
    parsed = [parse(row, PING, frozenset(("D1", "D2", "D3"))) for row in raw_rows(file)]
    return [row.faults[0] if row.faults else "" for row in parsed]


def test_as_lines_of_json(world: World, client: TestClient, tmp_path: Path) -> None:
    rows = POISON + JSON_POISON
    lines, expected = lines_of(rows), reasons_expected(rows)
    file = tmp_path / "pings.ndjson"
    file.write_text("\n".join(lines), "utf-8")
    assert by_reference(file) == expected
    assert replayed(tmp_path, file) == numbered(expected)
    assert rejected(client.post("/v1/pings", content="\n".join(lines)).json()) == numbered(expected)
    for between in (",", ",\n"):
        said = client.post("/v1/pings", content=f"[{between.join(lines)}]")
        assert (said.status_code, rejected(said.json())) == (202, numbered(expected))


def test_as_cells(tmp_path: Path, world: World) -> None:
    expected = reasons_expected(POISON)
    names = ["device_id", "event_time", "lon", "lat", "accuracy_m", "speed_mps", "battery_pct", "rssi_dbm"]
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in lines_of(POISON)]
    file = tmp_path / "pings.csv"
    with file.open("w", newline="") as stream:
        table = csv.DictWriter(stream, names)
        table.writeheader()
        table.writerows(rows)
    assert by_reference(file) == expected
    assert replayed(tmp_path, file) == numbered(expected)
    assert taken_by_inbox(tmp_path, file) == expected


def test_as_columns(tmp_path: Path, world: World) -> None:
    """Parquet says the same numbers as infinite ones, where a decimal column does not hold them."""
    expected = reasons_expected(POISON)
    rows = [json.loads(line, parse_int=float) for line in lines_of(POISON)]
    file = tmp_path / "pings.parquet"
    names = ["device_id", "event_time", "lon", "lat", "accuracy_m", "speed_mps", "battery_pct", "rssi_dbm"]
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), file)
    assert replayed(tmp_path, file) == numbered(expected)
    assert taken_by_inbox(tmp_path, file) == expected


def test_lines_in_the_inbox(tmp_path: Path, world: World) -> None:
    rows = POISON + JSON_POISON
    file = tmp_path / "pings.ndjson"
    file.write_text("\n".join(lines_of(rows)), "utf-8")
    assert taken_by_inbox(tmp_path, file) == reasons_expected(rows)


def taken_by_inbox(directory: Path, file: Path) -> list[str]:
    """The reason of each row of a file as the log has it, once the inbox has taken all of it."""
    stop, told = threading.Event(), list[str]()
    devices = DeviceIds(("D1", "D2", "D3"))
    with Journal(directory / "inbox-journal") as journal:
        folder = InboxFolder(directory / "inbox")
        writer = JournalWriter(journal, lambda: NOW_MS, horizon_ms=lambda _: 10**12)
        inbox = Inbox(folder, journal, writer, lambda: devices, report=told.append, stop=stop)
        (folder.directory / file.name).write_bytes(file.read_bytes())
        writer.start()
        inbox.start()
        for _ in range(3000):
            if (folder.done / file.name).exists() or any(folder.refused.iterdir()):
                break
            stop.wait(0.02)
        stop.set()
        inbox.finish()
        writer.stop()
        inbox.reraise()
        assert [line for line in told if "unknown column 'unheard_of'" not in line] == []
        records = [record for record in journal.reader().poll(100_000) if record.kind in STREAM_OF]
    batch = RowDecoder(devices, Challenges()).batch(records)
    return [REASONS[code] for code in batch.rows.reason.tolist()]


NOON = NOW_MS // 1000
#: What an OsmAnd client may send beside its id, and the reason of the row.
OSMAND: list[tuple[dict[str, str], str]] = [
    *(({"timestamp": number}, "bad_time") for number in HUGE),
    *(({"timestamp": str(NOON), "speed": number}, "bad_value") for number in HUGE),
    *(({"timestamp": str(NOON), "accuracy": number}, "bad_value") for number in HUGE),
    *(({"timestamp": str(NOON), "batt": number}, "bad_value") for number in HUGE),
    *(({"timestamp": str(NOON), "lat": number}, "bad_coordinates") for number in HUGE),
    *(({"timestamp": str(NOON), "location": f"{number},{number}"}, "bad_coordinates") for number in HUGE),
    ({"timestamp": str(NOON), "charge": "9" * 400}, "bad_value"),
    ({"timestamp": "٣" * 10}, "bad_time"),
]


def test_osmand(client: TestClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for values, reason in OSMAND:
        text = urlencode({"id": "D1", "lat": "29.5", "lon": "106.5", **values})
        for said in (client.get(f"/osmand?{text}"), client.post("/osmand/", content=text, headers=form)):
            assert (said.status_code, rejected(said.json())) == (200, [(0, reason)]), values


#: A path into a phone's JSON, what stands there, and the reason of the row.
TRACCAR: list[tuple[str, str, str]] = [
    *(("timestamp", number, "bad_time") for number in HUGE),
    *(("latitude", number, "bad_coordinates") for number in HUGE),
    *(("accuracy", number, "bad_value") for number in HUGE if number[0] != "-"),
    *(("speed", number, "bad_value") for number in HUGE if number[0] != "-"),
    *(("level", number, "bad_value") for number in HUGE if number[0] != "-"),
]


def test_traccar(client: TestClient) -> None:
    for name, value, reason in TRACCAR:
        battery: dict[str, Any] = {"level": 0.5}
        coords: dict[str, Any] = {"latitude": 29.5, "longitude": 106.5, "accuracy": 8, "speed": 1}
        location = {"timestamp": ping()["event_time"], "coords": coords, "battery": battery}
        (part,) = [part for part in (coords, location, battery) if name in part]
        part[name] = "HERE"
        body = json.dumps({"device_id": "D1", "location": location}).replace('"HERE"', value)
        said = client.post("/osmand", content=body)
        assert (said.status_code, rejected(said.json())) == (200, [(0, reason)]), (name, value)


#: What an OwnTracks message may have; the answer never tells of rows, so the log is asked.
OWNTRACKS = [(name, number) for name in ("tst", "vel", "acc", "lat", "batt") for number in HUGE]


def test_owntracks(world: World, client: TestClient) -> None:
    for name, value in OWNTRACKS:
        body = {"_type": "location", "tid": "D1", "tst": NOON, "lat": 29.5, "lon": 106.5, name: "HERE"}
        before = world.journal.end_offset
        said = client.post("/owntracks", content=json.dumps(body).replace('"HERE"', value))
        assert (said.status_code, said.json()) == (200, []), (name, value)
        unknown = name in ("vel", "batt") and value.startswith(
            "-"
        )  # a negative one says that it is not known
        assert world.journal.end_offset - before == unknown, (name, value)
