"""Worlds whose site changes in every way while all runs and is killed: judged as by whoever knew all along.

One seed is one world, with a data directory of its own (``live/living_world.py``). Compared are whole lines:

    the queue of the live system, which was killed at places of its own
    = `replay --log` of its log
    = `replay` of the rows by the site as it is exported in the end
    = the plain rules (``pipeline/reference``) by that site

The last two lack what a change of the site withdrew: whoever knows the last site never raised it. Changes
stand in the log as they were asked for, each once, and the exported site is what all of them come to.

``FENCEWATCH_WORLDS=1000`` with ``-m "soak or not soak"`` makes it so many. The files beside this one have the
other seeds, so that several processes share them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live.life_judged import MANY, Seen, judge_a_life, seeds_of


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """What many worlds came to must be all there is."""
    seen = Seen()
    yield seen
    if seen.counts["worlds"] >= MANY:
        assert seen.lacks() == set()


@pytest.mark.parametrize("seed", seeds_of(0))
def test_a_life_is_what_all_who_judge_it_afterwards_see(seed: int, tmp_path: Path, seen: Seen) -> None:
    judge_a_life(seed, tmp_path, seen)
