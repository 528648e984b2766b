"""What one site makes of another, as the records that a change concerns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from geofences.fence import Fence
from pipeline.sites.concerned_rows import ConcernedRows
from pipeline.sites.records import Site


def change_between(old: Site, new: Site) -> ConcernedRows:
    """Two sites of one policy, offices and holidays; records that stay are equal, fences the same."""
    fences = _changed(old.fences, new.fences, "fence_id")
    devices = _changed(old.bindings, new.bindings, "device_id")
    people = _changed(old.people, new.people, "person_id")
    people |= {row.person_id for row in {*old.leaves} ^ {*new.leaves}}
    people |= {
        row.person_id for site in (old, new) for row in site.leaves if fences.intersection(row.fence_ids)
    }
    people |= {name for site in (old, new) for name in _named(site.fences, fences)}
    devices |= {row.device_id for site in (old, new) for row in site.bindings if row.person_id in people}
    bearers = {row.person_id for row in new.bindings if row.device_id in devices} - people
    return ConcernedRows(
        people={name: _of(new.people, "person_id", name) for name in sorted(people)},
        devices={name: _of(new.bindings, "device_id", name) for name in sorted(devices)},
        leaves={name: _of(new.leaves, "person_id", name) for name in sorted(people)},
        fences={name: _of(new.fences, "fence_id", name) for name in sorted(fences)},
        bearers={name: _of(new.people, "person_id", name) for name in sorted(bearers)},
    )


def _named(fences: Iterable[Fence], ids: set[str]) -> set[str]:
    selectors = {one for fence in fences if fence.fence_id in ids for one in fence.applies_to}
    return {one.removeprefix("person:") for one in selectors if one.startswith("person:")}


def _changed(old: Sequence[Any], new: Sequence[Any], key: str) -> set[str]:
    return {getattr(row, key) for row in {*old} ^ {*new}}


def _of(rows: Iterable[Any], key: str, name: str) -> list[Any]:
    return [row for row in rows if getattr(row, key) == name]
