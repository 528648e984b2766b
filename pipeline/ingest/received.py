"""Rows that came in: what is wrong with each, and what of them goes into the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.log.record import Entry
from pipeline.log.rows import rows_entry
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
    """Rows of one message: ``reason``, ``event_ms``, ``lines`` of all of them, ``batch`` of the usable."""

    kind: int
    reason: NDArray[np.int8]
    event_ms: NDArray[np.int64]
    batch: pa.RecordBatch
    lines: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.reason)

    def at(self, arrival_ms: int, horizon_ms: int) -> Received:
        """The same rows with what their arrival decides."""
        if is_all_timely(self.reason, self.event_ms, arrival_ms, horizon_ms):
            return self
        reason = reasons_at(self.reason, self.event_ms, arrival_ms, horizon_ms)
        return replace(self, reason=reason, batch=usable_part(self.batch, self.reason, reason))

    def entries(self, source: str, arrival_ms: int) -> list[Entry]:
        """What goes into the log; the others are reported to their sender and to nobody else."""
        if not len(self.batch):
            return []
        return [rows_entry(self.kind, self.batch, source=source, arrival_ms=arrival_ms)]

    def answer(self) -> dict[str, Any]:
        """The answer to the sender."""
        refused = np.flatnonzero(self.reason).tolist() if self.reason.any() else []
        return {
            "accepted": len(self.reason) - len(refused),
            "rejected": [{"index": row, "reason": REASONS[self.reason[row]]} for row in refused],
        }


def refusals(rows: Received, most: int) -> Iterator[tuple[int, str, str]]:
    """Place, reason and text of refused rows, at most so many."""
    for row in np.flatnonzero(rows.reason != USABLE)[:most].tolist():
        yield row, REASONS[rows.reason[row]], rows.lines[row].decode(errors="replace")


def refused(rows: Received, reason: int) -> Received:
    """The same rows where all that is usable is refused, as the protocol they came by says."""
    found = rows.reason.copy()
    found[found == USABLE] = reason
    return replace(rows, reason=found, batch=rows.batch.slice(0, 0))


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


def is_all_timely(
    reason: NDArray[np.int8], event_ms: NDArray[np.int64], arrival_ms: int, horizon_ms: int
) -> bool:
    """Whether all rows are usable and their arrival changes nothing of that, as with nearly all messages."""
    if not len(reason) or reason.any():
        return False
    return bool(event_ms.max() <= arrival_ms + AHEAD_MOST_MS and event_ms.min() >= arrival_ms - horizon_ms)


def usable_part(batch: pa.RecordBatch, before: NDArray[np.int8], now: NDArray[np.int8]) -> pa.RecordBatch:
    """Of the rows that were usable by the reasons of all rows before, those that still are."""
    kept = (now == USABLE)[before == USABLE]
    return batch if kept.all() else batch.filter(pa.array(kept))
