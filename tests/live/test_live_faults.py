"""A file that cannot be written ends the engine; once it can, nothing is missing of what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from live.eventful_hours import PLACES, START_MS, write_eventful_site
from live_system import RUN, SERVE, LiveSystem, Row, until

from pipeline.log.journal import Journal
from pipeline.log.journal.high_water_mark import HighWaterMarkReader
from pipeline.log.rows import rows_entry
from pipeline.ping import PING
from sinks.alert import instant_text
from sinks.rejects import RejectFilter, RejectStore
from sinks.sqlite import sqlite3
from sinks.tracks import TrackArchive

MINUTE_MS = 60_000
ROUNDS = 6


def away(at_ms: int) -> Row:
    lon, lat = PLACES["away"]
    return {"device_id": "D1", "event_time": instant_text(at_ms), "lon": lon, "lat": lat}


def block_rejects(data: Path) -> Callable[[], None]:
    """A table takes no row: met while rows are taken."""

    def carry_out(statement: str) -> None:
        with closing(sqlite3.connect(data / "rejects.sqlite", isolation_level=None)) as connection:
            connection.execute(statement)

    carry_out("CREATE TRIGGER blocked BEFORE INSERT ON reject BEGIN SELECT RAISE(ABORT, 'blocked'); END")
    return lambda: carry_out("DROP TRIGGER blocked")


def put_into_log(data: Path, at_ms: int) -> None:
    """A row that only the engine refuses, as those of files are: of a clock that is a day ahead."""
    row = pa.RecordBatch.from_pylist([{**away(at_ms), "event_time": at_ms + 1440 * MINUTE_MS}])
    row = row.set_column(1, "event_time", row["event_time"].cast(pa.timestamp("ms", "UTC")))
    with Journal(data / "journal") as journal:
        journal.append([rows_entry(PING, row, source="file", arrival_ms=at_ms)])


def block_tracks(data: Path) -> Callable[[], None]:
    """A file stands where the directory of the day is to be made: met when the epoch ends."""
    day = data / "tracks" / instant_text(START_MS)[:10]
    assert not day.exists()
    day.write_text("")
    return day.unlink


@pytest.mark.parametrize("block", [pytest.param(block_rejects, marks=pytest.mark.soak), block_tracks])
def test_nothing_is_committed_after_a_fault(
    tmp_path: Path, block: Callable[[Path], Callable[[], None]]
) -> None:
    site = write_eventful_site(tmp_path / "site")
    with LiveSystem(tmp_path / "live", site, START_MS, speed=60.0) as system:
        system.start(SERVE, RUN)
        until(lambda: bool(system.checkpoints()), "a checkpoint")
        system.stop(RUN)
        for number in range(1, 1 + ROUNDS):
            at_ms = START_MS + number * MINUTE_MS
            system.send(at_ms, [away(at_ms), away(at_ms)])  # the second is a duplicate
        system.stop(SERVE)
        put_into_log(system.data, at_ms)
        end = HighWaterMarkReader(system.data / "journal").read()
        free = block(system.data)
        system.start(RUN)
        assert system.ended(RUN) == 1
        free()
        system.start(SERVE, RUN)
        until(lambda: any(item.alert.kind == "boundary_violation" for item in system.items()), "the alert")
        until(lambda: system.is_at_work(RUN) and system.figures().offset >= end, "the rows behind it")
        system.stop(SERVE, RUN)
        with closing(RejectStore.open(system.data / "rejects.sqlite")) as rejects:
            assert [row.reason for row in rejects.rows(RejectFilter())] == ["bad_time"]
        assert system.figures().rejected["duplicate"] == ROUNDS
        track = TrackArchive(system.data / "tracks", ZoneInfo("Asia/Shanghai")).read(
            "P1", START_MS, START_MS + 100 * MINUTE_MS
        )
        assert len(track) == ROUNDS
        assert system.figures().accepted == ROUNDS
