"""A directory made after a change says the same as one made from all rows, whatever changed before."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely

from console.fence_places import FencePlaces
from console.gazetteer import Gazetteer
from console.live_site import SiteNow
from console.site_directory import Concerned, SiteDirectory
from geofences.area import Area
from geofences.fence import Fence
from geofences.holidays import load_builtin
from pipeline.ingest.warming import compile_kernels
from pipeline.reading.device_ids import DEVICE_WORD, DeviceIds, find
from pipeline.reading.json_rows import decode_lines
from pipeline.sites.policy import Policy
from pipeline.sites.records import Binding, Leave, Office, Person, Site
from pipeline.sites.rows import Held, Rows

OFFICES = tuple(Office(name, None if name == "C" else "C", name, "county") for name in ("C", "O1", "O2"))
EMPTY = Site(Policy(), OFFICES, (), (), (), (), load_builtin())
#: Every so many changes a row is dropped, which moves all behind it.
CHANGES = 60


def changed(site: Site, chance: random.Random) -> Site:
    """One row of one table put in, replaced or dropped."""
    table = chance.choice(["people", "people", "bindings", "bindings", "leaves", "offices"])
    if table == "offices":
        return replace(site, offices=(*site.offices, Office(f"N{len(site.offices)}", "O1", "new", "county")))
    if chance.random() < 0.6:  # as a change makes it; else as other files would
        row = row_of(table, chance)
        name = {"people": "person_id", "bindings": "device_id", "leaves": "leave_id"}[table]
        kept = [row] * int(chance.random() < 0.8)
        of_id: Any = getattr(site, table).changed([getattr(row, name)], kept)
        return replace(site, **{table: of_id})
    rows = list(getattr(site, table))
    slot, what = chance.randrange(len(rows) + 1), chance.random()
    if what < 0.15 and slot < len(rows):
        del rows[slot]
    elif what < 0.5 and slot < len(rows):
        rows[slot] = row_of(table, chance)
    else:
        rows.append(row_of(table, chance))
    tables: dict[str, Any] = {table: tuple(rows)}
    return replace(site, **tables)


def row_of(table: str, chance: random.Random) -> Any:
    person, begin_ms = f"P{chance.randrange(8)}", chance.randrange(0, 100, 10)
    span = begin_ms, begin_ms + chance.randrange(10, 60, 10)
    if table == "people":
        return Person(person, f"Name {chance.randrange(20)}", chance.choice(["O1", "O2"]), "general", *span)
    if table == "bindings":
        return Binding(f"D{chance.randrange(12)}", person, chance.choice(["phone", "wristband"]), *span)
    return Leave(f"L{chance.randrange(20)}", person, *span, "medical", "", (), 1.0, 2.0, 3.0)


def told(directory: SiteDirectory) -> list[Any]:
    """All that it is asked, for everybody and at every time; what begins together stands in any order."""
    people, devices = [f"P{n}" for n in range(9)], [f"D{n}" for n in range(13)]
    times = range(-5, 165, 5)
    found: list[Any] = [directory.within(office) for office in ("C", "O1", "O2")]
    for person in people:
        found.append(sorted(map(str, directory.leaves_of(person))))
        found.append(directory.is_seen_by(frozenset({"O1"}), person, 50))
        for at_ms in times:
            found.append(directory.is_supervised(person, at_ms))
            found.append(sorted(map(str, directory.devices_of(person, at_ms))))
    found += [sorted(map(str, directory._of_device(device))) for device in devices]
    found += [sorted(map(str, directory._of_person(person))) for person in people]
    found += [sorted(directory.named("Name 1", {"O1", "O2"}))]
    return found


@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_it_says_what_all_rows_say(seed: int) -> None:
    chance = random.Random(seed)
    site = EMPTY
    now = SiteNow(0, site, Gazetteer())
    assert now.directory.mask.text("Name 1") == "Name 1"
    texts = set()
    for number in range(1, CHANGES):
        site = changed(site, chance)
        texts |= {person.name for person in site.people}
        now = SiteNow(number, site, Gazetteer(), now)
        fresh = SiteDirectory(site)
        assert told(now.directory) == told(fresh)
        # What begins or ends is missed by nobody; looking once too often does no harm.
        assert set(now.directory._turns) >= set(fresh._turns)
        assert set(now.devices.ids) >= {row.device_id for row in site.bindings}
        # No name is forgotten, as it may stand in an old text.
        assert {now.directory.mask.text(name) for name in texts} <= {"***"}


def test_whom_a_change_concerns_is_told_and_nobody_else() -> None:
    people = Rows(Held(Person(f"P{n}", "N", "O1", "general") for n in range(100)), "person_id")
    bindings = Rows(Held(Binding(f"D{n}", f"P{n}", "phone") for n in range(100)), "device_id", "person_id")
    before = SiteDirectory(replace(EMPTY, people=people, bindings=bindings))
    renamed = people.changed(["P7"], [replace(people[7], name="M")])
    given = bindings.changed(["D3", "D101"], [Binding("D101", "P8", "phone")])
    after = SiteDirectory(replace(EMPTY, people=renamed, bindings=given), None, before)
    assert after.concerned_since(before) == Concerned(frozenset({"D3", "D101"}), frozenset({"P7"}))
    assert SiteDirectory(EMPTY).concerned_since(before) is None, "what was read apart cannot be told apart"


@pytest.mark.parametrize("count", [0, 1, 5, 2000])
def test_ids_that_come_later_are_found_like_the_first(count: int) -> None:
    first, later = [f"D{n}" for n in range(50)], [f"新{n}" for n in range(count)]
    ids = DeviceIds(first).also(later)
    assert ids.ids == [*first, *later]
    for number, name in enumerate(ids.ids):
        assert ids.numbers[name] == number
        text = np.frombuffer(name.encode(), np.uint8)
        word = find(*ids.words, DEVICE_WORD, text, 0, len(text))
        assert word == find(*DeviceIds(ids.ids).words, DEVICE_WORD, text, 0, len(text))
        assert word >= 0
    text = np.frombuffer(b"X1", np.uint8)
    assert find(*ids.words, DEVICE_WORD, text, 0, 2) == -1


def test_ids_that_come_later_are_read_by_the_code_that_is_compiled() -> None:
    """Else the gateway would compile its decoder anew at the first change, and answer nobody meanwhile."""
    first = DeviceIds(["D1"])
    compile_kernels(first)
    compiled = len(decode_lines.signatures)
    compile_kernels(first.also(["D2"]))
    assert len(decode_lines.signatures) == compiled


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_that_follows_finds_what_a_new_one_finds(seed: int) -> None:
    chance = np.random.default_rng(seed)

    def fence(number: int) -> Fence:
        lon, lat = chance.uniform((106, 29), (106.2, 29.2))
        return Fence(f"F{number}", "", "keep_in", None, ("all",), Area(shapely.Point(lon, lat), 3000.0))

    fences = [fence(n) for n in range(30)]
    places = FencePlaces(fences)
    for step in range(20):
        del fences[int(chance.integers(len(fences)))]
        fences += [fence(100 + step)] * int(chance.random() < 0.7)
        places.follow(fences)
        lon, lat = chance.uniform((106, 29), (106.2, 29.2))
        fresh = FencePlaces(fences)
        assert places.at(lon, lat, 0) == fresh.at(lon, lat, 0)
        box = (lon, lat, lon + 0.05, lat + 0.05)
        assert places.within(box, 0) == fresh.within(box, 0)
