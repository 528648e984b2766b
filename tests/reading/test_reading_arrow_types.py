"""Columns of every type that Arrow has: each row is judged or rejected with its text, and none ends a run."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from minimal_site import write_site
from replay.command_line import invoked

from pipeline.columns import columns_of
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading.arrow_cells import ArrowRows
from pipeline.reading.arrow_text import row_text
from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.rows import REASONS

#: Ticks of a plain day, of a year that no date can have, and none.
TICKS = pa.array([1_752_451_200, 2**62, None], pa.int64())
NO_UTF8 = pa.array([b"D\xff1", b"D1", None], pa.binary())
SHORT = pa.array([0, 2**31 - 1, None], pa.int32())
UNITS, ZONES = ("s", "ms", "us", "ns"), (None, "UTC", "Asia/Shanghai", "+08:00", "tzutc()", "Mars/Olympus")
#: The instant of each unit's ticks that is told as a date.
NAMED = pa.array([0, None], pa.int64()).view(pa.timestamp("us", "Mars/Olympus"))


def text_types() -> list[pa.Array]:
    kinds = [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
    ]
    plain = [NO_UTF8.view(pa.string()).cast(kind) for kind in kinds]
    return [*plain, *(column.dictionary_encode() for column in plain[:2]),
            pa.array([b"D\xff", None], pa.binary(2))]  # fmt: skip


def numbers() -> list[pa.Array]:
    names = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    whole = [pa.array([1, None], getattr(pa, name)()) for name in names]
    floats = [pa.array([1.5, float("nan"), float("inf"), None], getattr(pa, f"float{bits}")())
              for bits in (32, 64)]  # fmt: skip
    decimals = [pa.array([Decimal("1.5"), None], getattr(pa, f"decimal{bits}")(5, 2))
                for bits in (32, 64, 128, 256)]  # fmt: skip
    huge = [pa.array([2**64 - 1], pa.uint64()), pa.array([Decimal("9" * 76)], pa.decimal256(76, 0))]
    return [*whole, *floats, floats[1].cast(pa.float16()), *decimals, *huge, pa.array([True, None])]


def times() -> list[pa.Array]:
    stamps = [TICKS.view(pa.timestamp(unit, zone)) for unit in UNITS for zone in ZONES]
    spans = [TICKS.view(pa.duration(unit)) for unit in UNITS]
    days = [SHORT.view(pa.date32()), TICKS.view(pa.date64()), SHORT.view(pa.time32("s"))]
    days += [SHORT.view(pa.time32("ms")), TICKS.view(pa.time64("us")), TICKS.view(pa.time64("ns"))]
    return [*stamps, *spans, *days, pa.array([(1, 2, 3), None], pa.month_day_nano_interval())]


def nested() -> list[pa.Array]:
    byte = pa.int8()
    lists = [pa.list_(byte), pa.large_list(byte), pa.list_view(byte), pa.large_list_view(byte)]
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    kinds, places = pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32())
    return [
        *(pa.array([[1, None], None, []], kind) for kind in lists),
        pa.array([[1, 2], None], pa.list_(byte, 2)),
        pa.array([[("k", 1)], None], pa.map_(pa.string(), byte)),
        pa.array([{"a": 1, "b": float("nan")}, None]),
        twice,
        pa.StructArray.from_arrays([TICKS.view(pa.timestamp("s", "Mars/Olympus"))], names=["at"]),
        pa.UnionArray.from_sparse(kinds, [pa.array([1, 2]), pa.array(["x", "y"])]),
        pa.UnionArray.from_dense(kinds, places, [pa.array([1]), pa.array([None], pa.string())]),
    ]


def wrapped() -> list[pa.Array]:
    ends = pa.array([2, 3], pa.int32())
    structs = pa.array([{"a": 1}, {"a": 2}])
    storage = {
        pa.uuid(): pa.array([b"0" * 16, None], pa.binary(16)),
        pa.json_(): pa.array(['{"a":1}', None]),
        pa.bool8(): pa.array([1, None], byte := pa.int8()),
        pa.opaque(byte, "of", "somebody"): pa.array([1], byte),
        pa.fixed_shape_tensor(byte, [2]): pa.array([[1, 2]], pa.list_(byte, 2)),
    }
    return [
        pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), pa.array(["D1", None])),
        pa.DictionaryArray.from_arrays(pa.array([0, 1]), structs),
        pa.RunEndEncodedArray.from_arrays(ends, pa.array(["D1", None])),
        pa.RunEndEncodedArray.from_arrays(ends, NAMED),
        *(pa.ExtensionArray.from_storage(kind, column) for kind, column in storage.items()),
        pa.nulls(2),
    ]


COLUMNS = [*text_types(), *numbers(), *times(), *nested(), *wrapped()]


def test_no_type_is_left_out() -> None:
    """Of Arrow's types Python can make all but two kinds of interval."""
    every = {value for name, value in vars(pa.lib).items() if name.startswith("Type_")}
    missing = every - {column.type.id for column in COLUMNS}
    assert missing <= {pa.lib.Type_INTERVAL_MONTHS, getattr(pa.lib, "Type_INTERVAL_DAY_TIME", -1)}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type))
