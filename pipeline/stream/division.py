"""A site's people and devices divided among shards."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from pipeline.sites.records import Binding, Person, Site
from pipeline.sites.row_columns import Picked, cells_of, first_places

Ints = NDArray[np.int64]

#: How many shards a run has: state that was kept belongs to so many.
SHARDS = 8


def shard_of_person(person_id: str, shards: int) -> int:
    """The shard a person lives in: stable across runs, machines and Python versions."""
    return zlib.crc32(person_id.encode()) % shards


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Rows by shard in the site's order; devices numbered as in ``PingBatch.device``.

    ``person_ids`` are all people in the order of their first rows, ``person_number`` their numbers, which
    nobody may change; ``of_people`` and ``of_bindings`` are the numbers, by shard, of the people that these
    rows are about, and ``devices`` those of the devices.
    """

    shards: int
    device_ids: list[str]
    device_number: dict[str, int]
    people: list[Picked[Person]]
    bindings: list[Picked[Binding]]
    person_ids: list[str]
    person_number: dict[str, int]
    of_people: list[Ints]
    of_bindings: list[Ints]
    devices: list[Ints]

    def together(self, site: Site) -> Division:
        """All rows of the site that was divided in one shard, by the same numbers of people and devices."""
        people = Picked(site.people, np.arange(len(site.people)))
        bindings = Picked(site.bindings, np.arange(len(site.bindings)))
        rows, bound = [mine.indexes for mine in self.people], [mine.indexes for mine in self.bindings]
        return replace(
            self, shards=1, people=[people], bindings=[bindings], device_ids=[*self.device_ids],
            of_people=[_joined(rows, self.of_people)], of_bindings=[_joined(bound, self.of_bindings)],
            devices=[_joined(bound, self.devices)],
        )  # fmt: skip

    def know(self, device_ids: Iterable[str]) -> None:
        """Devices that are new are numbered behind all others."""
        for name in device_ids:
            if name not in self.device_number:
                self.device_number[name] = len(self.device_ids)
                self.device_ids.append(name)


def divide(site: Site, shards: int, device_ids: Sequence[str] = ()) -> Division:
    """Everyone's rows in the shard of the person they are about.

    Devices have the numbers that ``device_ids`` gives them, those that it lacks follow by first mention.
    """
    return divided(site.people, site.bindings, shards, device_ids)


def divided(
    people: Sequence[Person], bindings: Sequence[Binding], shards: int, device_ids: Sequence[str] = ()
) -> Division:
    """``divide`` of rows; each binding is of somebody among the people."""
    names, devices = cells_of(people, "person_id"), cells_of(bindings, "device_id")
    person, of_people = _numbered(names)
    of_bindings = _codes(person, cells_of(bindings, "person_id"))
    number, device = _numbered(devices, device_ids)
    shard = _shards_of(person, shards)
    rows, bound = (_by_shard(shard[codes], shards) for codes in (of_people, of_bindings))
    return Division(
        shards=shards,
        device_ids=list(number),
        device_number=number,
        people=[Picked(people, mine) for mine in rows],
        bindings=[Picked(bindings, mine) for mine in bound],
        person_ids=list(person),
        person_number=person,
        of_people=[of_people[mine] for mine in rows],
        of_bindings=[of_bindings[mine] for mine in bound],
        devices=[device[mine] for mine in bound],
    )


def _numbered(names: Sequence[str], known: Sequence[str] = ()) -> tuple[dict[str, int], Ints]:
    """Numbers of names by first mention, those ``known`` before all others; and the number of each, (n,)."""
    every = [*known, *names] if known else names
    first = first_places(every)
    is_first = first == np.arange(len(first))
    distinct = every if is_first.all() else list(compress(every, is_first))
    codes = (np.cumsum(is_first) - 1)[first]
    return dict(zip(distinct, range(len(distinct)), strict=True)), codes[len(known) :]


def _shards_of(person_ids: Collection[str], shards: int) -> Ints:
    """``shard_of_person`` of each."""
    sums = map(zlib.crc32, map(str.encode, person_ids))
    return np.fromiter(sums, np.int64, len(person_ids)) % shards


def _joined(places: Sequence[Ints], parts: Sequence[Ints]) -> Ints:
    """Numbers of the rows of each shard, in the order of all rows."""
    joined = np.empty(sum(map(len, parts)), np.int64)
    for mine, part in zip(places, parts, strict=True):
        joined[mine] = part
    return joined


def _by_shard(shard: Ints, shards: int) -> list[Ints]:
    return [np.flatnonzero(shard == number) for number in range(shards)]


def _codes(number: Mapping[str, int], names: Sequence[str]) -> Ints:
    return np.fromiter(map(number.__getitem__, names), np.int64, len(names))
