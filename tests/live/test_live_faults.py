"""A file that cannot be written ends the engine; once it can, nothing is missing of what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from live.eventful_hours import PLACES, START_MS, write_eventful_site
from live_system import RUN, SERVE, LiveSystem, Row, until

from sinks.alert import instant_text
from sinks.tracks import TrackArchive

MINUTE_MS = 60_000
ROUNDS = 6


def away(at_ms: int) -> Row:
    lon, lat = PLACES["away"]
    return {"device_id": "D1", "event_time": instant_text(at_ms), "lon": lon, "lat": lat}


def block_rejects(data: Path) -> Callable[[], None]:
    """A directory stands where a file is to be written: met while rows are taken."""
    (data / "rejects.ndjson").mkdir()
    return (data / "rejects.ndjson").rmdir


def block_tracks(data: Path) -> Callable[[], None]:
    """A file stands where a directory is to be made: met when the epoch ends."""
    tracks, saved = data / "tracks", data / "saved"
    tracks.rename(saved)
    tracks.write_text("")

    def free() -> None:
        tracks.unlink()
        saved.rename(tracks)

    return free


@pytest.mark.parametrize("block", [block_rejects, block_tracks])
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
            system.send(at_ms, [away(at_ms), away(at_ms)])  # the second is a duplicate: a reject
        free = block(system.data)
        system.start(RUN)
        assert system.ended(RUN) == 1
        free()
        system.start(RUN)
        until(lambda: any(item.alert.kind == "boundary_violation" for item in system.items()), "the alert")
        system.stop(SERVE, RUN)
        rejects = (system.data / "rejects.ndjson").read_text().splitlines()
        assert len(rejects) >= ROUNDS
        track = TrackArchive(system.data / "tracks", ZoneInfo("Asia/Shanghai")).read(
            "P1", START_MS, START_MS + 100 * MINUTE_MS
        )
        assert len(track) == ROUNDS
        assert system.figures().accepted == ROUNDS
