"""Dirty recordings through the command: every row is accounted for, and nothing ends in a traceback."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from minimal_site import write_site
from replay.command_line import invoked

from geofences.instant import instant_ms
from pipeline.reference import read_rows
from pipeline.sites.load import load_site
from sinks.alert import instant_text

NAN = float("nan")
T0, T1, T2 = (f"2025-07-14T02:00:0{second}.000Z" for second in range(3))
LATER = "2025-07-14T02:20:00.000Z"

#: device, event_time, lon, lat, what else; the reason ("" is accepted), why.
ROWS: list[tuple[str | None, str | None, float | None, float | None, dict[str, Any], str, str]] = [
    ("D1", T0, 106.5, 29.6, {}, "", "a sound row"),
    ("D9", T0, 106.5, 29.6, {}, "unknown_device", "nobody's device"),
    ("D9", None, 200.0, 29.6, {}, "unknown_device", "the first reason that holds, not the worst"),
    (None, T0, 106.5, 29.6, {}, "malformed", "no device"),
    ("", T0, 106.5, 29.6, {}, "malformed", "an empty device"),
    ("D1", "1901-12-13T20:45:52.000Z", 106.5, 29.6, {}, "bad_time", "the least 32-bit second"),
    ("D1", "1970-01-01T00:00:00.000Z", 106.5, 29.6, {}, "bad_time", "a clock that was never set"),
    ("D1", None, 106.5, 29.6, {}, "bad_time", "no time"),
    ("D1", LATER, 106.5, 29.6, {"arrival_time": T1}, "bad_time", "twenty minutes before it was made"),
    ("D1", T1, NAN, 29.6, {}, "bad_coordinates", "no number"),
    ("D1", T1, 106.5, float("inf"), {}, "bad_coordinates", "no end"),
    ("D1", T1, 106.5, 91.0, {}, "bad_coordinates", "beyond the pole"),
    ("D1", T1, 29.6, 106.5, {}, "bad_coordinates", "swapped columns"),
    ("D1", T1, None, 29.6, {}, "bad_coordinates", "half a position"),
    ("D1", T1, 106.5, 29.6, {"accuracy_m": -1.0}, "bad_value", "an impossible accuracy"),
    ("D1", T1, 106.5, 29.6, {"accuracy_m": NAN}, "bad_value", "an accuracy that is no number"),
    ("D1", T1, 106.5, 29.6, {"source": "sonar"}, "bad_value", "an unknown source"),
    ("D1", T1, 106.5, 29.6, {"crs": "mars"}, "bad_value", "an unknown system"),
    ("D1", T0, 106.5, 29.6, {"arrival_time": T1, "accuracy_m": 9.0}, "duplicate", "sent again"),
    ("D1", T1, None, None, {}, "", "a heartbeat"),
    ("D1", T1, None, None, {"arrival_time": T2}, "duplicate", "the heartbeat again"),
    ("D2", T1, 106.5, 29.6, {"arrival_time": T2, "accuracy_m": 9.0, "source": "wifi"}, "", "another's"),
    ("D1", "2025-07-07T02:00:01.000Z", 106.5, 29.6, {"arrival_time": T2}, "too_late", "a week old"),
]
COLUMNS = ("device_id", "event_time", "arrival_time", "lon", "lat", "accuracy_m", "source", "crs")
Record = dict[str, Any]


def records() -> list[Record]:
    named = ({"device_id": d, "event_time": t, "lon": x, "lat": y, **more} for d, t, x, y, more, _, _ in ROWS)
    return [{name: row.get(name) for name in COLUMNS} for row in named]


def write_ndjson(rows: list[Record], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows).replace("\n", "\n\n", 1))


def write_csv(rows: list[Record], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(rows: list[Record], path: Path) -> None:
    table = pl.DataFrame(
        rows, schema=dict.fromkeys(COLUMNS, pl.String) | dict.fromkeys(COLUMNS[3:6], pl.Float64)
    )
    times = pl.col("event_time", "arrival_time").str.to_datetime(time_unit="ms", time_zone="UTC")
    table.with_columns(times).write_parquet(path)


WRITERS: dict[str, Callable[[list[Record], Path], None]] = {
    "ndjson": write_ndjson, "csv": write_csv, "parquet": write_parquet,
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITERS)
def test_every_row_has_its_reason(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    site, pings = site_in(tmp_path), Path(f"pings.{kind}")
    WRITERS[kind](records(), pings)
    summary, rejects = replayed(site, pings)
    expected = [(number, reason) for number, (*_, reason, _) in enumerate(ROWS, start=1) if reason]
    assert [(line["row"], line["reason"]) for line in rejects] == expected
    assert {line["file"] for line in rejects} == {str(pings)}
    assert summary["rows"] == len(ROWS)
    assert summary["rejected"] == Counter(reason for _, reason in expected)
    assert summary["accepted"] == len(ROWS) - len(expected)
    by_reference = read_rows(load_site(site), [pings])[1]
    assert [(str(pings), *row) for row in expected] == by_reference


def site_in(folder: Path) -> Path:
    site = folder / "site"
    site.mkdir()
    return write_site(site)


def replayed(site: Path, *pings: Path) -> tuple[Record, list[Record]]:
    """Summary and rejects, whose lines have their keys in order."""
    done = invoked("replay", "--site", site, "--pings", *pings, "--alerts", "a", "--rejects", "r", "--json")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in Path("r").read_text(encoding="utf-8").splitlines()]
    assert all(list(line) == ["file", "row", "reason", "raw"] for line in lines)
    return json.loads(done.stdout), lines


def test_lines_are_kept_as_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ndjson = ["[1, 2]", '"D1"', '{"device_id": "D1", "event', '{"device_id": 7}', "\ufffd张三"]
    (tmp_path / "a.ndjson").write_text("\n\n".join(ndjson), encoding="utf-8")
    (tmp_path / "b.csv").write_text(
        f'device_id,event_time,lon,lat\nD1,{T0},east,29.6\n\nD1,{T0}\n"D1,', "utf-8"
    )
    summary, rejects = replayed(site_in(tmp_path), Path("a.ndjson"), Path("b.csv"))
    assert [(line["file"], line["row"], line["reason"]) for line in rejects] == [
        *(("a.ndjson", number, "malformed") for number in range(1, 6)),
        ("b.csv", 1, "bad_coordinates"),
        ("b.csv", 2, "malformed"),
        ("b.csv", 3, "malformed"),
    ]
    assert [line["raw"] for line in rejects[:5]] == ndjson
    assert [line["raw"] for line in rejects[5:7]] == [f"D1,{T0},east,29.6", f"D1,{T0}"]
    assert (summary["accepted"], summary["rows"], summary["start"], summary["until"]) == (0, 8, None, None)
    assert Path("a").read_bytes() == b""


def _directory(path: Path) -> None:
    path.mkdir()


def _text(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text(text)

    return make


def _half_parquet(path: Path) -> None:
    write_parquet(records(), path)
    path.write_bytes(path.read_bytes()[:-100])


def _table(**columns: list[Any]) -> Callable[[Path], None]:
    return lambda path: pl.DataFrame(columns).write_parquet(path)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("no.ndjson", lambda path: None, "no.ndjson"),
        ("folder.ndjson", _directory, "folder.ndjson"),
        ("folder.parquet", _directory, "folder.parquet"),
        ("text.parquet", _text("device_id,event_time\n"), "text.parquet"),
        ("nothing.parquet", _text(""), "nothing.parquet"),
        ("half.parquet", _half_parquet, "half.parquet"),
        ("pings.xlsx", _text("x"), "pings.xlsx"),
        (
            "few.parquet",
            _table(device_id=["D1"], event_time=[datetime(2025, 7, 14, tzinfo=UTC)], lon=[1.0]),
            "lat",
        ),
        ("few.csv", _text(f"device_id,event_time,lon\nD1,{T0},106.5\n"), "lat"),
        ("twice.csv", _text(f"device_id,event_time,lon,lat,lat\nD1,{T0},106.5,1,2\n"), "lat"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    name: str, make: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    out = tmp_path / "alerts.ndjson"
    done = invoked("replay", "--site", site_in(tmp_path), "--pings", path, "--alerts", out)
    assert done.exit_code == 2
    assert name in done.stderr
    assert said in done.stderr.replace(str(path), name)
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [("empty.ndjson", ""), ("blank.ndjson", "\n \n\n"), ("bare.csv", "device_id,event_time,lon,lat\n")],
)
def test_a_file_without_rows_gives_no_alerts(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    summary, rejects = replayed(site_in(tmp_path), Path(name))
    assert (summary["rows"], summary["alerts"], summary["start"], rejects) == (0, {}, None, [])


def test_columns_of_senseless_types_are_rejected_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _table(device_id=["D1", "D1"], event_time=[1, None], lon=[1.0, 2.0], lat=[{"a": 1}, None])(
        Path("odd.parquet")
    )
    summary, rejects = replayed(site_in(tmp_path), Path("odd.parquet"))
    assert (summary["rows"], summary["accepted"], len(rejects)) == (2, 0, 2)


def test_unknown_columns_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"device_id": "D1", "event_time": instant_text(instant_ms(T0) + n), "mood": n} for n in range(50)]
    Path("pings.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    site = site_in(tmp_path)
    done = invoked("replay", "--site", site, "--pings", "pings.ndjson", "--alerts", "a", "--json")
    told = [line for line in done.stderr.splitlines() if "mood" in line]
    assert (done.exit_code, len(told)) == (0, 1)
    assert "50" in told[0]
