"""Stopping a flow for a fault outside the program: a step that raises would make the runtime panic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from geofences.errors import GeofenceError
from pipeline.errors import PipelineError
from sinks.errors import SinkFailed

#: Faults of the input, the site or the machine; anything else is a bug and may end the process.
FAULTS = (GeofenceError, PipelineError, SinkFailed, OSError)


class Halted(RuntimeError):  # noqa: N818 - what happened, not that it is wrong
    """State was to be kept after a fault; only the runtime sees this, and cannot commit the epoch."""


class Halt:
    """Set by the step that meets a fault; the source then ends, and later steps do nothing more.

    Where ``commits``, a run keeps its state: what came since it was last kept must then be read again, so
    nothing of the epoch in which the fault was met may be committed.
    """

    def __init__(self, *, commits: bool = False) -> None:
        self.error: Exception | None = None
        self._commits = commits

    def __bool__(self) -> bool:
        return self.error is not None

    @contextmanager
    def at_fault(self) -> Iterator[None]:
        """Keep the first fault raised within."""
        try:
            yield
        except FAULTS as error:
            self.error = self.error or error

    def forbid_commit(self) -> None:
        """Called wherever state is kept. Raises Halted after a fault."""
        if self._commits and self.error is not None:
            raise Halted("no state is kept after a fault") from self.error

    def reraise(self) -> None:
        """Raise the fault, if there was one, where it can be reported to the user."""
        if self.error is not None:
            raise self.error
