"""What the journal's writer wants of rows, and of whoever counts them."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.log.record import Entry


class Arriving(Protocol):
    """Rows of one message or of one piece of a file; ``kind`` and ``reason`` (n,) are as in ``Received``."""

    @property
    def kind(self) -> int: ...

    @property
    def reason(self) -> NDArray[np.int8]: ...

    def __len__(self) -> int: ...

    def at(self, arrival_ms: int, horizon_ms: int) -> Self:
        """The same rows with what their arrival decides."""

    def entries(self, source: str, arrival_ms: int) -> list[Entry]:
        """What of them goes into the log."""


class WriterFigures(Protocol):
    """Who counts what the writer does."""

    def count(self, rows: Arriving) -> None:
        """Rows that were settled."""

    def appended(self, seconds: float) -> None:
        """One write is on disk after so long."""


class NoFigures:
    """Nobody counts."""

    def count(self, rows: Arriving) -> None: ...

    def appended(self, seconds: float) -> None: ...
