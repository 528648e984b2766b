"""What an earlier process left half-done does not keep the engine from starting."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Event

from bytewax.recovery import init_db_dir
from live_system import RUN, SERVE, LiveSystem, until
from minimal_site import write_site
from replay.command_line import run_fencewatch

from pipeline.live import LiveEngine, LiveRequest
from pipeline.sites.load import load_site

START_MS = 1_752_444_000_000


def test_a_first_start_that_was_killed_hinders_no_other(tmp_path: Path) -> None:
    """The runtime prepares no directory twice, so what it was preparing must go."""
    half_done = tmp_path / "state" / "recovery.new"
    half_done.mkdir(parents=True)
    init_db_dir(half_done, 1)
    request = LiveRequest(
        site=load_site(write_site(tmp_path)),
        fingerprint="a site",
        journal=tmp_path / "journal",
        state=tmp_path / "state",
        write_alerts=lambda _: None,
        write_rows=lambda _: None,
        flush_rows=lambda: None,
        write_rejects=lambda _: None,
    )
    for _ in range(2):
        LiveEngine(request, Event()).close()
    assert not half_done.exists()


def test_a_second_engine_is_refused(tmp_path: Path) -> None:
    """It would take the first one's checkpoints away."""
    (tmp_path / "site").mkdir()
    site = write_site(tmp_path / "site")
    with LiveSystem(tmp_path / "live", site, START_MS) as system:
        system.start(SERVE, RUN)
        until(lambda: system.is_at_work(SERVE), "the server")
        until(lambda: bool(system.checkpoints()), "a checkpoint")
        second = run_fencewatch("run", "--config", tmp_path / "live" / "fencewatch.toml", cwd=tmp_path)
        assert second.returncode == 1
        assert re.fullmatch(r".*state: process \d+ runs an engine on it already\n", second.stderr)
        system.stop(SERVE, RUN)
