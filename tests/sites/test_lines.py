"""Lines in one piece of memory: what two texts have in common, against a look at each line."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from seeds import seeds

from pipeline.sites.lines import Lines


def texts(dice: Random) -> list[str]:
    return [f"{'row ' * dice.randint(0, 2)}{number}é" for number in range(dice.randint(0, 60))]


def others_of(given: list[str], dice: Random) -> list[str]:
    """The same with lines that are replaced, gone, new, moved and doubled."""
    others = list(given)
    for number in range(dice.choice((0, 1, 3, 30))):
        at = dice.randint(0, len(others))
        way = dice.choice(("replaced", "gone", "new", "moved", "doubled"))
        if way == "new":
            others[at:at] = [f"new {number}"] * dice.choice((1, 12))
        elif at < len(others):
            line = others[at]
            if way == "replaced":
                others[at] = f"other {number}"
            elif way == "doubled":
                others.insert(at, line)
            else:
                del others[at : at + dice.choice((1, 12))]
                if way == "moved":
                    others.insert(dice.randint(0, len(others)), line)
    return others


@pytest.mark.parametrize("seed", seeds(300, 60))
def test_what_is_not_left_is_the_same_in_both_in_the_same_order(seed: int) -> None:
    dice = Random(seed)
    given = texts(dice)
    others = others_of(given, dice)
    one, other = Lines.of(given), Lines.of(others)
    places, other_places = (found.tolist() for found in one.differing(other))
    assert places == sorted(places)
    assert other_places == sorted(other_places)
    alike = [line for at, line in enumerate(given) if at not in places]
    assert alike == [line for at, line in enumerate(others) if at not in other_places]
    if given == others:
        assert not places
    # Of single lines that are replaced all others are taken together.
    if len(given) == len(others):
        assert len(places) <= len(given)
    left = [line.decode() for line in one.at(np.array(places, np.int64))]
    assert left == [given[at] for at in places]


@pytest.mark.parametrize("seed", seeds(100, 30))
def test_lines_among_others(seed: int) -> None:
    dice = Random(seed)
    given = texts(dice)
    few = dice.sample([*given, "nowhere", ""], min(5, len(given)))
    found = Lines.of(given).among(Lines.of(few)).tolist()
    assert found == [at for at, line in enumerate(given) if line in few]


def test_rows_replaced_one_by_one_leave_all_others_together() -> None:
    given = [f"line {number}" for number in range(1_000)]
    others = [f"other {number}" if 10 <= number < 700 else line for number, line in enumerate(given)]
    places, other_places = Lines.of(given).differing(Lines.of(others))
    assert places.tolist() == other_places.tolist() == list(range(10, 700))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 500, 5_000])
def test_behind_many_that_are_gone_or_new_all_others_are_together(count: int) -> None:
    given = [f"line {number}" for number in range(10_000)]
    others = given[:1_000] + given[1_000 + count :]
    for one, other in ((given, others), (others, given)):
        places, other_places = Lines.of(one).differing(Lines.of(other))
        assert len(places) + len(other_places) <= count + 20


def test_no_lines() -> None:
    nothing, one = Lines(b""), Lines.of(["a"])
    assert len(nothing) == 0
    assert [found.tolist() for found in nothing.differing(one)] == [[], [0]]
    assert [found.tolist() for found in one.differing(nothing)] == [[0], []]
