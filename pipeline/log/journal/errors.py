"""What can go wrong with a journal.

PipelineError
└── JournalError
    ├── JournalLockedError     another writer has it
    ├── JournalDamagedError    a record that was durable cannot be read
    ├── AppendError            the disk did not take an append: nothing of it is acknowledged
    └── RecordsGoneError       a reader wants records that were removed, or that the disk lost
"""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import PipelineError


class JournalError(PipelineError):
    """Root of the journal's errors."""


class JournalLockedError(JournalError):
    """Another writer, here or in another process, has the journal."""


class JournalDamagedError(JournalError):
    """A record that was durable cannot be read; carries where it stands."""

    def __init__(self, segment: Path, position: int, number: int, wrong: str) -> None:
        super().__init__(
            f"{segment}: byte {position}: record {number}: {wrong}; `fencewatch data repair` sets it aside"
        )
        self.segment = segment
        self.position = position
        self.number = number


class AppendError(JournalError):
    """The disk did not take an append: nothing of it is acknowledged."""


class RecordsGoneError(JournalError):
    """The records from an offset on are not in the journal."""
