"""The fourth quarter of the worlds of ``test_living_worlds``."""

from __future__ import annotations

from pathlib import Path

import pytest
from live.life_judged import Seen, judge_a_life, seeds_of
from live.test_living_worlds import seen

__all__ = ["seen"]


@pytest.mark.parametrize("seed", seeds_of(3))
def test_a_life_is_what_all_who_judge_it_afterwards_see(
    seed: int,
    tmp_path: Path,
    seen: Seen,
) -> None:
    judge_a_life(seed, tmp_path, seen)
