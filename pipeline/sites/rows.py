"""The rows of one table of a site: they never change, but give others at the cost of what is another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Generic, NamedTuple, Protocol, Self, TypeVar, overload

from geofences.instant import END_MS
from pipeline.sites.row_columns import ByName, Column, RowColumns, column_of

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)


class Base(Protocol[Row_co]):
    """Rows as they were read, at places from 0 on; all that is made of them by changes shares it."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Row_co: ...

    def __iter__(self) -> Iterator[Row_co]: ...

    def places(self, by: str, name: str) -> Sequence[int]:
        """Where the rows are whose column ``by`` holds a name, in order."""

    def column(self, name: str) -> Column:
        """What a field of all rows holds, shape (n,)."""


class Held(ByName, Generic[Row]):
    """A base of rows that stand in memory."""

    def __init__(self, rows: Iterable[Row]) -> None:
        super().__init__()
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Row:
        return self._rows[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def column(self, name: str) -> Column:
        return column_of(name, map(attrgetter(name), self._rows))


class Moved(NamedTuple, Generic[Row]):
    """What a place held before and holds now; None: nothing."""

    place: int
    before: Row | None
    now: Row | None


class Rows(Sequence[Row], Generic[Row]):
    """Rows in their order. ``changed`` gives another one that shares all rows that did not change.

    A row keeps its place for as long as there is one about the same id that begins at the same instant;
    new rows come behind all others. Places of rows that are gone stay empty, so that they are no indexes.
    """

    def __init__(self, base: Base[Row], about: str, *others: str) -> None:
        """``about`` and ``others``: the columns that rows are asked for by, first what they are about."""
        self._base = base
        self._by = (about, *others)
        #: What stands at a place instead of what the base has there, or behind it.
        self._put: dict[int, Row | None] = {}
        self._end = len(base)
        #: The empty places in order.
        self._gone: tuple[int, ...] = ()
        #: Where rows of ``_put`` stand by column and name; there may be others by now.
        self._more: dict[tuple[str, str], tuple[int, ...]] = {}

    def about(self, name: str, by: str | None = None) -> list[Row]:
        """The rows whose column ``by`` holds a name (by default those about an id), in order."""
        column = self._by[0] if by is None else by
        if not self._put:
            return [self._base[place] for place in self._base.places(column, name)]
        value = attrgetter(column)
        found = [self._at(place) for place in self._places(column, name)]
        return [row for row in found if row is not None and value(row) == name]

    def __contains__(self, row: object) -> bool:
        name = getattr(row, self._by[0], None)
        return name is not None and row in self.about(name)

    def changed(self, names: Collection[str], rows: Iterable[Row]) -> Self:
        """The same where the rows about these ids are others: those of ``rows`` that are about them."""
        name_of = attrgetter(self._by[0])
        found = {(name_of(row), _begin_ms(row)): row for row in rows if name_of(row) in names}
        new = self.__class__.__new__(self.__class__)
        new._base, new._by, new._end = self._base, self._by, self._end
        new._put, new._more = self._put.copy(), self._more.copy()
        gone = []
        for name in names:
            for place in self._places(self._by[0], name):
                old = self._at(place)
                if old is None or name_of(old) != name:
                    continue
                row = found.pop((name, _begin_ms(old)), None)
                if row is None:
                    gone.append(place)
                    new._put[place] = None
                else:
                    new._stand(place, row)
        new._gone = tuple(sorted((*self._gone, *gone))) if gone else self._gone
        for row in found.values():
            new._stand(new._end, row)
            new._end += 1
        return new

    def moved_since(self, before: Rows[Row]) -> list[Moved[Row]] | None:
        """What other places hold than before, by place; None where the two were not made of the same base."""
        if before._base is not self._base:
            return None
        there, here = before._put, self._put
        places = {place for place, row in here.items() if row is not there.get(place, self)}
        places.update(there.keys() - here.keys())
        return [Moved(place, before._at(place), self._at(place)) for place in sorted(places)]

    def column(self, name: str) -> Column:
        """A field of all rows, ``area.shape`` for one of a field's own, shape (n,)."""
        cells = self._base.column(name)
        if not self._put:
            return cells
        value, held = attrgetter(name), [*cells, *[None] * (self._end - len(cells))]
        for place, row in self._put.items():
            if row is not None:
                held[place] = value(row)
        for place in reversed(self._gone):
            del held[place]
        return column_of(name, held)

    def placed(self) -> Iterator[tuple[int, Row]]:
        """All rows, each with its place."""
        for place in range(self._end):
            row = self._at(place)
            if row is not None:
                yield place, row

    def __len__(self) -> int:
        return self._end - len(self._gone)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._base) if not self._put else (row for _, row in self.placed())

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...

    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"no row {index} of {len(self)}")
        if not self._put:
            return self._base[number]
        # Before the n-th empty place there are as many rows as its own number less n.
        empty = bisect_right(range(len(self._gone)), number, key=lambda n: self._gone[n] - n)
        row = self._at(number + empty)
        assert row is not None, "empty places are passed over"
        return row

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Rows, tuple, list)):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Rows({list(self)!r})"

    def _stand(self, place: int, row: Row) -> None:
        self._put[place] = row
        for column in self._by:
            key = column, getattr(row, column)
            there = self._more.get(key, ())
            if place not in there:
                self._more[key] = (*there, place)

    def _at(self, place: int) -> Row | None:
        if place in self._put:
            return self._put[place]
        return self._base[place] if place < len(self._base) else None

    def _places(self, column: str, name: str) -> Sequence[int]:
        """Where rows of a name stand or stood, in order."""
        places = self._base.places(column, name)
        more = self._more.get((column, name))
        return places if more is None else sorted({*places, *more})


def as_rows(rows: Iterable[Row], about: str, *others: str) -> Rows[Row]:
    """Rows that can be asked for by these columns."""
    if isinstance(rows, Rows):
        return rows
    return Rows(rows if isinstance(rows, RowColumns) else Held(rows), about, *others)


def _begin_ms(row: object) -> int:
    return int(getattr(row, "valid_from_ms", END_MS))
