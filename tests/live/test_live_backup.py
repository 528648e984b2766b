"""A backup taken while rows come in and people work is one moment of all stores, and goes on from there."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forked import run_forked
from live.eventful_hours import START_MS, eventful_hours, write_eventful_site
from live.killed_stream import AFTERMATH_MS, SPEED, check_facts, replayed
from live.officers import Officers
from live_system import RUN, SERVE, LiveSystem, settled, until

from pipeline.host.clock import SimulatedClock
from pipeline.log.journal import JournalReader
from sinks.alert import instant_text

SEED = 7
MINUTE_MS = 60_000
#: So many more steps are sent while the copying goes on, at least.
MEANWHILE = 12
#: So many copies are made, and the last is gone on from.
COPIES = 2


def back_up(system: LiveSystem, targets: list[Path]) -> None:
    """One copy after another, while both processes work; each is found sound by the command itself."""
    for target in targets:
        done = run_forked("backup", target, "--data", system.data, "--json")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        told = json.loads(done.stdout)
        assert told["clock"] == instant_text(log_clock_ms(target))


def log_clock_ms(data: Path) -> int:
    """The last mark of a log."""
    reader, clock_ms = JournalReader(data / "journal"), 0
    while records := reader.poll():
        clock_ms = records[-1].clock_ms
    reader.close()
    return clock_ms


@pytest.mark.parametrize("minutes", [90, pytest.param(180, marks=pytest.mark.soak)])
def test_a_copy_of_a_running_system_goes_on(tmp_path: Path, minutes: int) -> None:
    """The copying begins in the middle of the stream."""
    steps, site = eventful_hours(SEED, minutes * MINUTE_MS), write_eventful_site(tmp_path / "site")
    backup_step = len(steps) // 2
    expected = replayed(tmp_path, site, steps)
    copies = [tmp_path / f"saved{n}" for n in range(COPIES)]
    with LiveSystem(tmp_path / "first", site, START_MS, SPEED) as first, ThreadPoolExecutor() as pool:
        first.start(SERVE, RUN)
        officers, copying = Officers(first), None
        for number, step in enumerate(steps):
            first.send(step.at_ms, step.pings, step.confirmations)
            if number % 4 == 3:
                officers.work(6)
            if number % 24 == 0:
                first.await_judged(step.at_ms)
            if number == backup_step:
                until(lambda: bool(first.checkpoints()), "kept state")
                copying = pool.submit(back_up, first, copies)
            is_done = copying is not None and copying.done() and number >= backup_step + MEANWHILE
            if is_done or number == len(steps) - 2:  # the last step is for the copy
                break
        assert copying is not None
        copying.result()
        bearer = first.operator
        first.stop(SERVE, RUN)
    with LiveSystem(tmp_path / "second", site, START_MS, SPEED) as second:
        shutil.rmtree(second.data)
        copies[-1].rename(second.data)
        second.operator = bearer
        reached_ms = log_clock_ms(second.data)
        assert steps[backup_step].at_ms <= reached_ms < steps[-1].at_ms, "the log was copied in the midst"
        second.clock = SimulatedClock.make(second.data / "clock", reached_ms, SPEED)
        second.start(SERVE, RUN)
        for step in steps:
            if step.at_ms >= reached_ms:  # of the last one of the log perhaps a part is there
                second.send(step.at_ms, step.pings, step.confirmations)
        second.send(steps[-1].at_ms + AFTERMATH_MS)
        assert settled(second.lines, expected.lines) == expected.lines
        second.stop(SERVE, RUN)
        assert second.figures().accepted == expected.accepted, "no row is lost, none counts twice"
        worked = [item for item in second.items() if item.verified_by is not None]
        assert worked, "what people did before the backup is in it"
        for item in second.items():
            check_facts(item)
