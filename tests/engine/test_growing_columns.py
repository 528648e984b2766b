"""Columns that grow say what was added to them, however they came to have the room for it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipeline.engine import growing_columns
from pipeline.engine.growing_columns import Columns
from pipeline.engine.moved_columns import NewNumbers


def rows(first: int, count: int) -> dict[str, np.ndarray]:
    names = np.empty(count, np.object_)
    names[:] = [f"n{first + n}" for n in range(count)]
    return {"number": np.arange(first, first + count), "name": names}


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_added_changed_and_forgotten(seed: int) -> None:
    """While the next columns fill, cells change and rows go: both are in what takes over."""
    chance, columns = random.Random(seed), Columns({"number": np.int64, "name": np.object_})
    expected: list[tuple[int, str]] = []
    added = 0
    for _ in range(chance.randint(40, 120)):
        count = chance.choice((0, 1, 300, 900, 5000))
        columns.append(rows(added, count))
        expected += [(n, f"n{n}") for n in range(added, added + count)]
        added += count
        before = columns.generation
        if expected and chance.random() < 0.1:
            place = chance.randrange(len(expected))
            handed, cells = columns["number"], columns["number"].copy()
            cells[place] = -1
            columns.put("number", cells)
            assert handed[place] == expected[place][0], "whoever has it still reads what it was"
            expected[place] = (-1, expected[place][1])
            assert columns.generation == before + 1
        if chance.random() < 0.05:
            kept = np.array([chance.random() < 0.8 for _ in expected], np.bool_)
            columns.keep(kept)
            expected = [row for row, stays in zip(expected, kept, strict=True) if stays]
            assert columns.generation == before + 1 or columns.generation == before + 2
        assert len(columns) == len(expected)
    found = zip(columns["number"].tolist(), columns["name"].tolist(), strict=True)
    assert list(found) == expected


def test_no_row_waits_for_all_rows_to_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large columns of a stream never grow at once."""
    columns = Columns({"number": np.int64})
    monkeypatch.setattr(growing_columns.Columns, "_begin", begun := Counted(growing_columns.Columns._begin))
    at_once = 0
    for _ in range(600):
        before = begun.times
        columns.append({"number": np.arange(500)})
        at_once += begun.times > before and columns._next is None
    assert begun.times > 4
    assert at_once <= 5, "only while there are few rows"


class Counted:
    """How often a method was called."""

    def __init__(self, method: object) -> None:
        self.method, self.times = method, 0

    def __get__(self, columns: object, _: type) -> object:
        def called(*arguments: object) -> object:
            self.times += 1
            return self.method(columns, *arguments)  # type: ignore[operator]

        return called


@pytest.mark.parametrize("seed", range(40))
def test_a_column_under_new_numbers(seed: int) -> None:
    """Against one cell after the other; where all that are left keep theirs, and where they do not."""
    chance = random.Random(seed)
    count = chance.randint(0, 30)
    now = count + chance.randint(0, 10)
    gone = sorted(chance.sample(range(count), chance.randint(0, count)))
    if seed % 2:
        numbers = NewNumbers.without(count, gone)
    else:
        to = np.array(chance.sample(range(now), count), np.int64)
        to[gone] = -1
        numbers = NewNumbers(to)
    if chance.random() < 0.5 and count:
        more = np.array(chance.choices(range(count), k=3))
        numbers = numbers.but(more)
    cells = np.arange(100, 100 + count)
    expected = [-n for n in range(now)]
    for old, new in enumerate(numbers.to.tolist()):
        if new >= 0:
            expected[new] = 100 + old
    assert numbers.moved(cells.copy(), now, lambda places: -places).tolist() == expected
    assert numbers.moved(cells.copy(), now, 7).tolist() == [n if n >= 100 else 7 for n in expected]
    assert numbers.is_same == (numbers.to.tolist() == list(range(count)))
