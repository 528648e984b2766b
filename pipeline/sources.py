"""Where the log comes from: bytewax sources over recorded files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from pipeline.halt import Halt
from pipeline.merge import RawBatch
from pipeline.stream import LogEnd, LogItem

#: Opens the merged batches of a recorded log after its first so many rows.
OpenLog = Callable[[int], Iterator[RawBatch]]

_PART = "log"


class RecordedLog(FixedPartitionedSource[LogItem, int]):
    """One merged sequence of recorded rows, then its end; resumes after the rows that were taken."""

    def __init__(self, open_log: OpenLog, until_ms: int | None, halt: Halt) -> None:
        self._open_log = open_log
        self._until_ms = until_ms
        self._halt = halt

    def list_parts(self) -> list[str]:
        return [_PART]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _RecordedPart:
        rows = resume_state or 0
        return _RecordedPart(self._open_log(rows), rows, self._until_ms, self._halt)


class _RecordedPart(StatefulSourcePartition[LogItem, int]):
    def __init__(self, batches: Iterator[RawBatch], rows: int, until_ms: int | None, halt: Halt) -> None:
        self._batches = batches
        self._rows = rows
        self._until_ms = until_ms
        self._halt = halt
        self._ended = False

    def next_batch(self) -> Iterable[LogItem]:
        batch = None
        with self._halt.at_fault():
            batch = next(self._batches, None)
        if self._ended or self._halt:
            raise StopIteration
        if batch is None:
            self._ended = True
            return [LogEnd(self._until_ms)]
        self._rows += len(batch)
        return [batch]

    def snapshot(self) -> int:
        """The rows read, which is where the next reading begins; the end itself is told again."""
        return self._rows
