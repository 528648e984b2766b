"""Measured runs, each in a process of its own, and the figures made of them."""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks.fleet import Fleet
from benchmarks.machine import commit, machine


@dataclass(frozen=True, slots=True)
class Timing:
    """What a contestant tells of one timed run: rows, seconds, and the alerts it raised by kind.

    ``cpu_seconds`` are those of all its threads; another's work on the machine hardly touches them.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    alerts: dict[str, int]


class Stopwatch:
    """Runs from its making, with the garbage of preparing out of the way."""

    def __init__(self) -> None:
        gc.collect()
        self._begun = time.perf_counter(), time.process_time()

    def stop(self, rows: int, alerts: dict[str, int]) -> Timing:
        """What so many rows took from its making until now."""
        begun, cpu_begun = self._begun
        return Timing(rows, time.perf_counter() - begun, time.process_time() - cpu_begun, alerts)


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something to measure, and the fleet it gets.

    ``work(fleet, warm)`` is a module's function: it does on the small fleet ``warm`` what it then does
    on ``fleet`` against the clock, so that nothing is compiled or imported while the clock runs.
    """

    work: Callable[[Fleet, Fleet], Timing]
    fleet: Fleet


@dataclass(frozen=True, slots=True)
class Outcome:
    """A timed run and the most memory its process ever held, in MB (10⁶ bytes)."""

    timing: Timing
    peak_mb: float

    @property
    def rows_per_s(self) -> float:
        """The rate."""
        return self.timing.rows / self.timing.seconds

    @property
    def rows_per_cpu_s(self) -> float:
        """The rate had the contestant one core to itself."""
        return self.timing.rows / self.timing.cpu_seconds


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured quantity: the median of its runs, and how far they lie apart."""

    value: float
    unit: str
    min: float
    max: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float], unit: str) -> Figure:
        """The figure of one value per run."""
        low, middle, high = (float(f"{value:.6g}") for value in (min(values), median(values), max(values)))
        return cls(middle, unit, low, high, len(values))


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found. A ratio is one figure's value divided by another's."""

    name: str
    machine: dict[str, object]
    commit: str
    parameters: dict[str, object]
    figures: dict[str, Figure]
    ratios: dict[str, float]

    def as_json(self) -> dict[str, object]:
        """The report as others read it."""
        return asdict(self)


#: Told before each run: its number from 1, how many there are, and the contestant's name.
Progress = Callable[[int, int, str], None]


def interleaved(
    contestants: Mapping[str, Contestant], warm: Fleet, runs: int, progress: Progress
) -> dict[str, list[Outcome]]:
    """All contestants in turn, so often: what else the machine does falls on all of them alike."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in contestants}
    for run in range(1, runs + 1):
        for name, contestant in contestants.items():
            progress(run, runs, name)
            outcomes[name].append(_in_child(contestant, warm))
    return outcomes


def report(
    name: str,
    parameters: dict[str, object],
    outcomes: Mapping[str, Sequence[Outcome]],
    ratios: Mapping[str, tuple[str, str]],
) -> Report:
    """Rates and peak memory of every contestant, and ratios of rates by the clock: name → (of, to)."""
    rates = {
        contestant: Figure.of([outcome.rows_per_s for outcome in runs], "rows/s")
        for contestant, runs in outcomes.items()
    }
    figures = {f"{contestant}_rows_per_s": figure for contestant, figure in rates.items()}
    for contestant, runs in outcomes.items():
        rows_per_cpu_s = [outcome.rows_per_cpu_s for outcome in runs]
        figures[f"{contestant}_rows_per_cpu_s"] = Figure.of(rows_per_cpu_s, "rows/CPU s")
    for contestant, runs in outcomes.items():
        figures[f"{contestant}_peak_mb"] = Figure.of([outcome.peak_mb for outcome in runs], "MB")
    quotients = {ratio: rates[of].value / rates[to].value for ratio, (of, to) in ratios.items()}
    rounded = {ratio: float(f"{value:.3g}") for ratio, value in quotients.items()}
    return Report(name, machine(), commit(), parameters, figures, rounded)


def _in_child(contestant: Contestant, warm: Fleet) -> Outcome:
    """A fresh process: no run finds the memory, the caches or the garbage of another."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, contestant, warm).result()


def _measured(contestant: Contestant, warm: Fleet) -> Outcome:
    timing = contestant.work(contestant.fleet, warm)
    return Outcome(timing, round(peak_bytes() / 1e6, 1))


def peak_bytes() -> int:
    """The most memory that this process ever held.

    Linux hands ru_maxrss on from the process that started this one, so its own mark is asked first.
    """
    status = Path("/proc/self/status")
    if status.exists():
        marks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        if marks:
            return int(marks[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
