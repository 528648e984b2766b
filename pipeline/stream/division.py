"""A site's people and devices divided among shards."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.sites.records import Binding, Person, Site

#: How many shards a run has: state that was kept belongs to so many.
SHARDS = 8


def shard_of_person(person_id: str, shards: int) -> int:
    """The shard a person lives in: stable across runs, machines and Python versions."""
    return zlib.crc32(person_id.encode()) % shards


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Rows by shard in the site's order; devices numbered as in ``PingBatch.device``."""

    shards: int
    device_ids: list[str]
    device_number: dict[str, int]
    people: list[list[Person]]
    bindings: list[list[Binding]]


def divide(site: Site, shards: int, device_ids: Sequence[str] = ()) -> Division:
    """Everyone's rows in the shard of the person they are about.

    Devices have the numbers that ``device_ids`` gives them, those that it lacks follow by first mention.
    """
    shard = {row.person_id: shard_of_person(row.person_id, shards) for row in site.people}
    people: list[list[Person]] = [[] for _ in range(shards)]
    bindings: list[list[Binding]] = [[] for _ in range(shards)]
    for person in site.people:
        people[shard[person.person_id]].append(person)
    for binding in site.bindings:
        bindings[shard[binding.person_id]].append(binding)
    known = list(dict.fromkeys([*device_ids, *(row.device_id for row in site.bindings)]))
    return Division(shards, known, {name: code for code, name in enumerate(known)}, people, bindings)
