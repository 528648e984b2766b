"""Which fences have which numbers: by id, by selector and by scope; shared by all versions of a site."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, compress, repeat
from operator import is_, is_not
from typing import Any, Generic, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from geofences.appending import Appending
from geofences.fence import Fence
from pipeline.engine.names_by_hash import NamesByHash
from pipeline.sites.row_columns import Column, cells_of, first_places

Ints = NDArray[np.int64]
Row = TypeVar("Row")
Name = TypeVar("Name", bound=Hashable)
Name_contra = TypeVar("Name_contra", bound=Hashable, contravariant=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged on its own: the keep_in fences of one group, or one keep_out fence."""

    keep_in: bool
    name: str


class Chained(Sequence[Row]):
    """Rows behind one another, of which the first may be very many."""

    def __init__(self, parts: Sequence[Sequence[Row]]) -> None:
        self._parts = [part for part in parts if len(part)]

    def column(self, name: str) -> Column:
        """A field of all rows, shape (n,)."""
        cells: list[Column] = [cells_of(part, name) for part in self._parts or [[]]]
        if len(cells) == 1:
            return cells[0]
        is_array = all(isinstance(part, np.ndarray) for part in cells)
        return np.concatenate(cells) if is_array else list(chain.from_iterable(cells))

    def add(self, rows: Sequence[Row]) -> None:
        """Rows behind all others."""
        if self._parts and isinstance(self._parts[-1], list):
            self._parts[-1].extend(rows)
        else:
            self._parts.append([*rows])

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @overload
    def __getitem__(self, number: int) -> Row: ...

    @overload
    def __getitem__(self, number: slice) -> list[Row]: ...

    def __getitem__(self, number: int | slice) -> Row | list[Row]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        for part in self._parts:
            if number < len(part):
                return part[number]
            number -= len(part)
        raise IndexError("there are not so many rows")


class Known(Protocol[Name_contra]):
    """Rising numbers by name."""

    def get(self, name: Name_contra, default: tuple[int, ...] = ..., /) -> tuple[int, ...]:
        """Those of a name."""


