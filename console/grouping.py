"""Rows of a site by what they are about, and the same after a change, at the cost of what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import is_not
from typing import Generic, Protocol, TypeVar


class Valid(Protocol):
    """A row that holds from an instant to another."""

    @property
    def valid_from_ms(self) -> int: ...

    @property
    def valid_to_ms(self) -> int: ...


Row = TypeVar("Row", bound=Valid)
Groups = Mapping[str, tuple[Row, ...]]
#: A change replaces rows where they are and adds them at the end; where more moved, all are looked at.
_MOVED_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Difference(Generic[Row]):
    """The rows, as objects, that are there only before or only after a change."""

    gone: Sequence[Row]
    new: Sequence[Row]


def difference(before: Sequence[Row], rows: Sequence[Row]) -> Difference[Row]:
    """What is not the very same object in both."""
    if before is rows:
        return Difference((), ())
    both = min(len(before), len(rows))
    moved = list(map(is_not, before, rows))
    gone = [*compress(before, moved), *before[both:]]
    new = [*compress(rows, moved), *rows[both:]]
    if len(gone) + len(new) > _MOVED_MOST:
        # One row that is dropped moves all behind it.
        old_ids, new_ids = set(map(id, before)), set(map(id, rows))
        gone = [row for row in before if id(row) not in new_ids]
        new = [row for row in rows if id(row) not in old_ids]
    return Difference(gone, new)


def grouped(rows: Sequence[Row], key: Callable[[Row], str]) -> Groups[Row]:
    """The rows of each id in the order in which they begin."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return {name: _in_order(of_id) for name, of_id in found.items()}


def regrouped(groups: Groups[Row], by: Difference[Row], key: Callable[[Row], str]) -> Groups[Row]:
    """The groups after a change; a group that it does not touch is the same object."""
    if not by.gone and not by.new:
        return groups
    found = dict(groups)
    gone = set(map(id, by.gone))
    for name in {key(row) for row in (*by.gone, *by.new)}:
        kept = [row for row in found.pop(name, ()) if id(row) not in gone]
        kept += [row for row in by.new if key(row) == name and all(row is not one for one in kept)]
        if kept:
            found[name] = _in_order(kept)
    return found


def _in_order(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(rows if len(rows) == 1 else sorted(rows, key=lambda row: row.valid_from_ms))
