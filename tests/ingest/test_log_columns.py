"""What the log gets of a body does not depend on how many rows came together."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import bodies
from pipeline.ingest.bodies import FEW_ROWS, received
from pipeline.ingest.received import Received
from pipeline.log.record import Record
from pipeline.log.rows import cells_of
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading.device_ids import DeviceIds

DEVICES = DeviceIds(("D1", "张三-2"))
NOON_MS = 1_752_465_600_000
NUMBERS = st.one_of(st.none(), st.integers(-(10**20), 10**20), st.floats(-1e300, 1e300))
TRUTHS = st.sampled_from([None, True, False])
TEXTS = st.one_of(st.none(), st.text(max_size=4), st.just("\ud800"))
BOTH: dict[str, st.SearchStrategy[Any]] = {
    "device_id": st.sampled_from([*DEVICES.ids, "nobody"]),
    "event_time": st.sampled_from(["2025-07-14T04:00:00Z", "2025-07-14T04:00:00.123+08:00", "noon"]),
    "lon": st.floats(-180, 180),
    "lat": st.floats(-90, 90),
}
PINGS = st.fixed_dictionaries(
    BOTH,
    optional={
        "accuracy_m": st.floats(0, 100),
        "source": st.sampled_from(["gnss", "wifi", None]),
        "crs": st.sampled_from(["gcj02", None]),
        "battery_pct": NUMBERS,
        "worn": TRUTHS,
        "operator": TEXTS,
        "unheard_of": st.one_of(TRUTHS, st.just([1])),
    },
)
CONFIRMATIONS = st.fixed_dictionaries(BOTH, optional={"face_ok": TRUTHS, "challenge_id": TEXTS})
ROWS = st.one_of(
    st.tuples(st.just(PING), st.lists(PINGS, min_size=1, max_size=5)),
    st.tuples(st.just(CONFIRMATION), st.lists(CONFIRMATIONS, min_size=1, max_size=5)),
)


def rows_of(body: bytes, kind: int, few_most: int = FEW_ROWS) -> Received:
    """The rows of a body, which are few up to a number."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bodies, "FEW_ROWS", few_most)
        return received(body, kind, DEVICES, own=None, is_ndjson=True)


def logged(rows: Received) -> pa.RecordBatch | None:
    """What the log holds of them; None where none is usable."""
    found = rows.entries("http", NOON_MS)
    assert len(found) == (len(rows.usable) > 0)
    return cells_of(Record(0, found[0].kind, NOON_MS, found[0].payload)) if found else None


def cells_in(batch: pa.RecordBatch | None, name: str) -> list[Any]:
    """A column, all None where the log has no such column."""
    if batch is None:
        return []
    return batch[name].to_pylist() if name in batch.schema.names else [None] * len(batch)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=ROWS, is_ascii=st.booleans())
def test_few_rows_and_many_make_the_same(case: tuple[int, list[dict[str, Any]]], is_ascii: bool) -> None:
    kind, rows = case
    text = "\n".join(json.dumps(row, ensure_ascii=is_ascii) for row in rows)
    body = text.encode(errors="surrogatepass")
    few, many = rows_of(body, kind, len(rows)), rows_of(body, kind, 0)
    assert few.reason.tolist() == many.reason.tolist()
    assert few.event_ms.tolist() == many.event_ms.tolist()
    assert (few.lines, few.span_ms, len(few.usable)) == (many.lines, many.span_ms, len(many.usable))
    assert logged(few) == logged(many)
    early = {row.event_ms.min() for row in (few, many)}  # so that the arrival refuses some of them
    late_ms = int(early.pop()) + 1_000
    assert logged(few.at(late_ms, 500)) == logged(many.at(late_ms, 500))
    assert few.at(late_ms, 500).answer() == many.at(late_ms, 500).answer()
    alone = [rows_of(line, kind, 1) for line in body.split(b"\n")]
    assert [reason for one in alone for reason in one.reason] == few.reason.tolist(), (
        "each is what it is alone"
    )
    batch = logged(few)
    for name in () if batch is None else batch.schema.names:
        cells = [cell for one in alone for cell in cells_in(logged(one), name)]
        assert cells == cells_in(batch, name)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=ROWS)
def test_cells_are_those_that_json_finds(case: tuple[int, list[dict[str, Any]]]) -> None:
    kind, rows = case
    body = "\n".join(json.dumps(row) for row in rows).encode()
    found = rows_of(body, kind)
    usable = [row for row, reason in zip(rows, found.reason.tolist(), strict=True) if reason == 0]
    assert len(found.usable) == len(usable)
    for name in ("battery_pct", "worn", "operator", "challenge_id", "device_id"):
        assert cells_in(logged(found), name) == [row.get(name) for row in usable]


def test_a_column_that_no_row_has_is_not_in_the_log() -> None:
    line = b'{"device_id":"D1","event_time":"2025-07-14T04:00:00Z","lon":1,"lat":2,"worn":null}'
    for few_most in (0, 1):
        (entry,) = rows_of(line, PING, few_most).entries("http", NOON_MS)
        assert b"worn" not in entry.payload
