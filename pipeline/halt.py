"""Stopping a flow for a fault outside the program: a step that raises would make the runtime panic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from geofences.errors import GeofenceError
from pipeline.errors import PipelineError

#: Faults of the input, the site or the machine; anything else is a bug and may end the process.
FAULTS = (GeofenceError, PipelineError, OSError)


class Halt:
    """Set by the step that meets a fault; the source then ends, and later steps do nothing more."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __bool__(self) -> bool:
        return self.error is not None

    @contextmanager
    def at_fault(self) -> Iterator[None]:
        """Keep the first fault raised within."""
        try:
            yield
        except FAULTS as error:
            self.error = self.error or error

    def reraise(self) -> None:
        """Raise the fault, if there was one, where somebody can tell the user."""
        if self.error is not None:
            raise self.error
