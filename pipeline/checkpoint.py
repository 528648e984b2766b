"""The state of a part of the engine, to be stored and restored from; how is another matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

Rows = Mapping[str, NDArray[Any]]

#: The generation of what grows on from the rows of a stored state, as long as these stay as they were.
STORED = -1


class Growing(Protocol):
    """Equal-length columns that rows are added to; ``generation`` changes when other rows change or go.

    It is ``STORED`` while they begin with the rows of the state that they were restored from.
    """

    @property
    def generation(self) -> int: ...

    def __len__(self) -> int: ...

    def rows_from(self, first: int) -> Rows:
        """All columns from a row on; their cells never change, whatever becomes of the rows."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A part's state: ``whole`` is written anew each time, of each thing in ``growing`` what it gained.

    ``content`` is that whole, or makes it, at any time and in any thread, from what was taken down.
    ``place`` is how far in the log the part has come, ``others`` how far those behind it were sent.
    """

    content: bytes | Callable[[], bytes]
    growing: Mapping[str, Growing]
    place: int = 0
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bytes:
        """What is written anew, as bytes."""
        return self.content if isinstance(self.content, bytes) else self.content()

    def stored(self) -> Stored:
        """The same as ``CheckpointStore.get`` would give it."""
        rows = {name: grown.rows_from(0) for name, grown in self.growing.items()}
        copied = {
            name: {key: cells.copy() for key, cells in columns.items()} for name, columns in rows.items()
        }
        return Stored(self.whole, copied, self.place, self.others)


@dataclass(frozen=True, slots=True)
class Stored:
    """A state as it was put; ``rows`` are the columns of each growing thing by name."""

    whole: bytes
    rows: Mapping[str, Rows]
    place: int = 0
    others: Mapping[str, int] = field(default_factory=dict)
