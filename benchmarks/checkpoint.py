"""``checkpoint``: how long the engine stands still to keep its state, beside writing all of it each time."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.bare_engine import BareEngine
from benchmarks.fleet import Fleet, fleet
from benchmarks.machine import commit, machine
from benchmarks.measurement import Figure, Progress, Report
from benchmarks.settings import Settings
from pipeline.checkpoint import Checkpoint
from pipeline.engine.shard import Shard
from pipeline.host.disk import put_file
from pipeline.reading import Challenges
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.stream.division import SHARDS
from pipeline.stream.intake import Intake

PEOPLE, HOURS, RUNS = 2_000, 168.0, 3
START = "2025-07-14T06:00:00+08:00"
#: Rows between two checkpoints, and checkpoints that are timed at the end of the stream.
BATCH_ROWS, TIMED = 16_384, 10

#: Units by how names of figures end.
_UNITS = {"s": "s", "mb": "MB"}
#: Values of one run by the name of their figure.
Values = dict[str, float]


def checkpoint(settings: Settings, progress: Progress) -> Report:
    """Measure checkpoints of an engine that holds a stream, each after some more rows of it."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    whole = fleet("county", people, hours, settings.seed, START)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for run in range(1, runs + 1):
        progress(run, runs, "checkpoint")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            for name, value in pool.submit(_measured, whole).result().items():
                found[name].append(value)
    figures = {name: Figure.of(values, _UNITS[name.rpartition("_")[2]]) for name, values in found.items()}
    parameters: dict[str, object] = {
        "scenario": "county", "people": people, "hours": hours, "start": START, "seed": settings.seed,
        "rows": whole.rows, "batch_rows": BATCH_ROWS, "shards": SHARDS, "timed": TIMED,
    }  # fmt: skip
    ratio = figures["all_pause_s"].value / figures["pause_s"].value
    return Report(
        "checkpoint", machine(), commit(), parameters, figures, {"vs_writing_all": float(f"{ratio:.3g}")}
    )


def _measured(whole: Fleet) -> Values:
    engine = BareEngine(whole)
    batches = list(engine.batches(BATCH_ROWS))
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        grown, everything = _Grown(directory / "grown"), _Everything(directory / "all")
        for batch in batches[:-TIMED]:
            engine.ingest(batch)
        grown.put(engine.states())
        seconds: defaultdict[str, float] = defaultdict(float)
        for batch in batches[-TIMED:]:
            engine.ingest(batch)
            for name, keeper in (("pause_s", grown.put), ("all_pause_s", everything.put)):
                seconds[name] += _seconds(lambda keeper=keeper: keeper(engine.states()))  # type: ignore[misc]
        values = {name: total / len(batches[-TIMED:]) for name, total in seconds.items()}
        return values | {"restore_s": _seconds(lambda: grown.restore(engine)), "all_mb": everything.mb()}


class _Grown:
    """The store as the live engine has it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._store = CheckpointStore(directory)
        self._tokens: dict[str, str] = {}

    def put(self, states: Mapping[str, Callable[[], Checkpoint]]) -> None:
        self._tokens = {part: self._store.put(part, made()) for part, made in states.items()}

    def restore(self, engine: BareEngine) -> None:
        store = CheckpointStore(self._directory)
        Intake(engine.compiled.site.policies, Challenges()).restore(store.get(self._tokens["intake"]))
        for number in range(SHARDS):
            Shard(engine.compiled, number).restore(store.get(self._tokens[f"shard-{number}"]))


class _Everything:
    """The baseline: each part pickled as one, in a file of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()

    def put(self, states: Mapping[str, Callable[[], Checkpoint]]) -> None:
        for part, made in states.items():
            state = made()
            rows = {name: growing.rows_from(0) for name, growing in state.growing.items()}
            put_file(self._directory / part, pickle.dumps((state.whole, rows), protocol=5))

    def mb(self) -> float:
        return sum(path.stat().st_size for path in self._directory.iterdir()) / 1e6


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
