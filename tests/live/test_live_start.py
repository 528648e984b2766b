"""What an earlier process left half-done does not keep the engine from starting."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Event

import pytest
from bytewax.recovery import init_db_dir
from forked import run_forked
from live_system import RUN, SERVE, LiveSystem, until
from minimal_site import WHOLE, write_site
from replay.command_line import invoked

from fencewatch.opened_registry import fingerprint
from fencewatch.running import holidays_warning
from geofences.instant import instant_ms
from pipeline.log.journal.embedded import embedded
from pipeline.runtime.beginning import Beginning
from pipeline.runtime.live import LiveEngine, LiveRequest, StateUnusable, _prepared
from pipeline.runtime.site_history import SiteHistory
from pipeline.sites.load import load_documents, load_site
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy

START_MS = 1_752_444_000_000
ON_HOLIDAYS = ("fences.geojson", '"schedule": ["Mo-Fr 22:00-06:00"]', '"schedule": ["Mo-Fr", "PH off"]')
#: The year after the last that comes with the package.
NEXT_YEAR = 'version = "own"\n[days_off]\n2027 = ["2027-01-01"]\n'


def test_a_first_start_that_was_killed_hinders_no_other(tmp_path: Path) -> None:
    """The runtime prepares no directory twice, so what it was preparing must go."""
    half_done = tmp_path / "state" / "recovery.new"
    half_done.mkdir(parents=True)
    init_db_dir(half_done, 1)
    documents = load_documents(write_site(tmp_path))
    request = LiveRequest(
        sites=SiteHistory(lambda _: Beginning.of(documents)),
        policies=Policies(Policy()),
        fingerprint="a site",
        log=embedded(tmp_path / "journal"),
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
        second = run_forked("run", "--config", tmp_path / "live" / "fencewatch.toml", cwd=tmp_path)
        assert second.returncode == 1
        assert re.fullmatch(r".*state: process \d+ runs an engine on it already\n", second.stderr)
        system.stop(SERVE, RUN)


def test_a_new_year_of_holidays_may_be_added_to_a_kept_state(tmp_path: Path) -> None:
    """Where the table ends the engine stops; with the year imported it goes on where it was."""
    (tmp_path / "site").mkdir()
    site = write_site(tmp_path / "site", ON_HOLIDAYS)
    row = {"device_id": "D1", "lon": 106.5, "lat": 29.6}
    with LiveSystem(tmp_path / "live", site, instant_ms("2026-12-31T23:58:00+08:00")) as system:
        system.start(SERVE, RUN)
        until(lambda: bool(system.checkpoints()), "a checkpoint")
        time = "2026-12-31T23:59:00+08:00"
        system.send(instant_ms(time), [{**row, "event_time": time}])
        time = "2027-01-01T00:01:00+08:00"
        system.send(instant_ms(time), [{**row, "event_time": time}])
        run = system._processes.pop(RUN)
        assert run.wait(60) == 2
        (site / "holidays.toml").write_text(NEXT_YEAR)
        done = invoked("site", "import", site, "--data", system.data)
        assert done.exit_code == 0, done.output
        system.start(RUN)
        until(
            lambda: system.is_at_work(RUN) and (system.figures().clock_ms or 0) >= instant_ms(time),
            "the new year",
        )
        assert system.figures().accepted == 2
        system.stop(SERVE, RUN)


def test_only_holidays_may_change_under_a_kept_state(tmp_path: Path) -> None:
    site = write_site(tmp_path)
    before = fingerprint(site)
    (site / "holidays.toml").write_text(NEXT_YEAR)
    assert fingerprint(site) == before
    write_site(site, ("policy.toml", 'version = "test"', 'version = "other"'))
    assert fingerprint(site) != before


def test_the_end_of_the_holidays_is_warned_of(tmp_path: Path) -> None:
    """Sixty days before, and only where a schedule asks for them."""
    early, late, over = (
        instant_ms(f"{day}T00:00:00+08:00") for day in ("2026-11-01", "2026-11-02", "2027-02-01")
    )
    assert holidays_warning(load_site(write_site(tmp_path)), over) is None
    site = load_site(write_site(tmp_path, ON_HOLIDAYS))
    assert holidays_warning(site, early) is None
    for now_ms in (late, over):
        assert "the public holidays of 2027 are missing" in str(holidays_warning(site, now_ms))
    added = load_site(write_site(tmp_path, ON_HOLIDAYS, ("holidays.toml", WHOLE, NEXT_YEAR)))
    assert holidays_warning(added, over) is None


def test_a_state_that_the_runtime_cannot_use_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A panic of the runtime over its database, as it comes from a full disk."""

    class Panic(BaseException):
        pass

    def panic(*_: object) -> None:
        raise Panic(
            'called `Result::unwrap()` on an `Err` value: SqliteFailure(Error, Some("disk I/O error"))'
        )

    monkeypatch.setattr("pipeline.runtime.live.init_db_dir", panic)
    with pytest.raises(StateUnusable, match=r"recovery: cannot be used: disk I/O error$"):
        _prepared(tmp_path, "a site")