def test_a_row_has_its_text(column: pa.Array) -> None:
    batch = pa.record_batch([column, pa.array(range(len(column)))], names=["odd", "row"])
    for row in range(len(batch)):
        found = json.loads(row_text(batch, row), parse_constant=_no_json)
        assert found["row"] == row
        assert (found["odd"] is None) == (not _valid(column, row))
        assert found["odd"] != f"({column.type})", "told as its type only where nothing else can be told"


def _no_json(name: str) -> None:
    pytest.fail(f"{name} is no JSON")


def _valid(column: pa.Array, row: int) -> bool:
    scalar = column[row]
    if isinstance(scalar, pa.DictionaryScalar | pa.UnionScalar):
        return scalar.value is not None and scalar.value.is_valid
    if isinstance(column, pa.RunEndEncodedArray):
        return _valid(column.values, column.find_physical_offset() + (row >= column.run_ends[0].as_py()))
    return bool(scalar.is_valid)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type))
def test_a_column_of_any_type_in_any_place(column: pa.Array) -> None:
    """One reason per row or none, never an exception; what holds no text is no device, and so on."""
    for kind in (PING, CONFIRMATION):
        for name, content in columns_of(kind).items():
            rows = ArrowRows(len(column), DeviceIds(["D1"]), Challenges())
            for other, sound in _sound(len(column)).items():
                if other != name:
                    rows.put(columns_of(kind)[other], sound)
            rows.put(content, column)
            reasons = {REASONS[reason] for reason in rows.checked().reason.tolist()}
            assert reasons <= _EXPECTED.get(name, {"", "bad_value"}), name


_EXPECTED = {
    "device_id": {"", "malformed", "unknown_device"},
    "event_time": {"", "bad_time"},
    "arrival_time": {"", "bad_time"},
    "lon": {"", "malformed", "bad_coordinates"},
    "lat": {"", "malformed", "bad_coordinates"},
}


def _sound(rows: int) -> dict[str, pa.Array]:
    texts = {"device_id": "D1", "event_time": "2025-07-14T00:00:00Z"}
    return {name: pa.array([value] * rows) for name, value in {**texts, "lon": 106.5, "lat": 29.5}.items()}


@pytest.mark.parametrize("zone", ["tzutc()", "Mars/Olympus", "+08:00", "Asia/Shanghai"])
def test_a_zone_that_nobody_knows_moves_no_instant(
    zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow keeps times with a zone in UTC; the zone is only how to show them."""
    micros = [1_752_451_200_000_000, 1_752_451_260_000_000, 1_752_451_320_000_000]
    found = replayed(tmp_path, monkeypatch, {
        "device_id": pa.array(["D1", "D9", "D1"]),
        "event_time": pa.array(micros, pa.int64()).view(pa.timestamp("us", zone)),
        "lon": pa.array([106.5, 106.5, 406.5]),
        "lat": pa.array([29.5, 29.5, 29.5]),
    })  # fmt: skip
    assert found["summary"]["start"] == "2025-07-14T00:00:00.000Z"
    assert [line["reason"] for line in found["rejects"]] == ["unknown_device", "bad_coordinates"]
    assert all("2025-07-14 0" in json.loads(line["raw"])["event_time"] for line in found["rejects"])


@pytest.mark.parametrize(
    "kind", ["string", "large_string", "string_view", "binary", "large_binary", "dictionary"]
)
def test_text_that_is_no_unicode(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is rejected with replacement signs, or judged where only an unjudged column has such text."""

    def text(*values: bytes) -> pa.Array:
        column = pa.array(values, pa.binary()).view(pa.string())
        return column.dictionary_encode() if kind == "dictionary" else column.cast(getattr(pa, kind)())

    at = b"2025-07-14T00:00:00Z"
    found = replayed(tmp_path, monkeypatch, {
        "device_id": text(b"D1", b"D\xff\xfe1", b"D1", b"D1"),
        "event_time": text(at, at, b"2025\xff", b"2025-07-14T00:00:01Z"),
        "lon": pa.array([106.5] * 4),
        "lat": pa.array([29.5] * 4),
        "operator": text(b"\xe4\xb8\xad", b"x", b"x", b"\xff\xfe"),
    })  # fmt: skip
    assert [(line["row"], line["reason"]) for line in found["rejects"]] == [
        (2, "unknown_device"), (3, "bad_time"),
    ]  # fmt: skip
    assert json.loads(found["rejects"][0]["raw"])["device_id"] == "D\ufffd\ufffd1"
    assert json.loads(found["rejects"][1]["raw"])["event_time"] == "2025\ufffd"
    assert found["summary"]["accepted"] == 2


def replayed(folder: Path, monkeypatch: pytest.MonkeyPatch, columns: dict[str, pa.Array]) -> dict[str, Any]:
    """The summary and the rejects of a Parquet file of these columns."""
    monkeypatch.chdir(folder)
    (folder / "site").mkdir()
    write_site(folder / "site")
    pq.write_table(pa.table(columns), "odd.parquet")
    done = invoked("replay", "--site", "site", "--pings", "odd.parquet", "--alerts", "a", "--rejects", "r",
                   "--json")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    rejects = [json.loads(line) for line in Path("r").read_text(encoding="utf-8").splitlines()]
    assert summary["rows"] == summary["accepted"] + len(rejects)
    return {"summary": summary, "rejects": rejects}
