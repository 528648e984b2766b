"""What whoever writes or reads the log may ask of it; ``journal`` is the one that is embedded.

A log is a row of records, numbered from 0 without a gap. Marks among them are its clock. ``tests/log`` has
one suite that every log passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.log.record import Entry, Record

#: What a reader gives at a time, where nobody says otherwise.
RECORDS_MOST = 1 << 12
BYTES_MOST = 8 << 20


class LogReader(Protocol):
    """A reader at its own ``offset``, the number of the record it gives next.

    It gives what is durable and nothing else. Readers know nothing of each other and may outlive the writer.
    """

    offset: int

    @property
    def end_offset(self) -> int:
        """The offset after the last durable record; less ``offset``, it is how far the reader is behind."""

    def poll(self, records_most: int = RECORDS_MOST, bytes_most: int = BYTES_MOST) -> list[Record]:
        """The next records, none where there are none yet; never waits.

        It stops after ``records_most``, after the record with which payloads reach ``bytes_most``, and
        before what cannot be read, which the next poll then raises: LogDamagedError where a durable record
        cannot be read, RecordsGoneError where it was removed.
        """

    def close(self) -> None:
        """Lets go of what is open; a later poll opens it again."""


class OldPart(Protocol):
    """A part of the log that may be removed, and the log's clock where it ended."""

    @property
    def ended_ms(self) -> int: ...


class LogWriter(Protocol):
    """A log open for writing, by one process and any number of its threads."""

    def append(self, entries: Sequence[Entry]) -> int:
        """Makes entries durable, in order and together, and returns the offset after them.

        Raises AppendError where they were not taken; they may then be sent again. A crash before the
        return may keep some of them, each whole. An entry whose payload is above
        ``record.PAYLOAD_BYTES_MOST`` is a ValueError.
        """

    @property
    def end_offset(self) -> int:
        """The offset after the last durable record."""

    @property
    def start_ms(self) -> int:
        """The time of the log's first start mark; BEGIN_MS before it."""

    @property
    def clock_ms(self) -> int:
        """The highest mark so far, over all writers there have been; BEGIN_MS before any."""

    def reader(self, offset: int = 0) -> LogReader:
        """A reader of its own; raises RecordsGoneError where the log does not reach so far."""

    def due(self, before_ms: int) -> Sequence[OldPart]:
        """Parts that every consumer is past and that ended before an instant, oldest first.

        While no consumer has said how far it is, all is kept.
        """

    def drop_old(self, before_ms: int) -> Sequence[Any]:
        """Removes the parts that are due; returns what was removed."""

    def close(self) -> None:
        """Waits for the append that is being written, refuses later ones and lets another writer in."""


class Consumers(Protocol):
    """How far each consumer has come, so that nothing is removed that is still needed."""

    def put(self, reader: str, offset: int) -> None:
        """A consumer needs nothing before an offset; durable on return."""

    def forget(self, reader: str) -> None:
        """A consumer that will never come back keeps nothing any longer."""

    def of(self, reader: str) -> int:
        """The offset that a consumer put last; 0 where it never did."""

    def lowest(self) -> int | None:
        """The lowest offset of all consumers; None where there are none."""


class Log(Protocol):
    """A log by itself: whoever has it may read it, and one may write it."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def is_there(self) -> bool:
        """Whether anybody ever began it."""

    @property
    def first_offset(self) -> int:
        """The first record that is kept; 0 where nothing was begun."""

    @property
    def end_offset(self) -> int:
        """The offset after the last durable record; 0 where nothing was begun."""

    def offset_near_end(self, records_most: int, bytes_most: int) -> int:
        """An offset from which there are no more than so many records to the end, and about so many bytes.

        It may lie nearer to the end than it could, never further, and not before ``first_offset``.
        """

    @property
    def consumers(self) -> Consumers:
        """How far its consumers are."""

    def reader(self, offset: int = 0) -> LogReader:
        """A reader from an offset on. A log in which nothing was begun reads as empty.

        Raises RecordsGoneError where it does not reach so far.
        """

    def writer(self) -> LogWriter:
        """Opens or begins it for writing; raises LogLockedError where another writer has it."""
