"""Rows that came in: what is wrong with each, and what of them goes into the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ingest.usable import NONE_USABLE, Usable
from pipeline.log.record import Entry
from pipeline.reading.rows import (
    AHEAD_MOST_MS,
    BAD_COORDINATES,
    BAD_TIME,
    BAD_VALUE,
    REASONS,
    TOO_LATE,
    USABLE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """Rows of one message: ``reason``, ``event_ms``, ``lines`` of all of them, ``usable`` of the usable.

    ``span_ms`` has the first and the last event where all rows are usable, as with nearly all messages; else
    None.
    """

    kind: int
    reason: NDArray[np.int8]
    event_ms: NDArray[np.int64]
    usable: Usable
    lines: Sequence[bytes]
    span_ms: tuple[int, int] | None

    def __len__(self) -> int:
        return len(self.reason)

    def at(self, arrival_ms: int, horizon_ms: int) -> Received:
        """The same rows with what their arrival decides."""
        if self.span_ms is not None and _is_timely(self.span_ms, arrival_ms, horizon_ms):
            return self
        reason = reasons_at(self.reason, self.event_ms, arrival_ms, horizon_ms)
        kept = still_usable(self.reason, reason)
        usable = self.usable if kept.all() else self.usable.part(kept)
        return replace(self, reason=reason, usable=usable, span_ms=span_of(reason, self.event_ms))

    def entries(self, source: str, arrival_ms: int) -> list[Entry]:
        """What goes into the log; the others are reported to their sender and to nobody else."""
        return [self.usable.entry(self.kind, source, arrival_ms)] if len(self.usable) else []

    def answer(self) -> dict[str, Any]:
        """The answer to the sender."""
        refused = [] if self.span_ms is not None else np.flatnonzero(self.reason).tolist()
        return {
            "accepted": len(self.reason) - len(refused),
            "rejected": [{"index": row, "reason": REASONS[self.reason[row]]} for row in refused],
        }


def span_of(reason: NDArray[np.int8], event_ms: NDArray[np.int64]) -> tuple[int, int] | None:
    """First and last event where all rows are usable; else None."""
    if not len(reason) or reason.any():
        return None
    return int(event_ms.min()), int(event_ms.max())


def refusals(rows: Received, most: int) -> Iterator[tuple[int, str, str]]:
    """Place, reason and text of refused rows, at most so many."""
    for row in np.flatnonzero(rows.reason != USABLE)[:most].tolist():
        yield row, REASONS[rows.reason[row]], rows.lines[row].decode(errors="replace")


def refused(rows: Received, reason: int) -> Received:
    """The same rows where all that is usable is refused, as the protocol they came by says."""
    found = rows.reason.copy()
    found[found == USABLE] = reason
    return replace(rows, reason=found, usable=NONE_USABLE, span_ms=None)


#: Whether a row with a reason has a time that can be read.
_READABLE = np.isin(np.arange(len(REASONS)), (USABLE, BAD_COORDINATES, BAD_VALUE))


def reasons_at(
    reason: NDArray[np.int8], event_ms: NDArray[np.int64], arrival_ms: int, horizon_ms: int
) -> NDArray[np.int8]:
    """The reasons (n,) with what the arrival decides: a clock too far ahead, and too late."""
    found = reason.copy()
    found[_READABLE[found] & (event_ms > arrival_ms + AHEAD_MOST_MS)] = BAD_TIME
    found[(found == USABLE) & (event_ms < arrival_ms - horizon_ms)] = TOO_LATE
    return found


def still_usable(before: NDArray[np.int8], now: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Of the rows that were usable by the reasons of all rows before, whether each still is."""
    kept: NDArray[np.bool_] = (now == USABLE)[before == USABLE]
    return kept


def _is_timely(span_ms: tuple[int, int], arrival_ms: int, horizon_ms: int) -> bool:
    return span_ms[1] <= arrival_ms + AHEAD_MOST_MS and span_ms[0] >= arrival_ms - horizon_ms
