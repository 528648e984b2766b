"""From the numbers of one site to those of another, by the names of what is numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.names import Key, Names

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Renumbering:
    """The new number of each old one, -1 where there is none any more; and how many there are now."""

    people: Ints
    bindings: Ints
    episodes: Ints
    scopes: Ints
    leaves: Ints
    new_leaves: list[int]

    @classmethod
    def between(cls, old: Names, new: Names) -> Renumbering:
        """From the names of one site to those of another."""
        leaves = _numbers(old.leaves, new.leaves)
        return cls(
            people=_numbers(old.people, new.people),
            bindings=_numbers(old.bindings, new.bindings),
            episodes=_numbers(old.episodes, new.episodes),
            scopes=_numbers(old.scopes, new.scopes),
            leaves=leaves,
            new_leaves=sorted(set(range(len(new.leaves))) - set(leaves.tolist())),
        )


def _numbers(old: Sequence[Key], new: Sequence[Key]) -> Ints:
    number = {key: place for place, key in enumerate(new)}
    return np.array([number.get(key, -1) for key in old], np.int64)
