"""Whole files: which can be opened at all, where they break off, and what is told about them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stream_rows import opened, reasons_of, written

from pipeline.errors import InputError
from pipeline.ping import CONFIRMATION, PING

T = "2025-07-14T02:00:00.000Z"
ROW = f'{{"device_id": "D1", "event_time": "{T}"}}'


@pytest.mark.parametrize(
    ("name", "content", "kind", "told"),
    [
        ("p.txt", "", PING, "expected a name ending in .parquet, .ndjson, .csv"),
        ("p.json", "", PING, "unknown kind of file"),
        ("missing.ndjson", None, PING, "cannot be read"),
        ("missing.csv", None, PING, "cannot be read"),
        ("missing.parquet", None, PING, "cannot be read"),
        ("p.csv", "", PING, "expected a header"),
        ("p.csv", "\n \n", PING, "expected a header"),
        ("p.csv", "device_id,event_time,lon\n", PING, "no column lat"),
        ("c.csv", "device_id\n", CONFIRMATION, "no column event_time"),
        ("p.csv", "device_id,event_time,lon,lat,lon\n", PING, "column lon twice"),
        ("p.csv", b"device_id,event_time,lon,lat,\xff\n", PING, "unreadable header"),
        ("p.csv", 'device_id,event_time,lon,"lat\n', PING, "unreadable header"),
        ("p.parquet", "", PING, "cannot be read as Parquet"),
        ("p.parquet", "device_id", PING, "cannot be read as Parquet"),
    ],
)
def test_wrong_files(name: str, content: bytes | str | None, kind: int, told: str, tmp_path: Path) -> None:
    if content is not None:
        written(tmp_path / name, content)

    with pytest.raises(InputError, match=told) as raised:
        opened(tmp_path / name, kind)

    assert str(tmp_path / name) in str(raised.value)


def test_parquet_without_a_required_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"device_id": ["D1"], "event_time": [T], "lat": [None]}), tmp_path / "p.parquet")

    with pytest.raises(InputError, match=r"no column lon; expected device_id, event_time, lon, lat"):
        opened(tmp_path / "p.parquet")
    assert reasons_of(opened(tmp_path / "p.parquet", CONFIRMATION)) == ["ok"]


def test_parquet_that_breaks_off_inside(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    columns = {"device_id": [f"D{n}" for n in range(5000)], "event_time": [T] * 5000, "lon": [1.0] * 5000}
    pq.write_table(pa.table(columns | {"lat": [1.0] * 5000}), path, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(2000) + whole[2004:])

    with pytest.raises(InputError, match="broken after row 0"):
        list(opened(path))


def test_files_without_rows(tmp_path: Path) -> None:
    written(tmp_path / "p.ndjson", "")
    written(tmp_path / "blank.ndjson", "\n \r\n\t\n")
    written(tmp_path / "p.csv", "device_id,event_time,lon,lat")
    columns = {name: pa.array([], pa.string()) for name in ("device_id", "event_time")}
    columns |= {name: pa.array([], pa.float64()) for name in ("lon", "lat")}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")

    for name in ("p.ndjson", "blank.ndjson", "p.csv", "p.parquet"):
        file = opened(tmp_path / name)
        assert list(file) == []
        assert file.rows_read == 0
        assert file.warnings() == []


@pytest.mark.parametrize(
    ("ends", "reasons"),
    [
        (ROW, ["ok", "ok"]),  # no newline at the end
        (ROW[:-1], ["ok", "malformed"]),  # cut off in the last line
        (ROW[:20], ["ok", "malformed"]),
        ("", ["ok"]),
    ],
)
def test_the_last_line(ends: str, reasons: list[str], tmp_path: Path) -> None:
    assert reasons_of(opened(written(tmp_path / "p.ndjson", f"{ROW}\n{ends}"))) == reasons


def test_blank_lines_are_no_rows_and_a_mark_at_the_start_is_no_text(tmp_path: Path) -> None:
    ndjson = written(tmp_path / "p.ndjson", f"\ufeff{ROW}\r\n\r\n  \n[]\n\n{ROW}")
    table = written(
        tmp_path / "p.csv", f"\ufeff device_id ,event_time,lon,lat\r\n\r\nD1,{T},,\r\n \r\nD1\r\n"
    )

    (chunk,) = opened(ndjson)
    assert [chunk.raw(row) for row in range(len(chunk))] == [ROW, "[]", ROW]
    (chunk,) = opened(table)
    assert [chunk.raw(row) for row in range(len(chunk))] == [f"D1,{T},,", "D1"]
    assert chunk.rows.reason.tolist() == [0, 1]


def test_columns_in_any_order(tmp_path: Path) -> None:
    written(tmp_path / "p.csv", f"lat,accuracy_m,lon,event_time,device_id\n29.6,,106.5,{T},D2\n")

    (chunk,) = opened(tmp_path / "p.csv")

    rows = chunk.rows
    assert (rows.lon.item(), rows.lat.item(), rows.device.item(), rows.reason.item()) == (106.5, 29.6, 1, 0)


def test_unknown_columns_are_told_once_with_the_rows_that_have_them(tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW[:-1] + ', "height": 3, "a\\"b": 1}',
        ROW[:-1] + ', "height": {"m": 3}}',
        ROW[:-1] + ', "height": 1',
    ]
    ndjson = opened(written(tmp_path / "p.ndjson", "\n".join(rows)), chunk_rows=2)
    table = opened(
        written(tmp_path / "p.csv", f"device_id,event_time,lon,lat,height,\nD1,{T},,,1,2\nD1,{T},,,,\n")
    )
    columns = {"device_id": ["D1"], "event_time": [T], "lon": [1.0], "lat": [1.0], "height": [1]}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    parquet = opened(tmp_path / "p.parquet")

    assert reasons_of(ndjson) == ["ok", "ok", "ok", "malformed"]
    assert reasons_of(table) == ["ok", "ok"]
    assert reasons_of(parquet) == ["ok"]

    assert [line.split(": ", 1)[1] for line in ndjson.warnings()] == [
        "unknown column 'a\"b' in 1 rows, not used",
        "unknown column 'height' in 2 rows, not used",
    ]
    assert [line.split(": ", 1)[1] for line in table.warnings() + table.warnings()] == [
        "unknown column '' in 2 rows, not used",
        "unknown column 'height' in 2 rows, not used",
    ] * 2
    assert [line.split(": ", 1)[1] for line in parquet.warnings()] == [
        "unknown column 'height' in 1 rows, not used"
    ]


def test_a_stream_that_invents_names_does_not_fill_the_memory(tmp_path: Path) -> None:
    rows = [ROW[:-1] + f', "x{n}": 1' + "}" for n in range(3000)]
    file = opened(written(tmp_path / "p.ndjson", "\n".join(rows)))

    assert reasons_of(file) == ["ok"] * 3000
    assert len(file.warnings()) == 51


@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 1000])
def test_progress_and_row_numbers(chunk_rows: int, tmp_path: Path) -> None:
    file = opened(written(tmp_path / "p.ndjson", f"{ROW}\n" * 5), chunk_rows=chunk_rows)

    numbers = [chunk.first_row + place for chunk in file for place in range(len(chunk))]

    assert numbers == [1, 2, 3, 4, 5]
    assert (file.bytes_read, file.rows_read) == (file.bytes_total, 5)
