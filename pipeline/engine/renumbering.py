"""From the numbers of one site to those of another, by the names of what is numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import Rows
from pipeline.engine.moved_columns import NewNumbers
from pipeline.engine.names import LISTS
from pipeline.sites.row_columns import hashes

Ints = NDArray[np.int64]
#: Odd numbers by which the parts of a name are mixed.
_MIX = (0x2545F4914F6CDD1D, 0x369DEA0F31A53F85, 0x1B873593CC9E2D51)


@dataclass(frozen=True, slots=True, eq=False)
class Renumbering:
    """The new number of each old one, -1 where there is none any more; and how many there are now."""

    people: NewNumbers
    bindings: NewNumbers
    episodes: NewNumbers
    scopes: Ints | Sequence[int]
    leaves: Ints
    new_leaves: list[int]

    @classmethod
    def between(cls, old: Rows, new: Rows, scopes: Ints) -> Renumbering:
        """From the names of one site to those of another, both as the columns of ``names``."""
        found = [_numbers(*(_of_list(rows, which) for rows in (old, new))) for which in LISTS]
        people, bindings, episodes, leaves = found
        there = range(int((new["list"] == LISTS[-1]).sum()))
        new_leaves = sorted(set(there) - set(leaves.tolist()))
        of_all = NewNumbers(people), NewNumbers(bindings), NewNumbers(episodes)
        return cls(*of_all, scopes, leaves, new_leaves)


def _of_list(rows: Rows, which: int) -> tuple[NDArray[Any], ...]:
    chosen = rows["list"] == which
    return tuple(rows[name][chosen] for name in ("name", "person", "number"))


def _numbers(old: tuple[NDArray[Any], ...], new: tuple[NDArray[Any], ...]) -> Ints:
    """The place of each old name, shape (n,), among the new ones."""
    if all(np.array_equal(before, after) for before, after in zip(old, new, strict=True)):
        return np.arange(len(old[0]))
    of_old, of_new = _hashes(old), _hashes(new)
    order = np.argsort(of_new, kind="stable")
    ordered = of_new[order]
    at = np.searchsorted(ordered, of_old)
    at[at == len(ordered)] = 0
    found = np.flatnonzero(ordered[at] == of_old) if len(ordered) else np.empty(0, np.int64)
    place = order[at[found]]
    same = (bool((before[found] == after[place]).all()) for before, after in zip(old, new, strict=True))
    if (ordered[1:] == ordered[:-1]).any() or not all(same):  # two names have one hash
        return _numbers_by_name(old, new)
    # A name that went and came again stands twice among the old ones: the last is in use.
    last = np.full(len(of_new), -1)
    np.maximum.at(last, place, found)
    numbers = np.full(len(of_old), -1)
    numbers[last[last >= 0]] = np.flatnonzero(last >= 0)
    return numbers


def _hashes(name: tuple[NDArray[Any], ...]) -> Ints:
    """A hash of each name, shape (n,): of its texts and its number together."""
    texts, persons, number = name
    mixed = hashes(texts.tolist()) * _MIX[0] + hashes(persons.tolist()) * _MIX[1] + number * _MIX[2]
    return np.asarray(mixed ^ (mixed >> 29), np.int64)


def _numbers_by_name(old: tuple[NDArray[Any], ...], new: tuple[NDArray[Any], ...]) -> Ints:
    keys = list(zip(*(cells.tolist() for cells in old), strict=True))
    names = zip(*(cells.tolist() for cells in new), strict=True)
    place_of = dict(zip(names, range(len(new[0])), strict=True))
    last = dict(zip(keys, range(len(keys)), strict=True))
    places = (place_of.get(key, -1) if last[key] == place else -1 for place, key in enumerate(keys))
    return np.fromiter(places, np.int64, len(keys))
