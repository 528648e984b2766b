"""What can go wrong with a journal.

PipelineError
└── JournalError
    ├── JournalLocked     another writer has it
    ├── JournalDamaged    a record that was durable cannot be read
    ├── AppendFailed      the disk did not take an append: nothing of it is acknowledged
    └── RecordsGone       a reader wants records that are not there: removed by retention, or lost
"""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import PipelineError


class JournalError(PipelineError):
    """Root of the journal's errors."""


class JournalLocked(JournalError):
    """Another writer, here or in another process, has the journal."""


class JournalDamaged(JournalError):
    """A record that was durable cannot be read; carries where it stands."""

    def __init__(self, segment: Path, position: int, number: int, wrong: str) -> None:
        super().__init__(f"{segment}: byte {position}: record {number}: {wrong}")
        self.segment = segment
        self.position = position
        self.number = number


class AppendFailed(JournalError):
    """The disk did not take an append: nothing of it is acknowledged."""


class RecordsGone(JournalError):
    """The records from an offset on are not in the journal."""
