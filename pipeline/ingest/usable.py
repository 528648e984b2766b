"""The usable rows of a message, as far as they are made when it comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Protocol, Self

import pyarrow as pa
from numpy.typing import NDArray

from pipeline.log.record import Entry
from pipeline.log.rows import cells_entry, rows_entry


class Usable(Protocol):
    """Usable rows as columns of the contract; only their arrival is still to come."""

    def __len__(self) -> int: ...

    def part(self, kept: NDArray[Any]) -> Self:
        """Some of the rows; ``kept`` (n,) is true for them."""

    def entry(self, kind: int, source: str, arrival_ms: int) -> Entry:
        """The record that they become; of no rows there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class UsableBatch:
    """Many rows, in Arrow."""

    batch: pa.RecordBatch

    def __len__(self) -> int:
        return len(self.batch)

    def part(self, kept: NDArray[Any]) -> UsableBatch:
        """Some of the rows."""
        return UsableBatch(self.batch.filter(pa.array(kept)))

    def entry(self, kind: int, source: str, arrival_ms: int) -> Entry:
        """Their record."""
        return rows_entry(kind, self.batch, source=source, arrival_ms=arrival_ms)


@dataclass(frozen=True, slots=True, eq=False)
class UsableCells:
    """Few rows, in lists by column: Arrow is asked once, when their arrival is known."""

    rows: int
    cells: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.rows

    def part(self, kept: NDArray[Any]) -> UsableCells:
        """Some of the rows."""
        flags = kept.tolist()
        cells = {name: list(compress(column, flags)) for name, column in self.cells.items()}
        return UsableCells(sum(flags), cells)

    def entry(self, kind: int, source: str, arrival_ms: int) -> Entry:
        """Their record."""
        return cells_entry(kind, self.cells, source=source, arrival_ms=arrival_ms)


NONE_USABLE = UsableCells(0)
