"""The rows of a table: what they are after any number of changes, held against a plain list."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.sites.records import Binding
from pipeline.sites.rows import Held, Moved, Rows, as_rows

A, B, C = (Binding(name, f"P-{name}", "phone") for name in "abc")
LATER_A = Binding("a", "P-b", "phone", valid_from_ms=5)


def rows(*given: Binding) -> Rows[Binding]:
    return Rows(Held(given), "device_id", "person_id")


@pytest.mark.parametrize(
    ("given", "names", "found", "expected"),
    [
        ([A, B], ["a"], [LATER_A, A], [A, B, LATER_A]),  # one that begins later comes behind all others
        ([A, B, C], ["b"], [], [A, C]),  # an id without rows is gone
        ([A, B], ["b"], [replace(B, kind="wristband")], [A, replace(B, kind="wristband")]),  # in its place
        ([A, LATER_A, B], ["a"], [LATER_A], [LATER_A, B]),  # only one of two is gone
        ([A], ["c"], [C], [A, C]),  # nobody knew this id
        ([A], ["a"], [A, C], [A]),  # of others nothing is taken
        ([A], [], [], [A]),  # no change
    ],
)
def test_rows_are_replaced_where_they_begin_together(
    given: list[Binding], names: list[str], found: list[Binding], expected: list[Binding]
) -> None:
    before = rows(*given)
    assert list(before.changed(names, found)) == expected
    assert list(before) == given, "the rows before are what they were"


def test_a_row_that_is_dropped_leaves_the_others_where_they_are() -> None:
    left = rows(A, B, C).changed(["b"], [])
    assert (left[0], left[1], left[-1], left[:]) == (A, C, C, (A, C))
    with pytest.raises(IndexError, match="no row 2 of 2"):
        left[2]


def test_a_device_that_is_another_persons_is_found_by_the_new_one_alone() -> None:
    moved = rows(A, B).changed(["a"], [replace(A, person_id="P-b")])
    assert moved.about("P-a", "person_id") == []
    assert moved.about("P-b", "person_id") == [replace(A, person_id="P-b"), B]


def test_what_moved_between_two_states_is_told_by_place() -> None:
    first = rows(A, B)
    second = first.changed(["b"], [])
    third = second.changed(["c"], [C])
    assert third.moved_since(first) == [Moved(1, B, None), Moved(2, None, C)]
    assert first.moved_since(third) == [Moved(1, None, B), Moved(2, C, None)]
    assert third.moved_since(third) == []
    assert third.moved_since(rows(A, B)) is None, "they were read apart"


def test_rows_that_are_rows_already_stay_the_same_object() -> None:
    there = rows(A)
    assert as_rows(there, "device_id", "person_id") is there
    assert there == as_rows([A], "device_id")


@pytest.mark.parametrize("seed", range(20))
def test_any_changes_come_to_what_a_list_comes_to(seed: int) -> None:
    """Rows replaced, handed over, dropped and put back, from whichever state: a list tells what is there."""
    rng = random.Random(seed)
    plain = [binding(rng) for _ in range(rng.randrange(8))]
    plain = list({(row.device_id, row.valid_from_ms): row for row in plain}.values())
    states = [(rows(*plain), plain)]
    for _ in range(30):
        table, before = rng.choice(states)
        names = sorted(rng.sample("abcdef", rng.randrange(4)))
        new = [binding(rng) for _ in range(rng.randrange(5))]
        states.append((table.changed(names, new), changed(before, names, new)))
    for table, expected in states:
        assert list(table) == expected
        assert [table[number] for number in range(len(table))] == expected
        for name in "abcdef":
            assert table.about(name) == [row for row in expected if row.device_id == name]
            assert table.about(name, "person_id") == [row for row in expected if row.person_id == name]
    (one, rows_of_one), (other, rows_of_other) = rng.sample(states, 2)
    moved = other.moved_since(one)
    assert moved is not None
    assert dict(other.placed()) == {
        place: row
        for place, row in (dict(one.placed()) | {place: now for place, _, now in moved}).items()
        if row is not None
    }
    assert len(one) == len(rows_of_one)
    assert len(other) == len(rows_of_other)


def binding(rng: random.Random) -> Binding:
    return Binding(rng.choice("abcdef"), rng.choice("abcdef"), "phone", valid_from_ms=rng.randrange(3))


def changed(before: Sequence[Binding], names: Sequence[str], new: Sequence[Binding]) -> list[Binding]:
    """What ``Rows.changed`` promises, one row at a time."""
    put = {(row.device_id, row.valid_from_ms): row for row in new if row.device_id in names}
    after = []
    for row in before:
        if row.device_id not in names:
            after.append(row)
        elif (row.device_id, row.valid_from_ms) in put:
            after.append(put.pop((row.device_id, row.valid_from_ms)))
    return [*after, *put.values()]
