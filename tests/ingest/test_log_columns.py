"""What the log gets of a body does not depend on how many rows came together."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import bodies
from pipeline.ingest.bodies import received
from pipeline.ingest.log_columns import FEW_ROWS
from pipeline.log.rows import rows_entry
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


def batch_of(body: bytes, kind: int, few_most: int = FEW_ROWS) -> tuple[list[int], pa.RecordBatch]:
    """The reasons of all rows, and the usable ones as columns."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bodies, "FEW_ROWS", few_most)
        rows = received(body, kind, DEVICES, own=None, is_ndjson=True)
    return rows.reason.tolist(), rows.batch


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=ROWS, is_ascii=st.booleans())
def test_few_rows_and_many_make_the_same(case: tuple[int, list[dict[str, Any]]], is_ascii: bool) -> None:
    kind, rows = case
    text = "\n".join(json.dumps(row, ensure_ascii=is_ascii) for row in rows)
    body = text.encode(errors="surrogatepass")
    few_reasons, few = batch_of(body, kind, len(rows))
    many_reasons, many = batch_of(body, kind, 0)
    assert few_reasons == many_reasons
    assert few.schema == many.schema
    assert few.equals(many)
    alone = [batch_of(line, kind, 1) for line in body.split(b"\n")]
    assert [reason for reasons, _ in alone for reason in reasons] == few_reasons, "each is what it is alone"
    for name in few.schema.names:
        cells = [
            one[name].to_pylist() if name in one.schema.names else [None] for _, one in alone if len(one)
        ]
        assert [cell for row in cells for cell in row] == few[name].to_pylist()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=ROWS)
def test_cells_are_those_that_json_finds(case: tuple[int, list[dict[str, Any]]]) -> None:
    kind, rows = case
    body = "\n".join(json.dumps(row) for row in rows).encode()
    reasons, batch = batch_of(body, kind)
    usable = [row for row, reason in zip(rows, reasons, strict=True) if reason == 0]
    assert len(batch) == len(usable)
    for name in {"battery_pct", "worn", "operator", "challenge_id", "device_id"} & set(batch.schema.names):
        assert batch[name].to_pylist() == [row.get(name) for row in usable]


def test_a_column_that_no_row_has_is_not_in_the_log() -> None:
    line = b'{"device_id":"D1","event_time":"2025-07-14T04:00:00Z","lon":1,"lat":2,"worn":null}'
    _, batch = batch_of(line, PING)
    assert b"worn" not in rows_entry(PING, batch, source="http", arrival_ms=NOON_MS).payload
