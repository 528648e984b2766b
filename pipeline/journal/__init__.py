"""The embedded durable log in front of the engine.

A journal is a directory: segments named by their first record, ``end`` (how far the log is durable), ``lock``
(held by the one writer) and a ``NAME.floor`` for each reader that keeps segments from being removed.
What its records hold is imported from ``rows`` and ``log``: who only looks at the files needs no decoder.
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
from pipeline.journal.marks import Blindness, ClockMark
from pipeline.journal.reader import JournalReader
from pipeline.journal.record import Entry, Record, clock_mark, start_mark
from pipeline.journal.recovery import TailCut

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
    "JournalReader",
    "Record",
    "RecordsGoneError",
    "TailCut",
    "clock_mark",
    "start_mark",
]
