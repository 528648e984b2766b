"""``tick``: a million deadlines at one instant, and how long it takes until all are judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bare_engine import BareEngine
from benchmarks.fleet import Fleet, kept
from benchmarks.machine import commit, machine
from benchmarks.measurement import Progress, Report
from benchmarks.plain_engine import recorded
from benchmarks.plain_rules import DeviceState, PlainAlert, PlainRules
from benchmarks.scene_files import INSTANT, write_site
from benchmarks.settings import Settings
from benchmarks.values import Values, figures_of, in_child, of_runs, quotients
from geofences.instant import instant_ms
from pipeline.host.collection import seldom_collected
from pipeline.runtime.replay import BATCH_ROWS
from pipeline.sites.load import load_site
from pipeline.stream.division import SHARDS

PEOPLE, RUNS = 1_000_000, 3
PLAIN_PEOPLE, WARM_PEOPLE = 10_000, 200
#: One in so many makes no confirmation in the window.
MISSING = 100
#: When the log begins, everybody confirms, and everybody is heard of for the last time.
_BEGIN, _CONFIRMED, _HEARD = (f"2025-07-14T{time}+08:00" for time in ("07:55:00", "08:30:00", "08:30:01"))
#: The instants at which all is due: the end of the window with its grace, and an hour of silence.
WINDOWS_DUE, SILENCE_DUE = (f"2025-07-14T{time}+08:00" for time in ("09:10:00", "09:30:01"))
_POLICY = """\
version = "tick"
[confirmation]
grace_s = 600
general = ["08:00-09:00"]
strict = []
lenient = []
[silence]
phone = [3600, 10800, 21600]
"""
#: The figures' names, and those of their baselines.
_RATIOS = {
    "vs_one_at_a_time": ("deadlines_per_s", "one_at_a_time_deadlines_per_s"),
    "windows_vs_one_at_a_time": ("windows_per_s", "one_at_a_time_windows_per_s"),
}

Answer = TypeVar("Answer")


def tick(settings: Settings, progress: Progress) -> Report:
    """Measure the clock's step over an instant at which all are due, in all shards of one process."""
    people, _, runs = settings.or_default(PEOPLE, 0.0, RUNS)
    whole, warm = _fleet(people), _fleet(WARM_PEOPLE)
    plain = _fleet(min(people, PLAIN_PEOPLE))

    def work() -> Values:
        return in_child(_engine, whole, warm) | in_child(_one_at_a_time, plain)

    units = {name: "deadlines/s" for pair in _RATIOS.values() for name in pair}
    figures = figures_of(of_runs("tick", runs, progress, work), units)
    parameters: dict[str, object] = {
        "people": people, "seed": settings.seed, "hours": settings.hours or 0.0, "shards": SHARDS,
        "silent_devices": people, "windows": people, "missed": len(range(0, people, MISSING)),
        "one_at_a_time_people": plain.people,
    }  # fmt: skip
    return Report("tick", machine(), commit(), parameters, figures, quotients(figures, _RATIOS))


def _engine(whole: Fleet, warm: Fleet) -> Values:
    _ticked(warm)
    return _ticked(whole)


def _ticked(whole: Fleet) -> Values:
    engine = BareEngine(whole)
    with seldom_collected():  # as every program of ours runs it
        for batch in engine.batches(BATCH_ROWS):
            engine.ingest(batch)
        windows_s, windows_cpu_s = _over(engine, WINDOWS_DUE, len(range(0, whole.people, MISSING)))
        deadlines_s, deadlines_cpu_s = _over(engine, SILENCE_DUE, whole.people)
    return {
        "million_deadlines_s": deadlines_s,
        "million_deadlines_cpu_s": deadlines_cpu_s,
        "million_windows_s": windows_s,
        "million_windows_cpu_s": windows_cpu_s,
        "deadlines_per_s": whole.people / deadlines_s,
        "windows_per_s": whole.people / windows_s,
    }


def _over(engine: BareEngine, due: str, expected: int) -> tuple[float, float]:
    """Seconds by the clock and of CPU time for the one millisecond of the clock in which all is due."""
    due_ms = instant_ms(due)
    before = engine.advance(due_ms)
    cpu_begun = time.process_time()
    seconds, alerts = _timed(partial(engine.advance, due_ms + 1))
    cpu_s = time.process_time() - cpu_begun
    assert (len(before), len(alerts)) == (0, expected), "what is due at this instant, and nothing else"
    return seconds, cpu_s


def _one_at_a_time(plain: Fleet) -> Values:
    """The plain engine: one device after the other, and one person after the other."""
    rules = PlainRules(load_site(plain.site))
    states: dict[str, DeviceState | None] = dict.fromkeys(rules.bindings)
    for row in recorded(plain.pings, plain.confirmations):
        states[row["device_id"]], _ = rules.row(states[row["device_id"]], row)
    start_ms = instant_ms(_BEGIN)
    windows_s, missed = _timed(lambda: list(rules.missed(start_ms, instant_ms(WINDOWS_DUE))))
    end_ms = instant_ms(SILENCE_DUE)

    def silences() -> list[PlainAlert]:
        found: list[PlainAlert] = []
        for device_id, state in states.items():
            found += rules.row(state, {"device_id": device_id, "start": start_ms, "end": end_ms})[1]
        return found

    deadlines_s, silent = _timed(silences)
    expected = len(range(0, plain.people, MISSING)), plain.people
    assert (len(missed), len(silent)) == expected, "as the engine has it"
    return {
        "one_at_a_time_deadlines_per_s": plain.people / deadlines_s,
        "one_at_a_time_windows_per_s": plain.people / windows_s,
    }


def _timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    begun = time.perf_counter()
    answer = work()
    return time.perf_counter() - begun, answer


def _fleet(people: int) -> Fleet:
    return kept(f"tick-{people}-1", people, partial(_write, people))


def _write(people: int, directory: Path) -> None:
    """One row begins the log; everybody is heard of at one instant, right after nearly all have confirmed."""
    write_site(directory / "site", people, [], _POLICY)
    ids = pa.array([f"D{number}" for number in range(people)], pa.string())
    confirming = ids.filter(pa.array(np.arange(people) % MISSING != 0))
    confirmed = _rows(confirming, _CONFIRMED) | {"face_ok": pa.array([True] * len(confirming))}
    pq.write_table(pa.table(confirmed), directory / "confirmations.parquet")
    heard = pa.concat_tables([pa.table(_rows(ids[:1], _BEGIN)), pa.table(_rows(ids, _HEARD))])
    pq.write_table(heard, directory / "pings.parquet")


def _rows(ids: pa.Array, instant: str) -> dict[str, pa.Array]:
    at_ms = pa.array(np.full(len(ids), instant_ms(instant))).cast(INSTANT)
    return {
        "device_id": ids, "event_time": at_ms, "arrival_time": at_ms,
        "lon": pa.array(np.full(len(ids), 106.5)), "lat": pa.array(np.full(len(ids), 29.5)),
        "accuracy_m": pa.array(np.full(len(ids), 10.0)), "source": pa.array(["gnss"] * len(ids), pa.string()),
    }  # fmt: skip
