"""What the columns of a table say of all its rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.sites.cells import is_unicode
from pipeline.sites.row_columns import Column, Names, RowColumns, repeated_places

Row = TypeVar("Row")
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SoundRows(Generic[Row]):
    """The rows of a table in which nothing is wrong, with their numbers in the file."""

    numbers: Sequence[int]
    rows: RowColumns[Row]

    @classmethod
    def of(
        cls,
        make: Callable[..., Row],
        columns: Mapping[str, Column],
        numbers: Sequence[int],
        is_sound: Flags,
    ) -> Self:
        """Those of all rows, shape (n,), that are sound; ``make`` gets the cells of one in this order."""
        if is_sound.all():
            return cls(numbers, RowColumns(make, columns))
        picked = {name: _picked(cells, is_sound) for name, cells in columns.items()}
        return cls(list(compress(numbers, is_sound)), RowColumns(make, picked))


def _picked(cells: Column, chosen: Flags) -> Column:
    return cells[chosen] if isinstance(cells, np.ndarray) else list(compress(cells, chosen))


def are_ids(texts: Sequence[str]) -> Flags:
    """Which of these are ids: texts that can be written, with no spaces around them."""
    if isinstance(texts, Names) and texts.are_plain:
        return np.ones(len(texts), np.bool_)
    together = " ".join(texts)
    if is_unicode(together) and together.split() == list(texts):
        return np.ones(len(texts), np.bool_)
    return np.array([text.strip() == text != "" and is_unicode(text) for text in texts], np.bool_)


def are_texts(texts: Sequence[str | None]) -> Flags:
    """Which of these can be written, or are none: nearly always all."""
    if is_unicode(" ".join(filter(None, texts))):
        return np.ones(len(texts), np.bool_)
    return np.array([text is None or is_unicode(text) for text in texts], np.bool_)


def are_known(texts: Sequence[str], known: frozenset[str] | None) -> Flags:
    """Which of these are not empty and known; where nothing is known, all pass that are not empty."""
    if all(texts) and (known is None or known.issuperset(texts)):
        return np.ones(len(texts), np.bool_)
    return np.array([text != "" and (known is None or text in known) for text in texts], np.bool_)


def shared_texts(texts: Sequence[str]) -> list[str]:
    """The same texts, of which each is one object: many rows have few."""
    kept = {text: text for text in set(texts)}
    return list(map(kept.__getitem__, texts))


def repeated(ids: Sequence[str | None], counts: Flags) -> list[int]:
    """The places of the rows whose id another one has too, in order; of those that count, shape (n,)."""
    if counts.all():
        return repeated_places(ids)
    places = np.flatnonzero(counts).tolist()
    return [places[at] for at in repeated_places([ids[place] for place in places])]
