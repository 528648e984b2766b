"""A site made anew after a change, at the cost of the change: nothing is read that did not change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from geofences.instant import END_MS
from pipeline.errors import SiteError
from pipeline.sites.edits import HOLIDAYS, Edit, place_of
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.neighbourhood import neighbourhood
from pipeline.sites.records import Site
from pipeline.sites.site_versions import Key, SiteVersions

Row = TypeVar("Row")


def changed_site(site: Site, now: SiteVersions, edits: Iterable[Edit]) -> Site:
    """The site with these edits made; ``now`` is the site by its rows with them (and no later ones) made.

    Equal to the site that all rows of ``now`` make, rows in the same order.
    """
    keys: dict[Key, None] = {}
    for edit in edits:
        if edit["table"] != HOLIDAYS:
            keys[edit["table"], place_of(edit)[0]] = None
    findings = Findings()
    part = site_of(neighbourhood(now, {key: now.versions(key) for key in keys}, now.holidays), findings)
    if part is None:
        raise SiteError(findings.faults)
    of = {table: {name for kind, name in keys if kind == table} for table, _ in keys}
    return replace(
        site,
        offices=part.offices if "offices" in of else site.offices,
        people=_merged(site.people, part.people, of.get("people"), lambda row: row.person_id),
        bindings=_merged(site.bindings, part.bindings, of.get("devices"), lambda row: row.device_id),
        leaves=_merged(site.leaves, part.leaves, of.get("leaves"), lambda row: row.leave_id),
        fences=_merged(site.fences, part.fences, of.get("fences"), lambda row: row.fence_id),
        holidays=part.holidays,
    )


def _merged(
    old: Sequence[Row], new: Iterable[Row], ids: set[str] | None, id_of: Callable[[Row], str]
) -> tuple[Row, ...]:
    """The old rows with those about some ids replaced where they begin together, dropped, or added behind."""
    if ids is None:
        return tuple(old)
    found = {(id_of(row), _begin_ms(row)): row for row in new if id_of(row) in ids}
    merged = []
    for row in old:
        if id_of(row) not in ids:
            merged.append(row)
        elif (row_now := found.pop((id_of(row), _begin_ms(row)), None)) is not None:
            merged.append(row_now)
    return (*merged, *found.values())


def _begin_ms(row: object) -> int:
    return int(getattr(row, "valid_from_ms", END_MS))
