"""Looks at what all shards report, and raises what none of them could."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.correlation.least_clock import LeastClock
from pipeline.correlation.log_gap import log_gap_alert
from pipeline.correlation.report import ShardReport
from pipeline.stream.items import AlertUpdate


class Correlator:
    """Reports in any order between shards, each shard's own in order: the same alerts come of them.

    It keeps nothing across a restart. What is due waits only for shards that are behind, and at the end of
    an epoch, where state is kept, none is: each has judged all that the epoch had.
    """

    def __init__(self, shards: Callable[[], int]) -> None:
        """``shards``: how many there are, known when the first has reported."""
        self._shards = shards
        self._clock = LeastClock()
        self._gaps: dict[int, AlertUpdate] = {}

    def take(self, reports: Iterable[ShardReport]) -> list[AlertUpdate]:
        """What is due once these are known, in order of time."""
        for report in reports:
            self._clock.note(report.shard, report.clock_ms)
            if report.gap is not None:  # every shard reports the same
                alert = log_gap_alert(report.gap)
                self._gaps[report.gap.to_ms] = AlertUpdate(alert, report.offset, report.clock_ms)
        least_ms = self._clock.at_ms(self._shards())
        return [self._gaps.pop(to_ms) for to_ms in sorted(self._gaps) if to_ms <= least_ms]
