"""Chance that repeats: a generator per purpose, and numbers fixed by what they are drawn for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, *purpose: int) -> np.random.Generator:
    """A generator of its own for one purpose, so that one stage draws nothing from another's."""
    return np.random.default_rng([seed, *purpose])


def settled(
    seed: int, salt: int, who: NDArray[np.int64], when: NDArray[np.int64] | int
) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), always the same for one ``who`` and ``when`` (broadcast together).

    The finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
    """
    word = np.atleast_1d(who).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    word = word + np.atleast_1d(when).astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
    word = word + np.atleast_1d(np.uint64((seed * 0x2545F491 + salt * 0x8CB92BA7) & 0xFFFFFFFFFFFFFFFF))
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(31)
    return (word >> np.uint64(11)).astype(np.float64) / float(1 << 53)
