"""``live``: from the answer that a row is durable until its alert is committed in the queue, under load."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.changing_system import Process, running_process
from benchmarks.gateway import gateway, process_of
from benchmarks.live_client import Clients, Fleet, Mark, Sent, watch_queue
from benchmarks.machine import commit, machine
from benchmarks.measurement import Progress, Report
from benchmarks.nation import Nation, nation_site
from benchmarks.settings import Settings
from benchmarks.values import Values, figures_of, of_runs, quantile, quotients
from fencewatch.config import FIGURES, read_settings
from sinks.run_metrics import RunMetrics

PEOPLE, RUNS = 200_000, 1
#: Rows a second, and of each device no more than one in so many seconds.
ROWS_PER_S, EVERY_S = 50_000, 2
#: Requests a second, at which rate the log's clock goes on, and the connections that they come on.
POSTS_PER_S, CONNECTIONS = 50, 64
#: A request of the quiet phase has one in so many of the rows.
QUIET = 100
#: How long the quiet phase is measured, the load is on before it is measured, and then is measured.
QUIET_S, SETTLING_S, LOADED_S = 10.0, 10.0, 30.0
#: How long a start is waited for, and alerts at the end.
_WITHIN_S = 900.0


def live(settings: Settings, progress: Progress) -> Report:
    """Measure a `serve` and a `run` of their own in each run, over HTTP on this machine."""
    people, _, runs = settings.or_default(PEOPLE, 0.0, RUNS)
    nation = Nation(people)
    body_rows = max(1, min(ROWS_PER_S, people // EVERY_S) // POSTS_PER_S)
    site = nation_site(nation)
    values = of_runs("live", runs, progress, partial(_measured, nation, site, body_rows))
    figures = figures_of(values)
    parameters: dict[str, object] = {
        "people": people, "asked_rows_per_s": body_rows * POSTS_PER_S, "body_rows": body_rows,
        "connections": CONNECTIONS, "quiet_s": QUIET_S, "settling_s": SETTLING_S, "loaded_s": LOADED_S,
        "seed": settings.seed, "hours": settings.hours or 0.0,
    }  # fmt: skip
    ratios = quotients(figures, {"vs_quiet": ("p50_s", "quiet_p50_s")})
    kept = figures["rows_per_s"].value / (body_rows * POSTS_PER_S)
    return Report(
        "live", machine(), commit(), parameters, figures, ratios | {"vs_asked_rate": float(f"{kept:.3g}")}
    )


def _measured(nation: Nation, site: Path, body_rows: int) -> Values:
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch).resolve()
        with gateway(site, home) as serving, process_of("run", serving.config) as run:
            clients = Clients(serving.port, serving.token, CONNECTIONS)
            system = read_settings(serving.config)
            _wait_for(system.queue, lambda: run.poll() is None)
            with running_process(watch_queue, system.queue) as watcher:
                return _phases(clients, watcher, nation, body_rows, system.data / FIGURES)


def _phases(clients: Clients, watcher: Process, nation: Nation, body_rows: int, told: Path) -> Values:
    few, many = Fleet(nation, max(1, body_rows // QUIET)), Fleet(nation, body_rows)
    _judging(clients, watcher, few)
    quiet = clients.send(few, POSTS_PER_S, QUIET_S)
    quiet_s = _until_alerts(watcher, quiet)
    before = _told(told)
    clients.send(many, POSTS_PER_S, SETTLING_S)
    loaded = clients.send(many, POSTS_PER_S, LOADED_S)
    # The clock of the log goes on with the next rows, so the last alerts are there after some more.
    clients.send(few, POSTS_PER_S, 1.0)
    loaded_s, after = _until_alerts(watcher, loaded), _told(told)
    return {
        "p50_s": quantile(loaded_s, 50),
        "p99_s": quantile(loaded_s, 99),
        "quiet_p50_s": quantile(quiet_s, 50),
        "quiet_p99_s": quantile(quiet_s, 99),
        "answer_p50_s": quantile(loaded.latencies_s, 50),
        "answer_p99_s": quantile(loaded.latencies_s, 99),
        "rows_per_s": loaded.rows / loaded.seconds,
        "judged_rows_per_s": (after.rows - before.rows) / (after.at_ms - before.at_ms) * 1e3,
    }


def _told(path: Path) -> RunMetrics:
    """What the engine has done, of which it tells each second."""
    told = RunMetrics.read(path)
    assert told is not None, "it has judged rows"
    return told


def _wait_for(queue: Path, is_running: Callable[[], bool]) -> None:
    """Until the engine has made the queue, or has ended."""
    ends_s = time.monotonic() + _WITHIN_S
    while not queue.exists():
        if not is_running() or time.monotonic() > ends_s:
            raise RuntimeError("run has made no queue")
        time.sleep(0.1)


def _judging(clients: Clients, watcher: Process, fleet: Fleet) -> None:
    """Rows until alerts come of them as soon as they are sent: the engine has started."""
    ends_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < ends_s:
        sent = clients.send(fleet, POSTS_PER_S, 1.0)
        seen: Mapping[Mark, float] = watcher.ask("seen")
        if any(mark in seen for mark in sent.answered_s):
            return
    raise RuntimeError("the engine judges nothing")


def _until_alerts(watcher: Process, sent: Sent) -> list[float]:
    """Seconds from the answer to each marked row until its alert was in the queue.

    It may be there before the client has heard the answer.
    """
    ends_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < ends_s:
        seen: Mapping[Mark, float] = watcher.ask("seen")
        if all(mark in seen for mark in sent.answered_s):
            return [max(seen[mark] - answered_s, 1e-6) for mark, answered_s in sent.answered_s.items()]
        time.sleep(0.5)
    raise RuntimeError("the engine does not keep up with the rows")
