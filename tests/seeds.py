"""Seeds of random worlds: the first few at every run, all of them in the long form."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

SHORT = 12


def seeds(count: int, short: int | Collection[int] = SHORT) -> list[Any]:
    """The numbers below ``count``, as the values of a parameter; ``short``: how many of them, or which."""
    return in_short(range(count), range(short) if isinstance(short, int) else short)


def in_short(numbers: Iterable[int], short: Collection[int]) -> list[Any]:
    """Any numbers, of which those in ``short`` are for every run."""
    return [n if n in short else pytest.param(n, marks=pytest.mark.soak) for n in numbers]
