"""A jump of the machine's clock that is not followed, as readiness and figures tell it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from pipeline.host.steady_clock import Doubt
from sinks.alert import instant_text


def clock_problem(doubt: Doubt) -> str:
    """What is wrong and what will come of it, in a line."""
    way = "ahead of" if doubt.ahead_ms > 0 else "behind"
    until_ms = doubt.believed_ms
    hope = (
        "is never followed by itself" if until_ms is None else f"is followed from {instant_text(until_ms)} on"
    )
    return (
        f"the machine's clock jumped and is {abs(doubt.ahead_ms) // 1000} s {way} the log's, which goes on "
        f"without it since {instant_text(doubt.since_ms)}; if it stays so, it {hope}; "
        "`fencewatch clock confirm` if the machine is right"
    )


def clock_figures(doubt: Doubt | None) -> Iterator[Metric]:
    """By how much the machine's clock is ahead of ours, and is not followed."""
    yield GaugeMetricFamily(
        "fencewatch_clock_doubted_seconds",
        "How far the machine's clock is ahead of the log's after a jump that is not followed; 0 without one.",
        value=0.0 if doubt is None else doubt.ahead_ms / 1000,
    )
