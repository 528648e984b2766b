"""What the columns of a table say of all its rows at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import compress
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.sites.cells import is_unicode
from pipeline.sites.row_columns import Column, RowColumns

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
    together = " ".join(texts)
    if is_unicode(together) and together.split() == list(texts):
        return np.ones(len(texts), np.bool_)
    return np.array([text.strip() == text != "" and is_unicode(text) for text in texts], np.bool_)


def are_texts(texts: Sequence[str | None]) -> Flags:
    """Which of these can be written, or are none: nearly always all."""
    if is_unicode(" ".join(filter(None, texts))):
        return np.ones(len(texts), np.bool_)
    return np.array([text is None or is_unicode(text) for text in texts], np.bool_)


def are_known(texts: Sequence[str], known: Set[str] | None) -> Flags:
    """Which of these are not empty and known; where nothing is known, all pass that are not empty."""
    distinct = set(texts)
    if "" not in distinct and (known is None or distinct <= known):
        return np.ones(len(texts), np.bool_)
    return np.array([text != "" and (known is None or text in known) for text in texts], np.bool_)


def shared_texts(texts: Sequence[str]) -> list[str]:
    """The same texts, of which each is one object: many rows have few."""
    kept: dict[str, str] = {}
    return [kept.setdefault(text, text) for text in texts]


def repeated(ids: Sequence[str | None], counts: Iterable[bool]) -> list[int]:
    """The places of the rows that count whose id another one of them has too, in order."""
    places = list(compress(range(len(ids)), counts))
    chosen = [ids[place] for place in places]
    if len(set(chosen)) == len(chosen):
        return []
    times = Counter(chosen)
    return [place for place in places if times[ids[place]] > 1]
