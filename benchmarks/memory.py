"""``memory``: what a device takes, and what each of its fixes takes as long as the engine keeps it."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.bare_engine import BareEngine
from benchmarks.fleet import Fleet, part_of
from benchmarks.machine import commit, machine
from benchmarks.measurement import Progress, Report, peak_bytes
from benchmarks.plain_engine import recorded
from benchmarks.plain_rules import DeviceState, PlainRules
from benchmarks.scale_scenes import country
from benchmarks.scene_files import START
from benchmarks.settings import Settings
from benchmarks.values import Values, figures_of, in_child, of_runs, quotients
from pipeline.host.collection import seldom_collected
from pipeline.runtime.replay import BATCH_ROWS
from pipeline.sites.load import load_site
from pipeline.stream.division import SHARDS

#: Ten million rows: a hundred from each device.
PEOPLE, HOURS, RUNS = 100_000, 100 / 60, 1
PLAIN_PEOPLE, WARM_PEOPLE = 2_000, 200
#: What is known of a fix, as plain columns: the limit of what keeping it can take.
_COLUMNS = ("device", "event_ms", "arrival_ms", "lon", "lat", "accuracy_m", "source")
_UNITS = {
    "bytes_per_device": "bytes", "bytes_per_fix_of_the_horizon": "bytes", "start_mb": "MB", "site_mb": "MB",
    "peak_mb": "MB", "column_bytes_per_fix": "bytes", "one_at_a_time_bytes_per_device": "bytes",
    "one_at_a_time_bytes_per_fix": "bytes",
}  # fmt: skip
_RATIOS = {
    "device_vs_one_at_a_time": ("bytes_per_device", "one_at_a_time_bytes_per_device"),
    "fix_vs_one_at_a_time": ("bytes_per_fix_of_the_horizon", "one_at_a_time_bytes_per_fix"),
    "fix_vs_columns": ("bytes_per_fix_of_the_horizon", "column_bytes_per_fix"),
}


def memory(settings: Settings, progress: Progress) -> Report:
    """Measure what processes hold that have taken a fix of each device, and all of them."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    minutes = max(3, round(hours * 60))
    first, whole = (country(people, count, settings.seed) for count in (1, minutes))
    warm = country(WARM_PEOPLE, 30, settings.seed)
    plain = part_of(whole, PLAIN_PEOPLE)

    def work() -> Values:
        of_plain = _of_one_at_a_time(part_of(first, PLAIN_PEOPLE), plain, warm)
        return _of_engine(first, whole, warm) | of_plain

    figures = figures_of(of_runs("memory", runs, progress, work), _UNITS)
    parameters: dict[str, object] = {
        "people": people, "hours": hours, "start": START, "seed": settings.seed, "interval_s": 60,
        "rows": whole.rows, "batch_rows": BATCH_ROWS, "shards": SHARDS,
        "one_at_a_time_people": plain.people, "one_at_a_time_rows": plain.rows,
    }  # fmt: skip
    return Report("memory", machine(), commit(), parameters, figures, quotients(figures, _RATIOS))


@dataclass(frozen=True, slots=True)
class _Held:
    """What a process holds before the site, with it, and when all rows have gone by and nothing is read."""

    start: int
    built: int
    end: int
    peak: int
    rows: int
    column_bytes: int = 0


def _per_device_and_fix(first: _Held, whole: _Held, people: int) -> tuple[float, float]:
    """Bytes a device takes beside its fixes, its rows of the site included; and what each fix more takes."""
    per_fix = (whole.end - first.end) / (whole.rows - first.rows)
    return (first.end - first.start - first.rows * per_fix) / people, per_fix


def _of_engine(first: Fleet, whole: Fleet, warm: Fleet) -> Values:
    one, all_ = in_child(_held_by_engine, first, warm), in_child(_held_by_engine, whole, warm)
    per_device, per_fix = _per_device_and_fix(one, all_, whole.people)
    return {
        "bytes_per_device": per_device,
        "bytes_per_fix_of_the_horizon": per_fix,
        "start_mb": all_.start / 1e6,
        "site_mb": (all_.built - all_.start) / 1e6,
        "peak_mb": all_.peak / 1e6,
        "column_bytes_per_fix": all_.column_bytes / all_.rows,
    }


def _held_by_engine(whole: Fleet, warm: Fleet) -> _Held:
    _stepped(BareEngine(warm), warm)
    start = held_bytes()
    engine = BareEngine(whole)
    built = held_bytes()
    rows, column_bytes = _stepped(engine, whole)
    return _Held(start, built, held_bytes(), peak_bytes(), rows, column_bytes)


def _stepped(engine: BareEngine, whole: Fleet) -> tuple[int, int]:
    rows = column_bytes = 0
    with seldom_collected():  # as every program of ours runs it
        for batch in engine.batches(BATCH_ROWS):
            accepted = engine.ingest(batch)
            rows += len(accepted)
            column_bytes += sum(getattr(accepted, column).nbytes for column in _COLUMNS)
    return rows, column_bytes


def _of_one_at_a_time(first: Fleet, whole: Fleet, warm: Fleet) -> Values:
    one, all_ = in_child(_held_by_plain, first, warm), in_child(_held_by_plain, whole, warm)
    per_device, per_fix = _per_device_and_fix(one, all_, whole.people)
    return {"one_at_a_time_bytes_per_device": per_device, "one_at_a_time_bytes_per_fix": per_fix}


def _held_by_plain(plain: Fleet, warm: Fleet) -> _Held:
    _remembered(warm)
    start = held_bytes()
    kept = _remembered(plain)
    end = held_bytes()
    assert len(kept[1]) == plain.people
    return _Held(start, start, end, peak_bytes(), plain.rows)


def _remembered(plain: Fleet) -> tuple[PlainRules, dict[str, DeviceState | None]]:
    rules = PlainRules(load_site(plain.site))
    states: dict[str, DeviceState | None] = dict.fromkeys(rules.bindings)
    for row in recorded(plain.pings, plain.confirmations):
        states[row["device_id"]], _ = rules.row(states[row["device_id"]], row)
    return rules, states


def held_bytes() -> int:
    """The resident memory of this process, after all that it can give back was given back (Linux)."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    _trim()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _trim() -> None:
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)
