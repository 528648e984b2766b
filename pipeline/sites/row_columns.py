"""Rows of a site as columns; a row becomes an object when somebody asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

Row = TypeVar("Row")
#: Texts are lists, numbers and shapes are arrays.
Column = Sequence[Any] | NDArray[Any]

#: The columns that are arrays, by the names of the fields that they hold.
_ARRAYS: Mapping[str, DTypeLike] = {
    "valid_from_ms": np.int64,
    "valid_to_ms": np.int64,
    "area.shape": np.object_,
    "area.reach_m": np.float64,
    "tolerance_m": np.float64,
    "has_policy_tolerance": np.bool_,
}


def column_of(name: str, cells: Iterable[Any]) -> Column:
    """Cells as the column of a name."""
    held = list(cells)
    if name not in _ARRAYS:
        return held
    made = np.empty(len(held), _ARRAYS[name])
    made[:] = held
    return made


class Names(list[str]):
    """A column of texts that stays as it is, with what was noted of each while it was read.

    Later each look at a million texts is a look at a million places of memory, which costs more than reading.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hashes: list[NDArray[np.int64]] = []
        #: Whether none is empty or has a space or an odd sign in it; one that has may be sound all the same.
        self.are_plain = True

    def take(self, texts: Sequence[str]) -> None:
        """Further texts, which were read just now."""
        self.extend(texts)
        self._hashes.append(np.fromiter(map(hash, texts), np.int64, len(texts)))
        together = "".join(texts)
        is_plain = together.isascii() and together.isprintable() and " " not in together and all(texts)
        self.are_plain = self.are_plain and is_plain

    def join(self, others: Sequence[Names]) -> None:
        """The texts of others behind these."""
        for other in others:
            self.extend(other)
            self._hashes += other._hashes
            self.are_plain = self.are_plain and other.are_plain

    def changed(self, cells: Mapping[int, Any]) -> Names:
        """The same with others at some places, which may be none."""
        made, of = Names(), self.hashes.copy()
        made.extend(self)
        for place, cell in cells.items():
            made[place], of[place] = cell, hash(cell)
        made._hashes, made.are_plain = [of], False
        return made

    @cached_property
    def hashes(self) -> NDArray[np.int64]:
        """The hash of each, shape (n,)."""
        return np.concatenate([np.empty(0, np.int64), *self._hashes])

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The places by hash, those of one hash in order, shape (n,)."""
        return in_order_of(self.hashes)

    @cached_property
    def hashes_in_order(self) -> NDArray[np.int64]:
        """The hashes of the places in that order, shape (n,)."""
        return self.hashes[self.order]


def in_order_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of numbers in the order of these, of equal ones as they stand, shape (n,)."""
    order = np.argsort(numbers)  # much sooner than a stable one, which only equal numbers need
    ordered = numbers[order]
    return np.argsort(numbers, kind="stable") if (ordered[1:] == ordered[:-1]).any() else order


class ByName:
    """What has columns is looked up by their names, from the first time on that somebody asks by one."""

    def __init__(self) -> None:
        self._found: dict[str, Mapping[str, int | tuple[int, ...]]] = {}

    def column(self, name: str) -> Column:
        """A column of all rows, shape (n,)."""
        raise NotImplementedError

    def places(self, by: str, name: str) -> Sequence[int]:
        """Where the rows are whose column ``by`` holds a name, in order."""
        found = self._found.get(by)
        if found is None:
            column = self.column(by)
            if isinstance(column, Names):  # a table of them would hold up all else for a second a million
                return places_of(name, column, *by_hash(column))
            found = self._found[by] = places_by_name(column)
        places = found.get(name, ())
        return (places,) if isinstance(places, int) else places


