"""What can go wrong with a log, whatever keeps it.

PipelineError
└── LogError
    ├── LogLockedError         another writer has it
    ├── LogDamagedError        a record that was durable cannot be read
    ├── AppendError            an append was not taken: nothing of it is acknowledged
    └── RecordsGoneError       a reader wants records that were removed, or that were lost
"""

from __future__ import annotations

from pipeline.errors import PipelineError


class LogError(PipelineError):
    """Root of a log's errors."""


class LogLockedError(LogError):
    """Another writer, here or in another process, has the log."""


class LogDamagedError(LogError):
    """A record that was durable cannot be read."""


class AppendError(LogError):
    """An append was not taken: nothing of it is acknowledged."""


class RecordsGoneError(LogError):
    """The records from an offset on are not in the log."""
