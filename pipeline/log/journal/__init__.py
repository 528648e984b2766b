"""The embedded durable log in front of the engine.

A journal is a directory: segments named by their first record, ``end`` (how far the log is durable), ``lock``
(held by the one writer) and a ``NAME.floor`` for each reader that keeps segments from being removed.
What its records hold is imported from ``rows`` and ``log``: who only looks at the files needs no decoder.
"""

from pipeline.log.journal.consumer_offsets import ConsumerOffsets
from pipeline.log.journal.errors import JournalDamagedError, JournalLockedError
from pipeline.log.journal.journal import SEGMENT_BYTES, Journal
from pipeline.log.journal.reader import JournalReader
from pipeline.log.journal.recovery import TailCut
from pipeline.log.marks import ClockGap, ClockMark
from pipeline.log.record import Entry, Record, clock_mark, start_mark

__all__ = [
    "SEGMENT_BYTES",
    "ClockGap",
    "ClockMark",
    "ConsumerOffsets",
    "Entry",
    "Journal",
    "JournalDamagedError",
    "JournalLockedError",
    "JournalReader",
    "Record",
    "TailCut",
    "clock_mark",
    "start_mark",
]
