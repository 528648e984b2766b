"""Figures for Prometheus: what the console counts itself, and what it reads of the engine and the queue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from console.clock_health import clock_figures
from console.live_site import LiveSite
from console.liveness import Liveness
from console.parts import ConsoleParts
from pipeline.ingest.arriving import Arriving
from pipeline.ping import PING
from pipeline.reading.rows import REASONS, USABLE
from sinks.disposal import QueueStats
from sinks.run_metrics import RunMetrics

# When a counter began says nothing here that its value does not.
disable_created_metrics()  # type: ignore[no-untyped-call]

_STREAMS = ("confirmations", "pings")


class Figures:
    """One registry per console, so that two in a process do not count together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._received = self._counter("fencewatch_received_rows", "Rows sent to the gateway.", "stream")
        self._accepted = self._counter("fencewatch_accepted_rows", "Rows made durable.", "stream")
        #: Looked up once, as each costs as much as counting does.
        self._by_stream = [
            (self._received.labels(stream), self._accepted.labels(stream)) for stream in _STREAMS
        ]
        self._rejected = self._counter("fencewatch_rejected_rows", "Rows the gateway refused.", "reason")
        says = "Requests refused for their token."
        self._refused = self._counter("fencewatch_refused_requests", says, "reason")
        self._append_seconds = Histogram(
            "fencewatch_journal_append_seconds",
            "How long one write to the log took to be on disk.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
            registry=self.registry,
        )

    def count(self, rows: Arriving) -> None:
        """Rows that were settled."""
        received, accepted = self._by_stream[rows.kind == PING]
        received.inc(len(rows))
        for code, found in enumerate(np.bincount(rows.reason).tolist()):
            if code == USABLE:
                accepted.inc(found)
            elif found:
                self._rejected.labels(REASONS[code]).inc(found)

    def count_lost(self, lost: Callable[[], int]) -> None:
        """Where to ask how many refused rows could not be kept for whoever looks for them."""
        says = "Refused rows that could not be kept."
        gauge = Gauge("fencewatch_rejects_lost_rows", says, registry=self.registry)
        gauge.set_function(lost)

    def refused(self, why: str) -> None:
        """A request that was refused at the door."""
        self._refused.labels(why).inc()

    def appended(self, seconds: float) -> None:
        """One write to the log is on disk after so long."""
        self._append_seconds.observe(seconds)

    def _counter(self, name: str, says: str, label: str) -> Counter:
        return Counter(name, says, [label], registry=self.registry)


class StandingFigures(Collector):
    """What is looked up when somebody asks."""

    def __init__(self, parts: ConsoleParts, live_site: LiveSite, live: Liveness) -> None:
        self._parts = parts
        self._live_site = live_site
        self._live = live

    def collect(self) -> Iterator[Metric]:
        """Every figure that is not counted here."""
        now_ms = self._parts.now_ms()
        yield _gauge(
            "fencewatch_clock_speed", "How much faster than real time the clock runs.", self._parts.speed
        )
        yield from clock_figures(self._parts.doubt())
        yield from _of_queue(self._parts.queue.stats(now_ms=now_ms))
        yield from _of_liveness(self._live, self._live_site.directory().offices.keys())
        figures = engine_report(self._parts)
        if figures is not None:
            yield from _of_engine(figures, now_ms, self._parts.log.end_offset)

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the database."""
        return []


def engine_report(parts: ConsoleParts) -> RunMetrics | None:
    """What the engine last told of itself."""
    return None if parts.run_metrics is None else RunMetrics.read(parts.run_metrics)


def tick_lag_s(figures: RunMetrics, now_ms: int) -> float | None:
    """How far the engine's clock is behind ours, in seconds of that clock."""
    return None if figures.clock_ms is None else max(0, now_ms - figures.clock_ms) / 1000


def _of_queue(stats: QueueStats) -> Iterator[Metric]:
    depth = GaugeMetricFamily(
        "fencewatch_queue_alerts", "Alerts by kind and state.", labels=["kind", "state"]
    )
    for kind, by_state in stats.by_kind.items():
        for state, found in by_state.items():
            depth.add_metric([kind, state.value], found)
    yield depth
    raised = {kind: sum(by_state.values()) for kind, by_state in stats.by_kind.items()}
    yield _by("fencewatch_engine_alerts", "Alerts raised, withdrawn ones included.", "kind", raised)
    yield _gauge("fencewatch_queue_depth", "Alerts that wait for somebody.", stats.waiting)
    age_s = (stats.oldest_open_age_ms or 0) / 1000
    yield _gauge("fencewatch_queue_oldest_open_age_seconds", "Age of the oldest open alert.", age_s)


def _of_liveness(live: Liveness, offices: Collection[str]) -> Iterator[Metric]:
    reports = live.reports(offices)
    stalled = float(live.engine.is_stalled)
    yield _gauge("fencewatch_engine_stalled", "1 while the engine does not get on though it could.", stalled)
    yield _gauge("fencewatch_devices", "Devices of people now supervised.", reports.devices)
    yield _gauge("fencewatch_devices_overdue", "Of these, devices whose report is overdue.", reports.overdue)


def _of_engine(figures: RunMetrics, now_ms: int, end_offset: int) -> Iterator[Metric]:
    yield _counted("fencewatch_engine_rows", "Rows the engine read.", figures.rows)
    yield _counted("fencewatch_engine_accepted_rows", "Rows the engine accepted.", figures.accepted)
    yield _by("fencewatch_engine_rejected_rows", "Rows the engine refused.", "reason", figures.rejected)
    lag = max(0, end_offset - figures.offset)
    yield _gauge("fencewatch_log_lag_records", "Records of the log the engine has yet to read.", lag)
    tick = tick_lag_s(figures, now_ms)
    if tick is not None:
        yield _gauge("fencewatch_tick_lag_seconds", "How far the engine's clock is behind.", tick)
    age_s = max(0, now_ms - figures.at_ms) / 1000
    yield _gauge("fencewatch_engine_report_age_seconds", "Since the engine last told of itself.", age_s)
    writes = SummaryMetricFamily(
        "fencewatch_sink_write_seconds", "Time for a batch to be durable in the sinks."
    )
    writes.add_metric([], count_value=figures.writes, sum_value=figures.write_s_sum)
    yield writes
    yield _gauge("fencewatch_sink_write_seconds_max", "The longest of these.", figures.write_s_max)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def _counted(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(name, says, value=value)


def _by(name: str, says: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, says, labels=[label])
    for value, found in sorted(values.items()):
        family.add_metric([value], found)
    return family