class NumbersByNumber:
    """The places at which each number stands, in order, as a NumbersByName begins with them."""

    def __init__(self, numbers: Sequence[int]) -> None:
        """None of them is negative."""
        column = np.array(numbers, np.int64)
        self._places = np.argsort(column, kind="stable")
        self._ends = np.cumsum(np.bincount(column))

    def get(self, number: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The places of one number."""
        if not 0 <= number < len(self._ends):
            return default
        first = int(self._ends[number - 1]) if number else 0
        return tuple(self._places[first : self._ends[number]].tolist())


class Selectors:
    """The fences of each selector, which were known at first."""

    def __init__(self, applies_to: Column) -> None:
        self._named = NamesByHash(list(chain.from_iterable(applies_to)))
        counts = np.fromiter(map(len, applies_to), np.int64, len(applies_to))
        self._fence = np.repeat(np.arange(len(counts)), counts)

    def get(self, selector: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Those of one selector, rising."""
        return tuple(self._fence[list(self._named.get(selector))].tolist()) or default

    def pairs(self, selectors: Iterable[str]) -> tuple[Ints, Ints]:
        """Pairs of the place of a selector among these, and a fence of it; in order of both."""
        place, named = self._named.pairs(selectors)
        return place, self._fence[named]


class NumbersByName(Generic[Name]):
    """Rising numbers by name: those that were known at first, which are many, and those that came behind."""

    def __init__(self, first: Known[Name]) -> None:
        self.first = first
        self._more: dict[Name, list[int]] = {}

    def of(self, name: Name) -> list[int]:
        """The numbers of a name."""
        return [*self.first.get(name, ()), *self._more.get(name, ())]

    def add(self, name: Name, number: int) -> None:
        """One that is greater than all before."""
        self._more.setdefault(name, []).append(number)


class Scopes(Sequence[Scope]):
    """The scopes by number, which are made when they are asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.keep_in: list[bool] = []
        self._begun = NamesByHash([])
        self._numbers: dict[tuple[bool, str], int] = {}

    def number(self, keep_in: bool, name: str) -> int:
        """The number of a scope, which it gets now where it has none."""
        found = self.find(keep_in, name)
        if found < 0:
            found = self._numbers[keep_in, name] = len(self.names)
            self.names.append(name)
            self.keep_in.append(keep_in)
        return found

    def find(self, keep_in: bool, name: str) -> int:
        """The number of a scope, -1 where it has none."""
        begun = (number for number in self._begun.get(name) if self.keep_in[number] == keep_in)
        return next(begun, self._numbers.get((keep_in, name), -1))

    def begin(self, keep_in: list[bool], names: Column) -> Ints:
        """``number`` of all of these, shape (n,); before any other."""
        first, kind = first_places(names), np.array(keep_in, np.bool_)
        if (kind[first] != kind).any():  # a name is of both kinds
            first = first_places(list(zip(keep_in, names, strict=True)))
        is_first = first == np.arange(len(names))
        self.names, self.keep_in = list(compress(names, is_first)), list(compress(keep_in, is_first))
        self._begun = NamesByHash(names if is_first.all() else [*self.names])
        numbers: Ints = (np.cumsum(is_first) - 1)[first]
        return numbers

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, number: int) -> Scope: ...

    @overload
    def __getitem__(self, number: slice) -> list[Scope]: ...

    def __getitem__(self, number: int | slice) -> Scope | list[Scope]:
        if isinstance(number, slice):
            return list(map(Scope, self.keep_in[number], self.names[number]))
        return Scope(self.keep_in[number], self.names[number])


class SharedColumns:
    """Columns by name that all versions share."""

    def __init__(self) -> None:
        self._held: dict[str, Appending] = {}

    def also(self, name: str, cells: object, dtype: DTypeLike) -> NDArray[Any]:
        """A column with more cells."""
        more = np.asarray(cells, dtype)
        if name not in self._held:
            self._held[name] = Appending(more)
            return more
        return self._held[name].also(more)

    def make_room(self) -> None:
        """So that the next cells need not."""
        for column in self._held.values():
            column.make_room()


class FenceNumbers:
    """What fences have which numbers; all versions share it, and each passes over what is not its own."""

    def __init__(self) -> None:
        self.columns = SharedColumns()
        self.fences: Chained[Fence] = Chained([])
        #: Whom each fence is for, and the fences that were asked for.
        self.applies_to: list[tuple[str, ...]] = []
        self._made: dict[int, Fence] = {}
        self.scopes = Scopes()
        self.selectors = Selectors([])
        self.of_scope: NumbersByName[int] = NumbersByName(NumbersByNumber([]))
        self.by_id: NumbersByName[str] = NumbersByName(NamesByHash([]))
        self.by_selector: NumbersByName[str] = NumbersByName(self.selectors)

    def add(self, fences: Sequence[Fence], known: int) -> list[int]:
        """Fences from a number on; their scopes, -1 for circles of leaves, which apply to nobody."""
        ids, groups, selectors = (cells_of(fences, name) for name in ("fence_id", "group", "applies_to"))
        self.applies_to += selectors
        # Circles of leaves come behind all others, and apply to nobody.
        count = len(fences) if all(selectors) else list(map(bool, selectors)).index(False)
        scope = self._scopes_of(ids, groups, selectors, count)
        if known == 0:
            self.fences = Chained([fences])
            self._begin(scope[:count], _first(ids, count), _first(selectors, count))
            self._add(scope[count:], ids[count:], selectors[count:], count)
        else:
            self.fences.add(fences)
            self._add(scope, ids, selectors, known)
        return scope

    def fence(self, number: int) -> Fence:
        """A fence, or the circle of a leave."""
        found = self._made.get(number)
        if found is None:
            found = self._made[number] = self.fences[number]
        return found

    def _scopes_of(self, ids: Column, groups: Column, selectors: Column, count: int) -> list[int]:
        """The scope of each; up to ``count`` all apply to somebody."""
        names: Column = [group or fence_id for fence_id, group in zip(ids, groups, strict=True)]
        if all(map(is_, names, ids)):  # of which more is known
            names = ids
        keep_in = list(map(is_not, groups, repeat(None)))
        begun = [] if self.scopes else self.scopes.begin(keep_in[:count], _first(names, count)).tolist()
        number, first = self.scopes.number, len(begun)
        return begun + [
            number(keeps_in, name) if applies_to else -1
            for name, keeps_in, applies_to in zip(
                names[first:], keep_in[first:], selectors[first:], strict=True
            )
        ]

    def _begin(self, scope: list[int], ids: Column, selectors: Column) -> None:
        """The fences up to the first circle of a leave, by whole columns."""
        self.of_scope = NumbersByName(NumbersByNumber(scope))
        self.by_id = NumbersByName(NamesByHash(ids))
        self.selectors = Selectors(selectors)
        self.by_selector = NumbersByName(self.selectors)

    def _add(self, scope: list[int], ids: Column, selectors: Column, known: int) -> None:
        for number, (of, fence_id, applies_to) in enumerate(zip(scope, ids, selectors, strict=True), known):
            if of >= 0:
                self.of_scope.add(of, number)
                self.by_id.add(fence_id, number)
                for selector in applies_to:
                    self.by_selector.add(selector, number)


def _first(cells: Column, count: int) -> Column:
    """The first so many cells: nearly always all, of which more may be known."""
    return cells if count == len(cells) else cells[:count]
