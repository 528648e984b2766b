"""Seeds of random worlds: the first few at every run, all of them in the long form."""

from __future__ import annotations

from typing import Any

import pytest

SHORT = 12


def seeds(count: int, short: int = SHORT) -> list[Any]:
    """The numbers below ``count``, as the values of a parameter."""
    return [n if n < short else pytest.param(n, marks=pytest.mark.soak) for n in range(count)]
