"""A site made anew after a change, at the cost of the change: nothing is read that did not change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
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
    of: dict[str, set[str]] = {}
    for table, name in keys:
        of.setdefault(table, set()).add(name)
    return replace(
        site,
        offices=part.offices if "offices" in of else site.offices,
        people=_merged(site.people, part.people, of.get("people"), "person_id"),
        bindings=_merged(site.bindings, part.bindings, of.get("devices"), "device_id"),
        leaves=_merged(site.leaves, part.leaves, of.get("leaves"), "leave_id"),
        fences=_merged(site.fences, part.fences, of.get("fences"), "fence_id"),
        holidays=part.holidays,
    )


def _merged(old: Sequence[Row], new: Iterable[Row], ids: set[str] | None, id_name: str) -> tuple[Row, ...]:
    """The old rows with those about some ids replaced where they begin together, dropped, or added behind."""
    if ids is None:
        return tuple(old)
    id_of = attrgetter(id_name)
    found = {(id_of(row), _begin_ms(row)): row for row in new if id_of(row) in ids}
    # A million rows are gone through here; what is done for each is in C.
    places = [place for place, name in enumerate(map(id_of, old)) if name in ids]
    merged, gone = list(old), []
    for place in places:
        row = found.pop((id_of(old[place]), _begin_ms(old[place])), None)
        if row is None:
            gone.append(place)
        else:
            merged[place] = row
    for place in reversed(gone):
        del merged[place]
    return (*merged, *found.values())


def _begin_ms(row: object) -> int:
    return int(getattr(row, "valid_from_ms", END_MS))
