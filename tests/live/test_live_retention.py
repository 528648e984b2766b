"""What is kept, and for how long: days go by, and the log, tracks and positions of days past are gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_system import RUN, SERVE, LiveSystem, Row, until
from minimal_site import WHOLE, write_site

from geofences.instant import instant_ms
from pipeline.log.journal.segment import segment_firsts
from sinks.alert import instant_text
from sinks.positions import Position, PositionStore

START_MS = instant_ms("2025-07-14T08:00:00+08:00")
HOUR_MS = 3_600_000
#: A day of the log's clock passes in seconds, and no jump of it is a gap.
SPEED = 6_000.0
RETENTION = "[retention]\nlog_days = 1\ntracks_days = 2\n"
#: P2 is released after the first day.
PEOPLE = """\
person_id,name,office_id,class,valid_from,valid_to
P1,Person One,O1,lenient,,
P2,Person Two,O1,lenient,,2025-07-15T00:00:00+08:00
"""
DEVICES = "device_id,person_id,kind,valid_from,valid_to\nD1,P1,phone,,\nD2,P2,phone,,\n"
DAYS = 5


@pytest.mark.soak
def test_what_is_past_is_let_go(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    write_site(site, ("people.csv", WHOLE, PEOPLE), ("devices.csv", WHOLE, DEVICES))
    with LiveSystem(tmp_path / "live", site, START_MS, SPEED, RETENTION) as system:
        system.start(SERVE, RUN)
        log, tracks = system.data / "journal", system.data / "tracks"
        until(lambda: system.is_at_work(SERVE), "the server")
        for hour in range(DAYS * 24):
            at_ms = START_MS + hour * HOUR_MS
            system.send(at_ms, rows(at_ms))
            if hour in (2, 60):  # kept state, so that the engine needs the log before it no longer
                await_checkpoint(system)
            if hour == 3:
                assert {position.device_id for position in positions(system)} == {"D1", "D2"}
        at_ms = START_MS + DAYS * 24 * HOUR_MS

        def gone() -> bool:
            """An hour at a time: whatever is put in order once an hour gets its turn."""
            nonlocal at_ms
            at_ms += HOUR_MS
            system.send(at_ms, rows(at_ms))
            days = sorted(path.name for path in tracks.iterdir() if path.is_dir())
            return segment_firsts(log)[0] > 0 and days[0] > "2025-07-15"

        until(gone, "old segments and days to be gone", every_s=1.0)
        assert {position.device_id for position in positions(system)} == {"D1"}
        files = [
            len(list(hour.glob("*.parquet")))
            for day in tracks.iterdir()
            if day.is_dir()
            for hour in day.iterdir()
        ]
        assert sorted(files)[len(files) // 2] == 1, "hours past are one file each"
        # What is left is enough to go on from.
        system.kill(RUN)
        system.start(RUN)
        system.send(at_ms + HOUR_MS, rows(at_ms + HOUR_MS))
        until(lambda: (system.figures().clock_ms or 0) >= at_ms + HOUR_MS, "the engine")
        system.stop(SERVE, RUN)


def await_checkpoint(system: LiveSystem) -> None:
    kept = system.checkpoints()
    until(lambda: system.checkpoints() != kept, "a checkpoint")


def rows(at_ms: int) -> list[Row]:
    told = instant_text(at_ms)
    return [{"device_id": f"D{n}", "event_time": told, "lon": 106.5, "lat": 29.5} for n in (1, 2)]


def positions(system: LiveSystem) -> list[Position]:
    store = PositionStore.open(system.data / "positions.sqlite")
    try:
        return list(store.latest())
    finally:
        store.close()
