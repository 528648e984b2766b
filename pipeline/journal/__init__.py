"""The embedded durable log in front of the engine.

A journal is a directory: segments named by their first record, ``end`` (how far the log is durable), ``lock``
(held by the one writer) and a ``NAME.floor`` for each reader that keeps segments from being removed.
"""

from pipeline.journal.errors import (
    AppendError,
    JournalDamagedError,
    JournalError,
    JournalLockedError,
    RecordsGoneError,
)
from pipeline.journal.floors import Floors
from pipeline.journal.journal import SEGMENT_BYTES, Journal
from pipeline.journal.log import JournalLog, Logged, logged
from pipeline.journal.marks import Blindness, ClockMark
from pipeline.journal.reader import JournalReader
from pipeline.journal.record import Entry, Record, clock_mark, start_mark
from pipeline.journal.recovery import TailCut
from pipeline.journal.rows import RowDecoder, RowSpan, row_span, rows_entry

__all__ = [
    "SEGMENT_BYTES",
    "AppendError",
    "Blindness",
    "ClockMark",
    "Entry",
    "Floors",
    "Journal",
    "JournalDamagedError",
    "JournalError",
    "JournalLockedError",
    "JournalLog",
    "JournalReader",
    "Logged",
    "Record",
    "RecordsGoneError",
    "RowDecoder",
    "RowSpan",
    "TailCut",
    "clock_mark",
    "logged",
    "row_span",
    "rows_entry",
    "start_mark",
]
