"""The log's clock as a reader meets it: marks, and what a gap between them means."""

from __future__ import annotations

from dataclasses import dataclass

from geofences.instant import BEGIN_MS
from pipeline.log.record import START, Record, previous_ms

#: Marks farther apart than this are a time in which nobody was listening (contract §4).
GAP_MOST_MS = 60_000


@dataclass(frozen=True, slots=True)
class ClockGap:
    """A gap between two marks, in which nothing could be received; no device counts as silent for it."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class ClockMark:
    """The log's clock has come to ``at_ms``: all that arrived before it stands before it in the log.

    ``previous_ms`` is the mark before (None for a journal's first), ``is_start``: the journal
    was opened here.
    """

    at_ms: int
    previous_ms: int | None
    is_start: bool

    @classmethod
    def of(cls, record: Record) -> ClockMark:
        """The mark that a record is."""
        before_ms = previous_ms(record)
        return cls(record.clock_ms, None if before_ms == BEGIN_MS else before_ms, record.kind == START)

    @property
    def clock_gap(self) -> ClockGap | None:
        """The gap before this mark, where it is longer than a log's clock may stand still."""
        if self.previous_ms is None or self.at_ms - self.previous_ms <= GAP_MOST_MS:
            return None
        return ClockGap(self.previous_ms, self.at_ms)
