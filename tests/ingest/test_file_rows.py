"""Files as rows of the log: nothing is lost on the way, whatever the format, pieces and refused rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from console_world import NOW_MS, ping

from pipeline.errors import InputError
from pipeline.ingest import file_rows
from pipeline.ingest.file_rows import FileRows, PieceReader
from pipeline.log.journal import Journal
from pipeline.log.rows import RowDecoder, row_span
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import REASONS, Challenges, DeviceIds, open_stream
from pipeline.reading.raw_batch import RawBatch
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.stream.intake import Intake
from sinks.alert import instant_text

DEVICES = DeviceIds(("D1", "D2"))
HORIZON_MS = 7 * 24 * 3_600_000
AHEAD, LATE = instant_text(NOW_MS + 300_001), instant_text(NOW_MS - HORIZON_MS - 1)

#: Rows with what a file says of them once they have arrived.
ROWS: list[tuple[dict[str, Any], str]] = [
    (ping(battery_pct=87.0, charging=True, app_version="1.2", speed_mps=0.1), ""),
    (ping("D9"), "unknown_device"),
    (ping("D2", minutes_ago=1, source="wifi", accuracy_m=12.5, crs="gcj02"), ""),
    (ping(lat=91.0), "bad_coordinates"),
    (ping(lon=None, lat=None, minutes_ago=2, operator="电信, 移动"), ""),
    (ping(accuracy_m=-1.0), "bad_value"),
    (ping(event_time=AHEAD), "bad_time"),
    (ping(event_time=AHEAD, lat=91.0), "bad_time"),
    (ping(event_time=LATE), "too_late"),
    (ping("D2", minutes_ago=3, arrival_time=LATE), ""),
]
GOOD = [row for row, reason in ROWS if not reason]
NAMES = list(dict.fromkeys(name for row, _ in ROWS for name in row))


def as_ndjson(path: Path) -> None:
    path.write_text("\n".join(json.dumps(row) for row, _ in ROWS))


def as_csv(path: Path) -> None:
    lines = [",".join(NAMES), *(",".join(map(cell, (row.get(name) for name in NAMES))) for row, _ in ROWS)]
    path.write_text("\r\n".join(lines))


def cell(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f'"{text}"' if "," in text else text


def as_parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in NAMES} for row, _ in ROWS]), path)


def pieces(path: Path, after_row: int = 0, kind: int = PING) -> list[FileRows]:
    challenges = Challenges()
    stream = open_stream(path, kind=kind, number=0, devices=DEVICES, challenges=challenges, chunk_rows=4)
    return list(PieceReader(stream, DEVICES, challenges).after(after_row))


def logged(directory: Path, found: list[FileRows]) -> RawBatch:
    """The rows as the engine reads them back."""
    with Journal(directory / "journal") as journal:
        for rows in found:
            journal.append(rows.at(NOW_MS, HORIZON_MS).entries("pings.x", NOW_MS))
        return RowDecoder(DEVICES, Challenges()).batch(journal.reader().poll())


@pytest.mark.parametrize("write", [as_ndjson, as_csv, as_parquet])
@pytest.mark.parametrize("piece_bytes", [1 << 20, 300])
def test_a_file_stands_in_the_log_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any, piece_bytes: int
) -> None:
    monkeypatch.setattr(file_rows, "_PIECE_BYTES_MOST", piece_bytes)
    path = tmp_path / f"pings.{write.__name__[3:]}"
    write(path)
    batch = logged(tmp_path, pieces(path))
    assert [REASONS[code] for code in batch.rows.reason] == [reason for _, reason in ROWS]
    assert batch.row.tolist() == list(range(1, len(ROWS) + 1))
    assert {batch.names[file] for file in batch.file.tolist()} == {"pings.x"}
    stood = [json.loads(batch.raw(row)) for row in np.flatnonzero(batch.rows.reason == 0).tolist()]
    for row, sent in zip(stood, GOOD, strict=True):
        assert row.pop("arrival_time") == "2025-07-14 04:00:00.000Z"
        want = {name: value for name, value in sent.items() if name not in ("event_time", "arrival_time")}
        assert {name: row.get(name) for name in want} == want
    texts = path.read_text().splitlines()[write is as_csv :] if write is not as_parquet else []
    for place, text in enumerate(texts):
        assert batch.rows.reason[place] == 0 or batch.raw(place) == text


def test_the_engine_counts_and_tells_what_was_refused(tmp_path: Path) -> None:
    as_ndjson(tmp_path / "pings.ndjson")
    intake = Intake(Policies(Policy()), Challenges())
    result = intake.ingest(logged(tmp_path, pieces(tmp_path / "pings.ndjson")))
    assert (intake.read, intake.accepted) == (len(ROWS), len(GOOD))
    told = [(reject.file, reject.row, reject.reason) for reject in result.rejects]
    assert told == [("pings.x", row, reason) for row, (_, reason) in enumerate(ROWS, 1) if reason]


@pytest.mark.parametrize("after_row", [0, 1, 3, 4, 7, 9, 10])
def test_a_file_is_read_on_from_any_row(tmp_path: Path, after_row: int) -> None:
    as_csv(tmp_path / "pings.csv")
    found = pieces(tmp_path / "pings.csv", after_row)
    numbers = [rows.first_row + place for rows in found for place in range(len(rows))]
    assert numbers == list(range(after_row + 1, len(ROWS) + 1))


def test_a_record_says_whose_rows_it_holds(tmp_path: Path) -> None:
    as_csv(tmp_path / "pings.csv")
    _, second, _ = pieces(tmp_path / "pings.csv")
    with Journal(tmp_path / "journal") as journal:
        journal.append(second.entries("pings.csv", NOW_MS))
        (record,) = journal.reader().poll()
    assert row_span(record) == ("pings.csv", 5, 4)


def test_a_row_that_fits_into_no_record_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_rows, "_PIECE_BYTES_MOST", 100_000)
    (tmp_path / "pings.ndjson").write_text(json.dumps(ping(fingerprint="x" * 200_000)))
    with pytest.raises(InputError, match=r"row 1 has \d+ bytes"):
        pieces(tmp_path / "pings.ndjson")


def test_text_that_is_no_unicode_gets_signs_in_its_place(tmp_path: Path) -> None:
    line = json.dumps(ping(operator="x", challenge_id="y", face_ok=True))
    (tmp_path / "pings.ndjson").write_text(line.replace('"x"', '"x\\ud800"'))
    (tmp_path / "confirmations.ndjson").write_text(line.replace('"y"', '"y\\ud800"'))
    letters = pa.array([b"x\xff"], pa.binary()).view(pa.string())
    table = pa.Table.from_pylist([ping()]).append_column("operator", letters)
    pq.write_table(table, tmp_path / "pings.parquet")
    for name, kind, column in (
        ("pings.ndjson", PING, "operator"),
        ("pings.parquet", PING, "operator"),
        ("confirmations.ndjson", CONFIRMATION, "challenge_id"),
    ):
        (rows,) = pieces(tmp_path / name, kind=kind)
        assert not rows.reason.any()
        assert rows.batch[column].to_pylist()[0][1:] == "\ufffd"


def test_odd_types_of_parquet_are_kept_as_the_log_has_them(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([ping(), ping(minutes_ago=1)])
    odd = {
        "battery_pct": pa.array([87, None], pa.int8()),
        "rssi_dbm": pa.array(["-7.50", None]).cast(pa.decimal128(5, 2)),
        "operator": pa.array(["a", "b"]).dictionary_encode(),
        "fingerprint": pa.array(["a", None], pa.large_string()),
        "speed_mps": pa.array([None, None], pa.list_(pa.int8())),
    }
    for name, column in odd.items():
        table = table.append_column(name, column)
    pq.write_table(table, tmp_path / "pings.parquet")
    (rows,) = pieces(tmp_path / "pings.parquet")
    kept = rows.batch.select(["battery_pct", "rssi_dbm", "operator", "fingerprint"]).to_pylist()
    assert [list(row.values()) for row in kept] == [[87.0, -7.5, "a", "a"], [None, None, "b", None]]
    assert "speed_mps" not in rows.batch.schema.names


@pytest.mark.parametrize("twice", ['"charging":"x","charging":true', '"charging":true,"charging":"x"'])
def test_a_name_given_twice_spoils_no_file(tmp_path: Path, twice: str) -> None:
    line = json.dumps(ping()).replace("}", f",{twice}}}")
    (tmp_path / "pings.ndjson").write_text(f"{line}\n{json.dumps(ping(minutes_ago=1))}")
    (rows,) = pieces(tmp_path / "pings.ndjson")
    assert rows.reason[1] == 0
