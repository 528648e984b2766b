"""What can go wrong with a journal beyond what can with any log: where on the disk it did."""

from __future__ import annotations

from pathlib import Path

from pipeline.log.errors import LogDamagedError, LogLockedError


class JournalLockedError(LogLockedError):
    """Another writer, here or in another process, has the journal."""


class JournalDamagedError(LogDamagedError):
    """A record that was durable cannot be read; carries where it stands."""

    def __init__(self, segment: Path, position: int, number: int, wrong: str) -> None:
        super().__init__(
            f"{segment}: byte {position}: record {number}: {wrong}; `fencewatch data repair` sets it aside"
        )
        self.segment = segment
        self.position = position
        self.number = number
