"""Files read one row at a time: reasons, merge order, running maximum, and the same rows in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from geofences.holidays import load_builtin
from geofences.instant import instant_ms
from pipeline.reference import ReferenceRow, read_rows
from pipeline.sites.policy import Policy
from pipeline.sites.records import Binding, Person, Site

SITE = Site(
    policy=replace(Policy(), backfill_horizon_ms=3_600_000),
    offices=(),
    people=(Person("P1", "Resident 1", "O1", "general"),),
    bindings=(Binding("D1", "P1", "phone"),),
    leaves=(),
    fences=(),
    holidays=load_builtin(),
)
NOON = "2025-09-03T04:00:00Z"
GOOD = {"device_id": "D1", "event_time": NOON, "lon": 104.07, "lat": 30.67}
WITHOUT_TIME = {name: value for name, value in GOOD.items() if name != "event_time"}


def _pings(folder: Path, name: str, *lines: object) -> Path:
    path = folder / name
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "malformed"),
        ("[]", "malformed"),
        ({**GOOD, "device_id": ""}, "malformed"),
        ({**GOOD, "device_id": 7}, "malformed"),
        ({**GOOD, "lon": True}, "malformed"),  # a truth is no number
        ({**GOOD, "lon": 1e999, "lat": "north"}, "malformed"),  # graver than what is wrong with lon
        ({**GOOD, "device_id": "D2", "lon": "east"}, "malformed"),  # comes before the unknown device
        ({**GOOD, "device_id": "D2"}, "unknown_device"),
        ({**WITHOUT_TIME, "lon": 999}, "bad_time"),
        ({**GOOD, "event_time": 1756872000}, "bad_time"),  # a wrong type in a time
        ({**GOOD, "event_time": "2025-09-03T04:00:00"}, "bad_time"),
        ({**GOOD, "event_time": "1999-12-31T23:59:59.999Z"}, "bad_time"),
        ({**GOOD, "arrival_time": "soon"}, "bad_time"),
        ({**GOOD, "arrival_time": "2025-09-03T03:54:59.999Z"}, "bad_time"),  # 300.001 s ahead
        ({**GOOD, "arrival_time": "2025-09-03T03:55:00Z"}, None),  # 300 s ahead
        ({**GOOD, "lon": 181, "arrival_time": "2025-09-03T03:00:00Z"}, "bad_time"),  # before the place
        ({**GOOD, "lon": None}, "bad_coordinates"),
        ({**GOOD, "lon": float("nan")}, "bad_coordinates"),
        ({**GOOD, "lat": 10**400}, "bad_coordinates"),
        ({**GOOD, "lat": -90.0000001, "mock": "no"}, "bad_coordinates"),
        ({**GOOD, "lon": 180, "lat": -90}, None),  # the ends belong to it
        ({**GOOD, "accuracy_m": -0.1}, "bad_value"),
        ({**GOOD, "accuracy_m": float("inf")}, "bad_value"),
        ({**GOOD, "source": "radar"}, "bad_value"),
        ({**GOOD, "crs": "WGS84"}, "bad_value"),
        ({**GOOD, "mock": "no"}, "bad_value"),
        ({**GOOD, "operator": 5}, "bad_value"),
        ({**GOOD, "colour": 5}, None),  # an unknown column is kept out
        ({**GOOD, "arrival_time": "2025-09-03T05:00:00.001Z"}, "too_late"),
        ({**GOOD, "arrival_time": "2025-09-03T05:00:00Z"}, None),
    ],
)
def test_the_first_reason_that_holds(tmp_path: Path, line: object, reason: str | None) -> None:
    path = _pings(tmp_path, "pings.ndjson", line)
    rows, rejects = read_rows(SITE, [path])
    assert rejects == ([] if reason is None else [(str(path), 1, reason)])
    assert len(rows) + len(rejects) == 1


def _at(event: str, arrival: str, **more: object) -> dict[str, object]:
    return {**GOOD, "event_time": f"2025-09-03T{event}Z", "arrival_time": f"2025-09-03T{arrival}Z", **more}


def test_files_merge_by_arrival_and_never_run_back(tmp_path: Path) -> None:
    #            arrivals   04:00   04:10   04:05 (counts as 04:10)      04:10 elsewhere comes behind both
    first = _pings(
        tmp_path,
        "a.ndjson",
        _at("04:00:00", "04:00:00"),
        _at("04:01:00", "04:10:00"),
        _at("04:02:00", "04:05:00"),
    )
    second = _pings(tmp_path, "b.ndjson", _at("04:03:00", "04:10:00"), _at("04:04:00", "04:11:00"))
    shown = _pings(tmp_path, "c.ndjson", _at("04:05:00", "04:10:00", face_ok=True))
    rows, rejects = read_rows(SITE, [first, second], [shown])
    assert rejects == []
    assert [(row.event_ms - instant_ms(NOON)) // 60_000 for row in rows] == [0, 1, 2, 3, 5, 4]
    assert [(row.arrival_ms - instant_ms(NOON)) // 60_000 for row in rows] == [0, 10, 10, 10, 10, 11]


def test_rejected_rows_move_no_clock(tmp_path: Path) -> None:
    again = _at("04:00:00", "04:30:00")  # a duplicate that arrives late
    path = _pings(tmp_path, "a.ndjson", _at("04:00:00", "04:00:00"), again, _at("04:01:00", "04:02:00"))
    rows, rejects = read_rows(SITE, [path])
    assert rejects == [(str(path), 2, "duplicate")]
    assert rows[1].arrival_ms == instant_ms("2025-09-03T04:02:00Z")


def test_a_row_is_counted_without_blank_lines(tmp_path: Path) -> None:
    path = _pings(tmp_path, "a.ndjson", GOOD, "", "  ", "{")
    assert read_rows(SITE, [path])[1] == [(str(path), 2, "malformed")]


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    times = ["2025-09-03T04:00:00.123999Z", "2025-09-03T12:01:00+08:00", "2025-09-03T04:02:00Z"]
    places = [(104.07, 30.67), (None, None), (104.08, 30.68)]
    columns = {
        "device_id": ["D1"] * 3,
        "event_time": times,
        "lon": [lon for lon, _ in places],
        "lat": [lat for _, lat in places],
        "accuracy_m": [12.5, None, None],
        "source": [None, None, "wifi"],
        "charging": [True, None, False],
    }
    records = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    ndjson = _pings(tmp_path, "a.ndjson", *records)
    csv = _pings(tmp_path, "a.csv", ",".join(columns), *(_cells(record) for record in records))
    moments = [datetime.fromisoformat(text).astimezone(UTC) for text in times]
    parquet = tmp_path / "a.parquet"
    table = pa.table({**columns, "event_time": pa.array(moments, pa.timestamp("us", tz="UTC"))})
    pq.write_table(table, parquet)
    first, *others = (_read(path) for path in (ndjson, csv, parquet))
    assert all(rows == first for rows in others)
    assert [row.event_ms - instant_ms(NOON) for row in first] == [123, 60_000, 120_000]


def _read(path: Path) -> list[ReferenceRow]:
    rows, rejects = read_rows(SITE, [path])
    assert rejects == []
    return rows


def _cells(record: dict[str, object]) -> str:
    return ",".join(
        "" if value is None else str(value).lower() if value in (True, False) else str(value)
        for value in record.values()
    )


def test_a_csv_row_of_too_few_cells_is_malformed(tmp_path: Path) -> None:
    path = _pings(
        tmp_path,
        "a.csv",
        "device_id,event_time,lon,lat",
        f"D1,{NOON},104.07",
        f"D1,{NOON},east,30.67",
        f"D1,{NOON},,",
    )
    rows, rejects = read_rows(SITE, [path])
    assert [reason for *_, reason in rejects] == ["malformed", "bad_coordinates"]
    assert [row.position for row in rows] == [None]


def test_parquet_times_without_a_zone_are_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    noon = pa.array([datetime(2025, 9, 3, 4)], pa.timestamp("ns"))
    pq.write_table(pa.table({"device_id": ["D1"], "event_time": noon, "lon": [104.07], "lat": [30.67]}), path)
    assert read_rows(SITE, [path])[1] == [(str(path), 1, "bad_time")]
