"""A site that changes while all runs and is killed: it was judged as a replay judges."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forked import run_forked
from live.changing_hours import change, is_due, with_the_new_device
from live.eventful_hours import START_MS, Step, eventful_hours, write_eventful_site, write_streams
from live.killed_stream import AFTERMATH_MS, SPEED, Killer, Victims
from live_system import RUN, SERVE, LiveSystem, until
from replay.command_line import invoked

from pipeline.log.journal import JournalReader
from sinks.alert import instant_text

MINUTE_MS = 60_000
TWO: Victims = [(RUN,), (RUN, SERVE)]
TEN: Victims = [(RUN,)] * 4 + [(SERVE,)] * 4 + [(RUN, SERVE)] * 2


@pytest.mark.parametrize(
    ("minutes", "victims"),
    [(35, TWO), pytest.param(90, TEN, marks=pytest.mark.soak)],
    ids=["two kills", "ten kills"],
)
def test_live_and_replayed_alike(minutes: int, victims: Victims, tmp_path: Path) -> None:
    """The queue, a replay of the log, and a replay of the rows by the site as it is exported in the end."""
    steps = with_the_new_device(eventful_hours(1, minutes * MINUTE_MS))
    site = write_eventful_site(tmp_path / "site")
    with LiveSystem(tmp_path / "live", site, START_MS, SPEED) as system:
        _lived(system, steps, victims)
        live = system.lines()
    by_log = _replayed(tmp_path / "by-log.ndjson", "--log", system.data)
    assert invoked("site", "export", tmp_path / "export", "--data", system.data).exit_code == 0
    last = instant_text(steps[-1].at_ms + AFTERMATH_MS - 1)
    words = ["--site", tmp_path / "export", *write_streams(steps, tmp_path), "--until", last]
    by_files = _replayed(tmp_path / "by-files.ndjson", *words)
    assert live == by_log
    assert live == by_files
    _check_that_it_matters(live)


def _lived(system: LiveSystem, steps: list[Step], victims: Victims) -> None:
    bearer = system.token("--role", "county", "--office", "C1", "--name", "wang")
    killer = Killer(system, 1, victims)
    system.start(SERVE, RUN)
    with ThreadPoolExecutor() as pool:
        kills = pool.submit(killer.run)
        for number, step in enumerate(steps):
            system.send(step.at_ms, step.pings, step.confirmations)
            if is_due(number):
                change(system, bearer, number, step.at_ms)
            killer.pace(number / len(steps))
        assert kills.result() == len(victims)
    system.send(steps[-1].at_ms + AFTERMATH_MS)
    end = JournalReader(system.data / "journal").end_offset
    until(lambda: system.is_at_work(RUN) and system.figures().offset >= end, "the engine at the log's end")
    system.stop(SERVE, RUN)


def _replayed(alerts: Path, *words: str | Path) -> list[bytes]:
    done = run_forked("replay", *words, "--alerts", alerts, "--json", cwd=alerts.parent)
    assert done.returncode == 0, done.stderr
    return alerts.read_bytes().splitlines(keepends=True)


def _check_that_it_matters(live: list[bytes]) -> None:
    """What the changes alone can bring about is there."""
    for wanted in (
        b'"person_id":"P30"',
        b'"authorised_by":"L',
        b'"fence_id":"market"',
        b'"policy_version":"quick"',
    ):
        assert any(wanted in line for line in live), wanted
    assert len(live) > 20
