"""One dirty row a line, with the reason it must get in each format."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stream_rows import opened, reasons_of, tuples_of, written

from geofences.instant import instant_ms
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import REASONS, Challenges

T = "2025-07-14T02:00:00.000Z"
NAN, INF = math.nan, math.inf

# Rows that every format can say; a missing key is an empty cell or a null.
EVERYWHERE: list[tuple[str, dict[str, object]]] = [
    ("ok", {}),
    ("ok", {"lon": None, "lat": None}),  # a heartbeat
    ("ok", {"lon": 180, "lat": -90}),
    ("ok", {"lon": -180.0, "lat": 90.0}),
    ("ok", {"event_time": "2025-07-14T10:00:00+08:00"}),
    ("ok", {"event_time": "2025-07-14T10:00:00.123456789012+0800"}),
    ("ok", {"event_time": "2025-07-14 10:00+08"}),
    ("ok", {"event_time": "20250714T020000Z"}),  # ISO 8601's basic form
    ("ok", {"event_time": "2025-W29-1T02:00:00Z"}),
    ("ok", {"event_time": "2000-01-01T00:00:00Z"}),
    ("ok", {"device_id": "张三-3", "operator": "中国移动", "app_version": '1.0 "beta", x'}),
    ("ok", {"source": "wifi", "crs": "gcj02", "accuracy_m": 0, "battery_pct": 101, "rssi_dbm": -70.5}),
    ("ok", {"charging": True, "sos": False, "fingerprint": "f", "speed_mps": 1e-3}),
    ("malformed", {"device_id": None}),
    ("malformed", {"device_id": ""}),
    ("malformed", {"device_id": None, "event_time": "x", "lat": 91, "accuracy_m": -1}),
    ("unknown_device", {"device_id": "D9"}),
    ("unknown_device", {"device_id": "d1"}),
    ("unknown_device", {"device_id": "D1 "}),
    ("unknown_device", {"device_id": "D9", "event_time": None, "lat": 99}),
    ("bad_time", {"event_time": None}),
    ("bad_time", {"event_time": None, "arrival_time": T}),
    ("bad_time", {"event_time": "yesterday"}),
    ("bad_time", {"event_time": "2025-07-14"}),
    ("bad_time", {"event_time": "2025-07-14T02:00:00"}),
    ("bad_time", {"event_time": "2025-02-30T02:00:00Z"}),
    ("bad_time", {"event_time": "2025-07-14T24:00:01Z"}),
    ("bad_time", {"event_time": "2025-07-14T23:59:60Z"}),  # a leap second that never was
    ("bad_time", {"event_time": "1901-12-13T20:45:52Z"}),
    ("bad_time", {"event_time": "1970-01-01T00:00:00Z"}),
    ("bad_time", {"event_time": "1999-12-31T23:59:59.999Z"}),
    ("bad_time", {"event_time": "2000-01-01T07:59:59.999+08:00"}),
    ("bad_time", {"event_time": "9999-12-31T23:59:59-01:00"}),  # ends after the last day there is
    ("bad_time", {"arrival_time": "soon"}),
    ("bad_time", {"arrival_time": "2025-07-14T02:00:00"}),
    ("bad_time", {"event_time": "x", "lon": None, "accuracy_m": -1}),
    ("bad_coordinates", {"lon": None}),
    ("bad_coordinates", {"lat": None}),
    ("bad_coordinates", {"lat": 91}),
    ("bad_coordinates", {"lat": 90.00000000000001}),
    ("bad_coordinates", {"lon": -180.5}),
    ("bad_coordinates", {"lon": 29.6, "lat": 106.5}),  # swapped columns
    ("bad_coordinates", {"lon": NAN}),
    ("bad_coordinates", {"lon": NAN, "lat": NAN}),
    ("bad_coordinates", {"lat": -INF}),
    ("bad_coordinates", {"lat": None, "accuracy_m": -5}),
    ("bad_value", {"accuracy_m": -5}),
    ("bad_value", {"accuracy_m": -0.001, "lon": None, "lat": None}),
    ("bad_value", {"accuracy_m": NAN}),
    ("bad_value", {"accuracy_m": INF}),
    ("bad_value", {"source": "sonar"}),
    ("bad_value", {"source": "GNSS"}),
    ("bad_value", {"crs": "mars"}),
    ("bad_value", {"battery_pct": INF}),
    ("bad_value", {"speed_mps": -INF}),
    ("ok", {"rssi_dbm": NAN}),  # not given, as tables of numbers say it
]

# What only JSON can say.
JSON_LINES: list[tuple[str, str]] = [
    ("malformed", "[1, 2, 3]"),
    ("malformed", '"D1"'),
    ("malformed", "null"),
    ("malformed", "{}"),
    ("malformed", "{"),
    ("malformed", "not json"),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": 1, "lat": 2'),  # cut off
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": 1, "lat": 2} {}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": 1, "lat": 2,}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": 01, "lat": 2}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": .5, "lat": 2}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": +1, "lat": 2}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "x": "\t"}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "x": "\\q"}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "x": tru}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": "east", "lat": 2}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": "1", "lat": 2}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": true, "lat": 2}'),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "lon": [1], "lat": 2}'),
    ("malformed", '{"device_id": 1, "event_time": "%s"}'),
    ("malformed", '{"device_id": ["D1"], "event_time": "%s"}'),
    ("malformed", '{"device_id": "D9", "lon": "east"}'),
    ("unknown_device", '{"device_id": "\\ud800", "event_time": "%s"}'),
    ("bad_time", '{"device_id": "D1", "event_time": 1752458400000}'),
    ("bad_time", '{"device_id": "D1", "event_time": true}'),
    ("bad_time", '{"device_id": "D1", "event_time": ""}'),
    ("bad_time", '{"device_id": "D1", "event_time": "%s", "arrival_time": 0}'),
    ("bad_time", '{"device_id": "D1", "event_time": "%s", "arrival_time": ""}'),
    ("bad_time", '{"device_id": "D1", "event_time": "%s", "arrival_time": {}}'),
    ("bad_coordinates", '{"device_id": "D1", "event_time": "%s", "lon": 1e400, "lat": 2}'),
    ("bad_coordinates", '{"device_id": "D1", "event_time": "%s", "lon": NaN, "lat": 2}'),
    ("bad_coordinates", '{"device_id": "D1", "event_time": "%s", "lon": 1, "lat": -Infinity}'),
    ("bad_coordinates", '{"device_id": "D1", "event_time": "%s", "lon": ' + "9" * 5000 + ', "lat": 2}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "accuracy_m": "5"}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "accuracy_m": true}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "source": 3}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "source": ""}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "crs": []}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "sos": 1}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "mock": "true"}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "speed_mps": "fast"}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "app_version": 3}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "battery_pct": 1e400}'),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "battery_pct": ' + "9" * 309 + "}"),
    ("bad_value", '{"device_id": "D1", "event_time": "%s", "rssi_dbm": -' + "9" * 5000 + "}"),
    ("ok", '{"device_id": "D1", "event_time": "%s", "battery_pct": 1e-400}'),
    ("ok", '{"device_id": "D1", "event_time": "%s", "x": ' + "[" * 499 + "]" * 499 + "}"),
    ("malformed", '{"device_id": "D1", "event_time": "%s", "x": ' + "[" * 500 + "]" * 500 + "}"),
    ("ok", '{"device_id": "D1", "event_time": "%s", "x": "' + "[" * 5000 + '"}'),
    ("ok", '{"device_id": "D1", "event_time": "%s"}'),
    ("ok", '{"device_id": "D1", "event_time": "%s", "arrival_time": null, "source": null, "sos": null}'),
    ("ok", ' \t{ "device_id" : "D1" , "event_time" : "%s" } \r'),
    ("ok", '{"device_id": "\\u0044\\u0031", "event_time": "%s"}'),
    ("ok", '{"\\u0064evice_id": "D1", "event_time": "%s"}'),
    ("ok", '{"device_id": "D9", "device_id": "D1", "event_time": "%s"}'),  # the last of two counts
    ("ok", '{"device_id": "D1", "event_time": "%s", "nested": {"lon": "east", "a": [1, {"b": null}]}}'),
    ("ok", '{"device_id": "D1", "event_time": " %s "}'),
    ("ok", '{"device_id": "D1", "event_time": "%s", "lon": 1E+2, "lat": -0, "operator": "\\u4e2d\\n"}'),
]

# What only text cells can say; columns are device_id, event_time, lon, lat, accuracy_m, sos.
CSV_LINES: list[tuple[str, str]] = [
    ("ok", "D1,%s,1,2,3,true"),
    ("ok", '"D1","%s","1","2","",""'),
    ("ok", "D1,%s, 1 ,+2.,.5e1,TRUE"),
    ("ok", "D1,%s,,,,0"),
    ("ok", "D1,%s,,,,False\r"),
    ("malformed", "D1,%s,1,2,3"),  # a cell too few
    ("malformed", "D1,%s,1,2,3,true,"),
    ("malformed", "D1"),
    ("malformed", ",%s,1,2,3,true"),
    ("malformed", '"D1"x,%s,1,2,3,true'),
    ("unknown_device", '"D""1",%s,1,2,3,true'),
    ("unknown_device", ' "D1",%s,1,2,3,true'),  # a quote that does not begin its cell is a letter
    ("bad_coordinates", "D1,%s,east,2,3,true"),
    ("bad_coordinates", "D1,%s,1_0,2,3,true"),
    ("bad_coordinates", "D1,%s,nan,nan,3,true"),
    ("bad_coordinates", "D1,%s,1,\u0661,3,true"),
    ("bad_value", "D1,%s,1,2,wide,true"),
    ("bad_value", "D1,%s,1,2,inf,true"),
    ("bad_value", "D1,%s,1,2,3,yes"),
    ("bad_value", "D1,%s,1,2,3,2"),
]


def _full(row: dict[str, object]) -> dict[str, object]:
    values = {"device_id": "D1", "event_time": T, "lon": 106.5, "lat": 29.6} | row
    return {name: value for name, value in values.items() if value is not None}


def _names() -> list[str]:
    return list(dict.fromkeys(name for _, row in EVERYWHERE for name in _full(row)))


def _ndjson(path: Path) -> Path:
    return written(path / "p.ndjson", "\n".join(json.dumps(_full(row)) for _, row in EVERYWHERE))


def _csv(path: Path) -> Path:
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, _names(), restval="")
    rows.writeheader()
    rows.writerows(_full(row) for _, row in EVERYWHERE)
    return written(path / "p.csv", text.getvalue())


def _parquet(path: Path) -> Path:
    columns: dict[str, list[Any]] = {
        name: [_full(row).get(name) for _, row in EVERYWHERE] for name in _names()
    }
    columns["lon"], columns["lat"], columns["accuracy_m"] = (
        [None if value is None else float(value) for value in columns[name]]
        for name in ("lon", "lat", "accuracy_m")
    )
    pq.write_table(pa.table(columns), path / "p.parquet")
    return path / "p.parquet"


@pytest.mark.parametrize("write", [_ndjson, _csv, _parquet])
def test_same_reasons_and_values_in_every_format(write: Callable[[Path], Path], tmp_path: Path) -> None:
    file = opened(write(tmp_path), chunk_rows=7)
    found: list[tuple[Any, ...]] = []
    challenges = Challenges()
    for chunk in file:
        found += tuples_of(chunk.rows, challenges)

    assert [(REASONS[row[0]] or "ok", k) for k, row in enumerate(found)] == [
        (reason, k) for k, (reason, _) in enumerate(EVERYWHERE)
    ]
    for (_, row), values in zip(EVERYWHERE, found, strict=True):
        if values[0] == 0:
            full = _full(row)
            at = str(full["event_time"])
            assert values[2] == instant_ms(at)
            assert values[4:6] == (full.get("lon"), full.get("lat"))
            assert values[6] == full.get("accuracy_m")


@pytest.mark.parametrize(("reason", "line"), JSON_LINES)
def test_json_lines(reason: str, line: str, tmp_path: Path) -> None:
    good = f'{{"device_id": "D1", "event_time": "{T}"}}'
    line = line.replace("%s", T)
    file = opened(written(tmp_path / "p.ndjson", f"{good}\n{line}\n{good}\n"))

    (chunk,) = file

    assert [REASONS[code] or "ok" for code in chunk.rows.reason.tolist()] == ["ok", reason, "ok"]
    assert chunk.raw(1) == line.removesuffix("\r")


@pytest.mark.parametrize(("reason", "line"), CSV_LINES)
def test_csv_lines(reason: str, line: str, tmp_path: Path) -> None:
    header, good = "device_id,event_time,lon,lat,accuracy_m,sos", f"D1,{T},1,2,3,true"
    line = line.replace("%s", T)
    file = opened(written(tmp_path / "p.csv", f"{header}\n{good}\n{line}\n{good}\n"))

    (chunk,) = file

    assert [REASONS[code] or "ok" for code in chunk.rows.reason.tolist()] == ["ok", reason, "ok"]
    assert chunk.raw(1) == line.removesuffix("\r")


def test_bytes_that_are_no_utf8_are_malformed_and_told_with_a_mark(tmp_path: Path) -> None:
    line = b'{"device_id": "D1", "event_time": "%s", "operator": "\xff"}' % T.encode()
    (chunk,) = opened(written(tmp_path / "p.ndjson", line))
    (cells,) = opened(written(tmp_path / "p.csv", b"device_id,event_time,lon,lat\nD1,%s,1,\xff" % T.encode()))

    assert chunk.rows.reason.tolist() == cells.rows.reason.tolist() == [REASONS.index("malformed")]
    assert chunk.raw(0).endswith('"\ufffd"}')
    assert cells.raw(0).endswith("1,\ufffd")


def test_confirmations_have_columns_of_their_own(tmp_path: Path) -> None:
    rows: list[tuple[str, dict[str, object], tuple[bool, str | None] | None]] = [
        ("ok", {"face_ok": True, "challenge_id": "c1"}, (True, "c1")),
        ("ok", {"face_ok": False, "challenge_id": '"é\n'}, (False, '"é\n')),
        ("ok", {}, (False, None)),
        ("ok", {"face_ok": None, "challenge_id": None, "source": "sonar"}, (False, None)),  # not theirs
        ("bad_value", {"face_ok": "yes"}, None),
        ("bad_value", {"challenge_id": 7}, None),
    ]
    lines = [json.dumps({"device_id": "D1", "event_time": T} | row) for _, row, _ in rows]
    challenges = Challenges()
    file = opened(written(tmp_path / "c.ndjson", "\n".join(lines)), CONFIRMATION, challenges=challenges)

    (chunk,) = file

    assert [REASONS[code] or "ok" for code in chunk.rows.reason.tolist()] == [reason for reason, _, _ in rows]
    for number, (_, _, said) in enumerate(rows):
        if said is not None:
            code = int(chunk.rows.challenge[number])
            text = None if code < 0 else challenges.texts[code]
            assert (bool(chunk.rows.face_ok[number]), text) == said
    assert file.warnings() == [f"{tmp_path / 'c.ndjson'}: unknown column 'source' in 1 rows, not used"]


def test_confirmations_in_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    written(tmp_path / "c.csv", f'device_id,event_time,face_ok,challenge_id\nD1,{T},1,"a""b"\nD2,{T},,\n')
    table = {
        "device_id": ["D1", "D2"],
        "event_time": [T, T],
        "face_ok": [True, None],
        "challenge_id": ['a"b', None],
    }
    pq.write_table(pa.table(table), tmp_path / "c.parquet")

    for name in ("c.csv", "c.parquet"):
        challenges = Challenges()
        (chunk,) = opened(tmp_path / name, CONFIRMATION, challenges=challenges)
        assert chunk.rows.reason.tolist() == [0, 0]
        assert chunk.rows.face_ok.tolist() == [True, False]
        assert chunk.rows.challenge.tolist() == [0, -1]
        assert challenges.texts == ['a"b']


@pytest.mark.parametrize(
    ("reason", "column", "values"),
    [
        # Parquet has types, and a wrong one spoils its rows as it would in NDJSON.
        ("malformed", "lon", pa.array(["1.5"])),
        ("malformed", "lat", pa.array([True])),
        ("malformed", "device_id", pa.array([1])),
        ("ok", "device_id", pa.array(["D1"], pa.large_string())),
        ("ok", "device_id", pa.array(["D1"]).dictionary_encode()),
        ("ok", "device_id", pa.array([b"D1"])),
        ("unknown_device", "device_id", pa.array([b"\xff"])),
        ("ok", "lon", pa.array([7], pa.int16())),
        ("ok", "lon", pa.array([7.5], pa.float32())),
        ("bad_coordinates", "lon", pa.array([None], pa.null())),
        ("bad_time", "event_time", pa.array([1752458400000])),
        ("bad_time", "event_time", pa.array([1752458400000], pa.timestamp("ms"))),  # no zone
        ("bad_time", "event_time", pa.array([-1], pa.timestamp("ms", "UTC"))),
        ("bad_time", "event_time", pa.array([2**62], pa.timestamp("ms", "UTC"))),
        ("bad_time", "arrival_time", pa.array([20000], pa.date32())),
        ("ok", "event_time", pa.array([1752458400], pa.timestamp("s", "Asia/Shanghai"))),
        ("ok", "event_time", pa.array([1752458400 * 10**9], pa.timestamp("ns", "UTC"))),
        ("bad_value", "accuracy_m", pa.array(["5"])),
        ("bad_value", "source", pa.array([1])),
        ("bad_value", "source", pa.array(["sonar"])),
        ("ok", "source", pa.array([None], pa.string())),
        ("bad_value", "sos", pa.array([1])),
        ("bad_value", "app_version", pa.array([[1]])),
        ("ok", "battery_pct", pa.array([50], pa.uint8())),
    ],
)
def test_parquet_types(reason: str, column: str, values: pa.Array, tmp_path: Path) -> None:
    columns = {"device_id": pa.array(["D1"]), "event_time": pa.array([T]), "lon": pa.array([1.0])}
    columns |= {"lat": pa.array([2.0]), column: values}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")

    (chunk,) = opened(tmp_path / "p.parquet", PING)

    assert [REASONS[code] or "ok" for code in chunk.rows.reason.tolist()] == [reason]
    assert json.loads(chunk.raw(0)).keys() == columns.keys()


@pytest.mark.parametrize(
    ("unit", "ticks"), [("ms", -1), ("us", -1), ("ns", -1), ("us", -1000), ("ns", -1_000_000)]
)
def test_parquet_times_are_cut_towards_the_past(unit: str, ticks: int, tmp_path: Path) -> None:
    columns = {"device_id": ["D1"], "event_time": pa.array([ticks], pa.timestamp(unit, "UTC"))}
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")

    (chunk,) = opened(tmp_path / "c.parquet", CONFIRMATION)

    assert chunk.rows.event_ms.tolist() == [-1]


def test_times_without_a_zone_are_warned_of_once(tmp_path: Path) -> None:
    columns = {"device_id": ["D1"] * 3, "event_time": pa.array([0] * 3, pa.timestamp("ms"))}
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    file = opened(tmp_path / "c.parquet", CONFIRMATION)

    assert reasons_of(file) == ["bad_time"] * 3
    (warning,) = file.warnings()
    assert "event_time" in warning
