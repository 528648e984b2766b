"""Whom a change concerns: the small part of a site that it makes another, however large the site is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geofences.fence import Fence
from pipeline.errors import SiteError
from pipeline.sites.documents import Document
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.neighbourhood import neighbourhood
from pipeline.sites.records import Binding, Leave, Person, Site
from pipeline.sites.site_versions import FENCES, Key, SiteVersions, references

#: The tables whose rows concern only those whom they name.
_TABLES = {"people", "devices", "leaves", FENCES}


@dataclass(frozen=True, slots=True, eq=False)
class ConcernedRows:
    """All rows that there are about the ids that a change concerns, none where an id is no more.

    ``people``: everybody of whom anything is another: their own rows, leaves (``leaves``), devices or
    fences; ``devices``: all of theirs and all that changed; ``bearers``: who else has or had one of these;
    ``fences``: those that changed.
    """

    people: Mapping[str, Sequence[Person]] = field(default_factory=dict)
    devices: Mapping[str, Sequence[Binding]] = field(default_factory=dict)
    leaves: Mapping[str, Sequence[Leave]] = field(default_factory=dict)
    fences: Mapping[str, Sequence[Fence]] = field(default_factory=dict)
    bearers: Mapping[str, Sequence[Person]] = field(default_factory=dict)
    _parts: dict[int, list[ConcernedRows]] = field(default_factory=dict)

    def by_shard(self, shards: int, shard_of: Callable[[str, int], int]) -> list[ConcernedRows]:
        """People, devices and bearers by the shard of the person; of a device the rows of people there."""
        if shards not in self._parts:
            people, bearers = (_divided(rows, shards, shard_of) for rows in (self.people, self.bearers))
            devices: list[dict[str, list[Binding]]] = [{} for _ in range(shards)]
            for name, bound in self.devices.items():
                for row in bound:
                    devices[shard_of(row.person_id, shards)].setdefault(name, []).append(row)
            parts = zip(people, devices, bearers, strict=True)
            self._parts[shards] = [ConcernedRows(of, bound, bearers=had) for of, bound, had in parts]
        return self._parts[shards]


def _divided(
    rows: Mapping[str, Sequence[Person]], shards: int, shard_of: Callable[[str, int], int]
) -> list[dict[str, Sequence[Person]]]:
    parts: list[dict[str, Sequence[Person]]] = [{} for _ in range(shards)]
    for name, of in rows.items():
        parts[shard_of(name, shards)][name] = of
    return parts


def concerned_rows(
    now: SiteVersions, before: Mapping[Key, Sequence[Document]], most: int
) -> ConcernedRows | None:
    """What a change concerns: ``before`` gives the rows about each id that it names as they were.

    None where it is about more than people, devices, leaves and fences, or concerns more than ``most`` ids.
    Raises SiteError where what there is now is unsound.
    """
    if any(table not in _TABLES for table, _ in before):
        return None
    changed = {table: {name for other, name in before if other == table} for table in _TABLES}
    people = changed["people"] | set(_named(now, before))
    theirs = {key for person in people for key in now.referring(("people", person))}
    devices = changed["devices"] | {name for table, name in theirs if table == "devices"}
    leaves = {name for table, name in theirs if table == "leaves"}
    bearers = {row["person_id"] for name in devices for row in now.versions(("devices", name))} - people
    ids = {"people": people | bearers, "devices": devices, "leaves": leaves, FENCES: changed[FENCES]}
    keys = [(table, name) for table, names in ids.items() for name in sorted(names)]
    if len(keys) > most:
        return None
    part = _read(now, keys)
    return ConcernedRows(
        people=_grouped(people, part.people, "person_id"),
        devices=_grouped(devices, part.bindings, "device_id"),
        leaves=_grouped(people, [row for row in part.leaves if row.leave_id in leaves], "person_id"),
        fences=_grouped(changed[FENCES], part.fences, "fence_id"),
        bearers=_grouped(bearers, part.people, "person_id"),
    )


def _named(now: SiteVersions, before: Mapping[Key, Sequence[Document]]) -> Iterable[str]:
    """The people that changed leaves and fences name, and those whose leaves name a fence that changed."""
    for key, rows in before.items():
        if key[0] in ("leaves", FENCES):
            for row in (*rows, *now.versions(key)):
                yield from (name for table, name in references(key[0], row) if table == "people")
        if key[0] == FENCES:
            for table, name in now.referring(key):
                if table == "leaves":
                    yield from (row["person_id"] for row in now.versions((table, name)))


def _read(now: SiteVersions, keys: Iterable[Key]) -> Site:
    findings = Findings()
    part = site_of(neighbourhood(now, {key: now.versions(key) for key in keys}, now.holidays), findings)
    if part is None:
        raise SiteError(findings.faults)
    return part


def _grouped(names: Iterable[str], rows: Iterable[Any], key: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in sorted(names)}
    for row in rows:
        name = getattr(row, key)
        if name in found:
            found[name].append(row)
    return found
