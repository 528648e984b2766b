"""``restart``: an engine killed under load, and how long it takes until it is where the log is."""

from __future__ import annotations

import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.changing_system import Process, data_settings, engine, gateway, running_process
from benchmarks.machine import commit, machine
from benchmarks.measurement import Progress, Report
from benchmarks.nation import Nation, nation_site
from benchmarks.settings import Settings
from benchmarks.values import Values, figures_of, of_runs, quotients
from fencewatch.config import Settings as SystemSettings
from fencewatch.site_desk import import_site
from pipeline.host.clock import system_now_ms

PEOPLE, RUNS = 1_000_000, 1
#: Every device sends a row so often: 50,000 rows a second of a million.
EVERY_S = 20
#: So long the engine judges once it has heard everybody, and is not there then.
JUDGING_S, DOWN_S = 15.0, 10.0
#: It has caught up where it has judged what came in less than so long ago; that is asked so often.
_BEHIND_MS, _ASKED_S = 1_000, 0.1
_WITHIN_S = 900.0


def restart(settings: Settings, progress: Progress) -> Report:
    """Measure a gateway that goes on, and three engines one after the other, in each run."""
    people, _, runs = settings.or_default(PEOPLE, 0.0, RUNS)
    nation, rate = Nation(people), max(20, people // EVERY_S)
    site = nation_site(nation)
    figures = figures_of(
        of_runs("restart", runs, progress, partial(_measured, nation, site, rate, settings.seed))
    )
    parameters: dict[str, object] = {
        "people": people, "rows_per_s": rate, "judging_s": JUDGING_S, "down_s": DOWN_S,
        "seed": settings.seed, "hours": settings.hours or 0.0,
    }  # fmt: skip
    ratios = {"vs_judging_anew": ("anew_caught_up_s", "caught_up_s"), "vs_start": ("caught_up_s", "start_s")}
    return Report("restart", machine(), commit(), parameters, figures, quotients(figures, ratios))


def _measured(nation: Nation, site: Path, rate: int, seed: int) -> Values:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        import_site(site, data, "the beginning")
        settings = data_settings(site, data)
        with running_process(gateway, settings, nation, rate, seed) as desk:
            desk.ask("feed")
            _judged_and_killed(settings, nation.people)
            time.sleep(DOWN_S)
            values = _started(settings)
            shutil.rmtree(settings.state)
            values["anew_caught_up_s"] = _started(settings)["caught_up_s"]
    return values


def _judged_and_killed(settings: SystemSettings, people: int) -> None:
    judge = Process(engine, settings)
    try:
        judge.hear()
        _caught_up(judge, people)
        time.sleep(JUDGING_S)
    finally:
        judge.kill()


def _started(settings: SystemSettings) -> Values:
    """An engine until it has caught up, and then killed as well."""
    judge = Process(engine, settings)
    try:
        judge.hear()
        start_s = time.monotonic() - judge.begun_s
        rows = _caught_up(judge)
        caught_up_s = time.monotonic() - judge.begun_s
    finally:
        judge.kill()
    return {
        "caught_up_s": caught_up_s,
        "start_s": start_s,
        "backlog_rows": rows,
        "backlog_rows_per_s": rows / (caught_up_s - start_s),
    }


def _caught_up(judge: Process, rows_least: int = 1) -> int:
    """Waits until an engine is where the log is, and has judged so many rows; how many it has judged."""
    ends_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < ends_s:
        clock_ms, rows = judge.ask("reached")
        if rows >= rows_least and system_now_ms() - clock_ms < _BEHIND_MS:
            return int(rows)
        time.sleep(_ASKED_S)
    raise RuntimeError("the engine does not catch up with the rows")
