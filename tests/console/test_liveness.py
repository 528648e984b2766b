"""What `serve` sees of rows coming in and of the engine, from a log and the engine's own file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from console_world import MINUTE_MS, NOW_MS, World, console_world

from console.gazetteer import Gazetteer
from console.live_site import LiveSite
from console.liveness import Liveness, liveness_json
from console.rhythms import Reports
from pipeline.log.journal import clock_mark, start_mark
from pipeline.log.refused import with_refused
from pipeline.log.rows import rows_entry
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading.rows import REASONS, USABLE
from sinks.operations_log import OperationsLog
from sinks.run_metrics import RunMetrics

INSTANT = pa.timestamp("ms", "UTC")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    settings: dict[str, Any] = {
        "run_metrics": tmp_path / "run-metrics.json",
        "operations": OperationsLog(tmp_path / "operations.ndjson"),
    }
    with console_world(tmp_path, **settings) as world:
        world.journal.append([start_mark(NOW_MS)])
        yield world


@pytest.fixture
def live(world: World) -> Liveness:
    """Looked through by the test alone, without a thread."""
    return Liveness(world.parts, LiveSite(world.parts.site, Gazetteer()), None)


def rows(*devices: str) -> pa.RecordBatch:
    """Heartbeats, one a device."""
    stamps = pa.array([NOW_MS] * len(devices)).cast(INSTANT)
    columns = {"device_id": pa.array(devices), "event_time": stamps}
    empty = {name: pa.nulls(len(devices), pa.float64()) for name in ("lon", "lat")}
    return pa.RecordBatch.from_pydict({**columns, **empty})


def test_rows_in_the_log_are_reports(world: World, live: Liveness) -> None:
    """Heartbeats and confirmations count, strangers and refused rows do not; another office has its own."""
    world.journal.append([rows_entry(PING, rows("D1", "D9"), source="http", arrival_ms=NOW_MS + 5_000)])
    live.look(0.0)
    assert live.reports(["O1"]) == Reports(1, 0, NOW_MS + 5_000)
    assert live.reports(["O2"]) == Reports(1, 0, None)
    world.journal.append([rows_entry(CONFIRMATION, rows("D1"), source="http", arrival_ms=NOW_MS + 9_000)])
    live.look(0.5)
    assert live.reports(["O1"]).newest_ms == NOW_MS + 9_000
    refused = np.array([REASONS.index("bad_value"), USABLE], np.int8)
    batch = with_refused(rows("D1"), refused, ["a row of D1 that cannot be used", None])
    world.journal.append(
        [rows_entry(PING, batch, source="pings.csv", arrival_ms=NOW_MS + 11_000, first_row=1)]
    )
    live.look(1.0)
    assert live.reports(["O1"]).newest_ms == NOW_MS + 11_000


def test_a_gap_between_marks_is_nobodys_silence(world: World, live: Liveness) -> None:
    """A phone heard of at noon; nobody listened for five hours, and half an hour later it is not overdue."""
    world.journal.append([rows_entry(PING, rows("D1"), source="http", arrival_ms=NOW_MS)])
    world.journal.append([start_mark(NOW_MS + 300 * MINUTE_MS)])
    for minute in range(1, 31):
        world.journal.append([clock_mark(NOW_MS + (300 + minute) * MINUTE_MS)])
    live.look(0.0)
    assert live.reports(["O1"]) == Reports(1, 0, NOW_MS)
    for minute in range(31, 62):
        world.journal.append([clock_mark(NOW_MS + (300 + minute) * MINUTE_MS)])
    live.look(0.5)
    assert live.reports(["O1"]).overdue == 1


def test_a_log_that_cannot_be_read_leaves_the_rest_as_it_is(world: World, live: Liveness) -> None:
    world.journal.append([rows_entry(PING, rows("D1"), source="http", arrival_ms=NOW_MS)])
    live.look(0.0)
    (segment,) = [path for path in world.journal.directory.iterdir() if path.stat().st_size > 100]
    world.journal.append([rows_entry(PING, rows("D1"), source="http", arrival_ms=NOW_MS + 1_000)])
    content = bytearray(segment.read_bytes())
    content[-20] ^= 1
    segment.write_bytes(content)
    live.look(1.0)
    files = len(os.listdir("/proc/self/fd"))
    for second in range(2, 12):
        live.look(float(second))
    assert len(os.listdir("/proc/self/fd")) == files, "a look that fails holds no file open"
    assert live.reports(["O1"]).newest_ms == NOW_MS
    assert live.engine.is_stalled, "the looks go on"


def test_a_stall_and_its_end_are_each_told_once(world: World, live: Liveness, tmp_path: Path) -> None:
    def told(offset: int) -> None:
        RunMetrics(at_ms=NOW_MS, offset=offset, clock_ms=NOW_MS).save(tmp_path / "run-metrics.json")

    told(1)
    for second in range(3):
        live.look(float(second))
    assert live.problems() == []
    world.journal.append([clock_mark(NOW_MS + 1_000)])
    for second in range(3, 20):
        live.look(float(second))
    (problem,) = live.problems()
    assert problem.startswith("the engine has stalled: nothing was judged for 17 s")
    assert liveness_json(live, ["O1"], NOW_MS)["engine"] == {
        "stalled": True,
        "why": "not_running",
        "idle_s": 17.0,
    }
    told(2)
    live.look(20.0)
    live.look(21.0)
    assert live.problems() == []
    events = OperationsLog(tmp_path / "operations.ndjson").read().items
    assert [event.kind for event in events] == ["engine_recovered", "engine_stalled"]
    assert events[0].details["stalled_s"] == 18.0
    assert events[1].details["why"] == "not_running"


def test_less_than_five_seconds_are_not_told(world: World, live: Liveness) -> None:
    for second in range(5):
        live.look(float(second))
    assert live.problems() == []
