"""Rows that are joined, by place: what sorting them one by one gives."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from pipeline.sites.joined_lines import JoinedLines, Part, Placed, in_order


def line(number: int) -> str:
    """A row of JSON, of all the kinds that may stand in a registry."""
    texts = ["], [", '","', "\\", "张", "\ud800", 1.5, [1, {}], float("nan"), 10**30]
    row = {"id": f"R{number}", "of": texts[number % len(texts)]}
    return json.dumps(row, ensure_ascii=number % 2 == 0, separators=(",", ":")).replace("\ud800", "x")


@pytest.mark.parametrize("moving", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(30))
def test_rows_come_by_their_places(seed: int, moving: float) -> None:
    dice = random.Random(f"{seed} {moving}")
    places = sorted(dice.sample(range(1000), dice.randrange(60)))
    strays = [place for place in places if dice.random() < moving]
    dice.shuffle(strays)
    written = [place for place in places if place not in strays]
    for place in strays:  # they were written later, nearly always
        written.insert(dice.randint(len(written) // 2, len(written)), place)
    given, first = [], 0
    while first < len(written):
        piece = written[first : first + dice.randrange(1, 9)]
        part = Part(len(piece), ",".join(map(line, piece)))
        given.append(Placed(np.array(piece, np.int64), part))
        first += len(piece)
    found = in_order(given)
    assert list(found) == [line(place) for place in places]
    assert len(found) == len(places)
    for at in dice.sample(range(len(places)), len(places)):
        assert found[at] == line(places[at])
    assert found[: len(places) // 2] == list(found)[: len(places) // 2]
    if not strays:
        assert found.parts == [one.part for one in given], "nothing is taken apart without need"


def test_rows_that_are_not_joined_are_joined() -> None:
    lines = [line(number) for number in range(4_100)]
    found = JoinedLines.of(lines)
    assert list(found) == lines
    assert JoinedLines.of(found) is found
    assert [part.count for part in found.parts] == [2_000, 2_000, 100]
    assert not len(JoinedLines.of([]))
    with pytest.raises(IndexError):
        found[4_100]


def test_other_than_so_many_rows_is_damage() -> None:
    with pytest.raises(ValueError, match="2 rows stand where 3 should"):
        Part(3, "1,2").lines()
    with pytest.raises(ValueError, match="Expecting"):
        Part(1, "{").lines()
