"""What is kept is for its owner alone, whatever umask the commands were started with."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from live.eventful_hours import PLACES, START_MS, write_eventful_site
from live_system import RUN, SERVE, LiveSystem, until
from replay.command_line import fencewatch_words, surroundings

from fencewatch.config import Settings
from fencewatch.modes import tighten
from sinks.alert import instant_text
from sinks.operations_log import OperationsLog


def open_to_others(home: Path) -> list[str]:
    """What others may read, write or enter."""
    found = [home, *home.rglob("*")]
    return sorted(str(path.relative_to(home)) for path in found if path.stat().st_mode & 0o077)


def test_processes_write_for_their_owner_alone(tmp_path: Path) -> None:
    """Log, state, queue, positions, tracks, rejects, tokens: all that a system writes at first."""
    site, (lon, lat) = write_eventful_site(tmp_path / "site"), PLACES["away"]
    before = os.umask(0o022)
    try:
        with LiveSystem(tmp_path / "live", site, START_MS, speed=60.0) as system:
            system.data.chmod(0o755)  # as an earlier version made it; the clock in it is open as well
            called = fencewatch_words("token", "create", "--role", "operator", "--data", system.data)
            subprocess.run(called, env=surroundings(), check=True, capture_output=True)
            system.start(SERVE, RUN)
            for minute in range(1, 12):
                at_ms = START_MS + minute * 60_000
                told = {"device_id": "D1", "event_time": instant_text(at_ms), "lon": lon, "lat": lat}
                system.send(at_ms, [told, told])
            until(lambda: any((system.data / "tracks").rglob("*.parquet")), "a track")
            until(lambda: len(system.items()) > 0, "an alert")
            until(lambda: bool(system.checkpoints()), "a checkpoint")
            kept = {path.name for path in system.data.iterdir()}
            assert kept >= {"journal", "state", "tracks", "queue.sqlite", "tokens.sqlite", "run-metrics.json"}
            assert open_to_others(system.data) == []
            system.stop(SERVE, RUN)
    finally:
        os.umask(before)


def test_what_was_open_is_closed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, inbox = tmp_path / "data", tmp_path / "data" / "inbox"
    (inbox / "done").mkdir(parents=True)
    (data / "tracks").mkdir()
    outside = tmp_path / "outside.csv"
    files = [data / "queue.sqlite", data / "tracks" / "a.parquet", inbox / "done" / "pings.csv"]
    suppliers = inbox / "pings-2.csv"
    for path in (*files, suppliers, outside):
        path.write_text("")
        path.chmod(0o644)
    (data / "link").symlink_to(outside)
    for folder in (data, inbox, inbox / "done", data / "tracks"):
        folder.chmod(0o775)
    tighten(Settings(tmp_path / "site", data, inbox))
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3
    assert [stat.S_IMODE(path.stat().st_mode) for path in (data, data / "tracks", inbox / "done")] == [
        0o700
    ] * 3
    assert [stat.S_IMODE(path.stat().st_mode) for path in (suppliers, inbox)] == [0o644, 0o775], (
        "a supplier's"
    )
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644, "what a link leads to is not ours"
    assert "6 of its files and directories could be read by others; closed" in capsys.readouterr().err
    told = OperationsLog(data / "operations.ndjson").read().items
    assert [(event.kind, event.details) for event in told] == [("modes_tightened", {"closed": 6, "left": 0})]
    tighten(Settings(tmp_path / "site", data, inbox))
    assert capsys.readouterr().err == "", "said once"


def test_what_a_user_asks_for_is_as_open_as_he_says(tmp_path: Path) -> None:
    """`replay` and `simulate` write files for whoever their user wants."""
    words = fencewatch_words("simulate", "--people", "20", "--hours", "1", "--out", tmp_path / "fleet")
    called = [
        sys.executable,
        "-c",
        "import os, sys; os.umask(0o022); os.execv(sys.argv[1], sys.argv[1:])",
        *words,
    ]
    subprocess.run(called, env=surroundings(), check=True, capture_output=True, timeout=120)
    assert stat.S_IMODE((tmp_path / "fleet" / "pings.parquet").stat().st_mode) == 0o644
