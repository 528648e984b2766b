"""What somebody with the file in their hands may do to a chain of records: one random change."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Runs a statement with named values.
Execute = Callable[[str, dict[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Chain:
    """A table of ``records`` records numbered from 1, and the table with its head.

    ``columns`` are all but the number, ``changes`` what each may be changed to, ``copied`` expressions for a
    copied record where a plain copy could not stand beside the first.
    """

    table: str
    number: str
    columns: Sequence[str]
    changes: Mapping[str, Callable[[random.Random], Any]]
    head: str  # the statement that sets the head to the record :last
    records: int
    copied: Mapping[str, str] = field(default_factory=dict)


def mutated(chain: Chain, execute: Execute, rng: random.Random) -> tuple[str, int]:
    """Mutates once; the kind of change, and the first record that is no longer what it was."""
    kind = rng.choice((_change, _change, _remove, _close_up, _insert, _append, _swap, _truncate))
    return kind.__name__, kind(chain, execute, rng)


def _any(chain: Chain, rng: random.Random) -> int:
    return rng.randint(1, chain.records)


def _change(chain: Chain, execute: Execute, rng: random.Random) -> int:
    column = rng.choice(list(chain.changes))
    number = _any(chain, rng)
    values = {"value": chain.changes[column](rng), "number": number}
    execute(f"UPDATE {chain.table} SET {column} = :value WHERE {chain.number} = :number", values)
    return number


def _remove(chain: Chain, execute: Execute, rng: random.Random) -> int:
    number = _any(chain, rng)
    execute(f"DELETE FROM {chain.table} WHERE {chain.number} = :number", {"number": number})
    return number


def _close_up(chain: Chain, execute: Execute, rng: random.Random) -> int:
    """Remove one and number the others anew."""
    number = _remove(chain, execute, rng)
    for later in range(number + 1, chain.records + 1):
        _renumber(chain, execute, later, later - 1)
    return number


def _insert(chain: Chain, execute: Execute, rng: random.Random) -> int:
    """A copy of any other record than the one that stood there, which would be that one once more."""
    number = _any(chain, rng)
    for later in range(chain.records, number - 1, -1):
        _renumber(chain, execute, later, later + 1)
    others = [other for other in range(1, chain.records + 2) if other not in (number, number + 1)]
    _copy(chain, execute, rng.choice(others), number)
    return number


def _append(chain: Chain, execute: Execute, rng: random.Random) -> int:
    _copy(chain, execute, _any(chain, rng), chain.records + 1)
    return chain.records + 1


def _swap(chain: Chain, execute: Execute, rng: random.Random) -> int:
    first, second = sorted(rng.sample(range(1, chain.records + 1), 2))
    for old, new in ((first, -1), (second, first), (-1, second)):
        _renumber(chain, execute, old, new)
    return first


def _truncate(chain: Chain, execute: Execute, rng: random.Random) -> int:
    """The tail goes, and the head is set to what then is the end: only a head kept elsewhere tells."""
    number = _any(chain, rng)
    execute(f"DELETE FROM {chain.table} WHERE {chain.number} >= :number", {"number": number})
    execute(chain.head, {"last": number - 1})
    return number


def _renumber(chain: Chain, execute: Execute, old: int, new: int) -> None:
    execute(
        f"UPDATE {chain.table} SET {chain.number} = :new WHERE {chain.number} = :old",
        {"old": old, "new": new},
    )


def _copy(chain: Chain, execute: Execute, source: int, number: int) -> None:
    names = ", ".join(chain.columns)
    told = ", ".join(chain.copied.get(name, name) for name in chain.columns)
    execute(
        f"INSERT INTO {chain.table} ({chain.number}, {names})"
        f" SELECT :number, {told} FROM {chain.table} WHERE {chain.number} = :source",
        {"number": number, "source": source},
    )
