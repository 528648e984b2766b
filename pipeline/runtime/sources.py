"""Where the log comes from: bytewax sources over recorded files and over the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition

from pipeline.log.decoded import DecodedLog
from pipeline.reading.raw_batch import RawBatch
from pipeline.runtime.agreement import Agreement, place_of, sealed_place
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.runtime.halt import Halt
from pipeline.stream.items import EpochStart, LogEnd, LogItem

#: Opens the items of a recorded log after its first so many rows.
OpenLog = Callable[[int], Iterator[LogItem]]

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
    def __init__(self, batches: Iterator[LogItem], rows: int, until_ms: int | None, halt: Halt) -> None:
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
        self._rows += len(batch) if isinstance(batch, RawBatch) else 0
        return [batch]

    def snapshot(self) -> int:
        """The rows read, which is where the next reading begins; the end itself is sent again."""
        return self._rows


#: So much of the log is read at a time where it is behind, some 20,000 rows: of four times as many, which are
#: hardly done with sooner, the first would wait half a second for the last.
_BYTES_MOST = 2 << 20
#: How long an empty journal is left alone.
_REST = timedelta(milliseconds=20)


class LiveLog(FixedPartitionedSource[LogItem, str]):
    """The journal from where the last run's state was kept, until somebody says stop."""

    def __init__(
        self,
        open_log: Callable[[int], DecodedLog],
        halt: Halt,
        stop: Event,
        done_with: Callable[[int], None],
        agreement: Agreement,
        store: CheckpointStore,
    ) -> None:
        """``done_with`` gets the earliest offset from which a restart may ask for the log.

        States are written behind to the ``store`` until the last epoch is to be closed.
        """
        self._store = store
        self._agreement = agreement
        self._open_log = open_log
        self._halt = halt
        self._stop = stop
        self._done_with = done_with

    def list_parts(self) -> list[str]:
        return [_PART]

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> _LivePart:
        log, offset = None, 0
        with self._halt.at_fault():
            offset = place_of(resume_state)
            self._agreement.source(offset)
            log = self._open_log(offset)
        return _LivePart(log, offset, self._halt, self._stop, self._done_with, self._store)


class _LivePart(StatefulSourcePartition[LogItem, str]):
    def __init__(
        self,
        log: DecodedLog | None,
        resumed: int,
        halt: Halt,
        stop: Event,
        done_with: Callable[[int], None],
        store: CheckpointStore,
    ) -> None:
        """Without a log, for which there is a fault, it only ends. ``resumed``: what it went on from."""
        self._log = log
        self._halt = halt
        self._stop = stop
        self._done_with = done_with
        self._store = store
        self._is_behind = True
        #: Where the last epoch that had items ended, which is what the next one such tells the runtime.
        self._ended = resumed
        self._told = resumed
        self._is_begun = False
        self._keeps = True
        self._kept = 0 if log is None else log.offset
        self._awake: datetime | None = None

    def next_batch(self) -> Iterable[LogItem]:
        if self._halt or self._log is None:
            raise AbortExecution  # the end of the input would commit what the fault left undone
        if self._stop.is_set():
            self._is_behind = False
            self._store.catch_up()
            raise StopIteration
        items: list[LogItem] = []
        with self._halt.at_fault():
            items += self._log.poll(bytes_most=_BYTES_MOST)
        # Where nothing comes any more, one epoch more tells of what was written behind.
        if not self._is_begun and (items or self._ended != self._told):
            self._is_begun, self._keeps = True, not self._store.is_writing
            items.insert(0, EpochStart(keeps=self._keeps))
        # The runtime compares with the machine's clock; no judgement depends on it.
        self._awake = None if items else datetime.now(UTC) + _REST
        return items

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> str:
        """Where a restart goes on; the offset returned the last time is committed by now.

        It is where the states of the other steps are that are told of in the same epoch: those of the end of
        the last epoch before in which any were kept. Where nothing came in an epoch, or states were still
        being written when it began, none of them is kept, and nothing is told anew.
        """
        with self._halt.at_fault():
            self._done_with(self._kept)
        self._halt.forbid_commit()
        assert self._log is not None, "a fault says why"
        if not self._is_behind:
            self._told = self._log.offset
        elif self._is_begun and self._keeps:
            self._told, self._ended = self._ended, self._log.offset
        self._is_begun = False
        self._kept = max(self._kept, self._told)
        return sealed_place(self._told)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