class RowColumns(ByName, Generic[Row]):
    """Rows of equal-length columns, by the names of a record's fields; a base of ``Rows``.

    A row is made when it is first asked for, and is the same object from then on.
    """

    def __init__(self, make: Callable[..., Row], columns: Mapping[str, Column]) -> None:
        """``make`` gets the cells of a row in the order of the columns."""
        super().__init__()
        self._make = make
        self._columns = dict(columns)
        self._length = len(next(iter(self._columns.values())))
        self._made: dict[int, Row] = {}

    def column(self, name: str) -> Column:
        """A column of all rows, shape (n,)."""
        return self._columns[name]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, place: int) -> Row:
        row = self._made.get(place)
        if row is None:
            if not 0 <= place < self._length:
                raise IndexError(f"no row {place} of {self._length}")
            row = self._made[place] = self._make(*(_cell(cells, place) for cells in self._columns.values()))
        return row

    def __iter__(self) -> Iterator[Row]:
        columns = [
            cells.tolist() if isinstance(cells, np.ndarray) else cells for cells in self._columns.values()
        ]
        for place, cells in enumerate(zip(*columns, strict=True)):
            row = self._made.get(place)
            if row is None:
                row = self._made[place] = self._make(*cells)
            yield row


class Picked(Sequence[Row]):
    """Some rows of a table, by their indexes in it."""

    def __init__(self, rows: Sequence[Row], indexes: NDArray[np.int64]) -> None:
        self._rows = rows
        self.indexes = indexes
        self._are_all = len(indexes) == len(rows) and np.array_equal(indexes, np.arange(len(rows)))

    def column(self, name: str) -> Column:
        """A field of these rows, shape (n,); nothing may change it."""
        cells: Column = cells_of(self._rows, name)
        if self._are_all:
            return cells
        if isinstance(cells, np.ndarray):
            return cells[self.indexes]
        return list(map(cells.__getitem__, self.indexes.tolist()))

    def __len__(self) -> int:
        return len(self.indexes)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return Picked(self._rows, self.indexes[index])
        return self._rows[int(self.indexes[index])]


def cells_of(rows: Sequence[Any], name: str) -> Any:
    """A field of any rows as a column: as they have it by columns, else gathered from the objects."""
    column = getattr(rows, "column", None)
    return column_of(name, map(attrgetter(name), rows)) if column is None else column(name)


def _cell(cells: Column, place: int) -> Any:
    return cells.item(place) if isinstance(cells, np.ndarray) else cells[place]


def hashes(names: Iterable[Hashable]) -> NDArray[np.int64]:
    """The hash of each, shape (n,); texts bear theirs once somebody has asked."""
    return names.hashes if isinstance(names, Names) else np.fromiter(map(hash, names), np.int64)


def by_hash(names: Column) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places by hash, those of one hash in order, and the hashes in that order, shape (n,) each."""
    if isinstance(names, Names):
        return names.order, names.hashes_in_order
    of = hashes(names)
    order = in_order_of(of)
    return order, of[order]


def places_of(
    name: Hashable, names: Column, order: NDArray[np.int64], hashes_in_order: NDArray[np.int64]
) -> list[int]:
    """Where a name stands in a column, in order; the last two are what ``by_hash`` gives."""
    begin, end = (int(np.searchsorted(hashes_in_order, hash(name), side)) for side in ("left", "right"))
    return [place for place in order[begin:end].tolist() if names[place] == name]


def repeated_places(names: Column) -> list[int]:
    """The places of the names that stand at another place too, in order; costs no table of all of them."""
    of = hashes(names)
    ordered = names.hashes_in_order if isinstance(names, Names) else np.sort(of)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return []
    places = np.flatnonzero(np.isin(of, twice)).tolist()
    times = Counter(map(names.__getitem__, places))
    return [place for place in places if times[names[place]] > 1]


def first_places(names: Column) -> NDArray[np.int64]:
    """The first place of the name at each place, shape (n,)."""
    first, known = np.arange(len(names)), dict[Any, int]()
    for place in repeated_places(names):
        first[place] = known.setdefault(names[place], place)
    return first


def places_by_name(names: Column) -> dict[Any, int | tuple[int, ...]]:
    """The places of each name, in order; most names have one, which needs no tuple."""
    found: dict[Any, int | tuple[int, ...]] = dict(zip(names, range(len(names)), strict=True))
    if len(found) == len(names):
        return found
    several: dict[Any, tuple[int, ...]] = {}
    for place in repeated_places(names):
        several[names[place]] = (*several.get(names[place], ()), place)
    return found | several
