"""The latest position of a device, in whatever order positions come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from sinks.positions import Box, Contact, Position, PositionStore
from sinks.sqlite import sqlite3

FIRST = Position("D1", "P1", "O1", 1_000, 1_500, 106.5, 29.5, 10.0, "gnss")
LATE = replace(FIRST, event_ms=500, arrival_ms=2_000, lon=1.0)
NEWEST = replace(FIRST, event_ms=2_000, arrival_ms=2_500, lon=2.0, accuracy_m=None, source=None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PositionStore]:
    store = PositionStore.open(tmp_path / "deep" / "positions.sqlite")
    yield store
    store.close()


@pytest.mark.parametrize("order", [*permutations([FIRST, LATE, NEWEST])])
def test_the_newest_by_event_time_stays(store: PositionStore, order: tuple[Position, ...]) -> None:
    for position in order:
        store.put([position])
    store.put(order)
    assert store.latest() == [NEWEST]


def test_at_one_event_time_the_later_arrival_stays(store: PositionStore) -> None:
    again = replace(FIRST, arrival_ms=1_600, person_id="P9")
    store.put([again, FIRST])
    assert store.latest() == [again]
    assert store.newest_arrival_ms() == 1_600


def test_another_program_sees_it_at_once(store: PositionStore, tmp_path: Path) -> None:
    other = PositionStore.open(tmp_path / "deep" / "positions.sqlite")
    assert (other.latest(), other.newest_arrival_ms()) == ([], None)
    store.put([FIRST])
    assert other.latest() == [FIRST]
    other.close()


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ((106, 29, 107, 30), ["D1"]),
        ((106.5, 29.5, 106.5, 29.5), ["D1"]),  # on the edge is within
        ((170, -90, -170, 90), ["D2", "D3"]),  # over ±180
        ((-180, -90, 180, 90), ["D1", "D2", "D3"]),
        ((0, 0, 1, 1), []),
    ],
)
def test_boxes(store: PositionStore, box: Box, found: list[str]) -> None:
    east, west = replace(FIRST, device_id="D2", lon=179.0), replace(FIRST, device_id="D3", lon=-179.0)
    store.put([FIRST, east, west])
    assert [position.device_id for position in store.latest(box=box)] == found


def test_offices_limit_and_forgetting(store: PositionStore) -> None:
    rows = [replace(FIRST, device_id=f"D{n}", office_id=f"O{n % 3}") for n in range(9)]
    store.put(rows)
    assert len(store.latest(offices=["O1", "O2"])) == 6
    assert store.latest(offices=[]) == []
    assert [position.device_id for position in store.latest(limit=2)] == ["D0", "D1"]
    store.put([], [Contact(f"D{n}", "P1", "O1", 1_000, 1_500) for n in range(3)])
    store.forget(["D0", "D1", "unheard of"])
    assert len(store.latest()) == 7
    assert [contact.device_id for contact in store.contacts_of("P1")] == ["D2"]


def test_contacts_of_a_time_that_never_was_are_forgotten(store: PositionStore) -> None:
    told = Contact("D1", "P1", "O1", 1_000, 1_500, 3.0, False, 900)
    store.put(
        [],
        [
            told,
            replace(told, device_id="D2", arrival_ms=1_501),
            replace(told, device_id="D3", event_ms=1_501),
        ],
    )
    store.forget_contacts_after(1_500)
    assert store.contacts_of("P1") == [told]


def test_a_file_from_before_contacts_were_kept_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "positions.sqlite"
    before = PositionStore.open(path)
    before.put([FIRST])
    before.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE contact")
    store = PositionStore.open(path)
    assert (store.latest(), store.contacts_of("P1")) == ([FIRST], [])
    told = Contact("D1", "P1", "O1", 1_000, 1_500, 3.0, True, 900)
    store.put([], [told])
    assert store.contacts_of("P1") == [told]
    store.close()
