"""What an earlier process left half-done does not keep the engine from starting."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from bytewax.recovery import init_db_dir
from minimal_site import write_site

from pipeline.live import LiveEngine, LiveRequest
from pipeline.sites.load import load_site


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
        LiveEngine(request, Event())
    assert not half_done.exists()
