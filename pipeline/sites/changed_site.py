"""A site made anew after a change, at the cost of the change: nothing is read that did not change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from pipeline.errors import SiteError
from pipeline.sites.documents import POLICIES
from pipeline.sites.edits import HOLIDAYS, Edit, place_of
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.neighbourhood import neighbourhood
from pipeline.sites.records import Office, Site
from pipeline.sites.rows import Rows, as_rows
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
        offices=site.offices if "offices" not in of else _offices(site, part, of["offices"]),
        people=_changed(site.people, part.people, of.get("people")),
        bindings=_changed(site.bindings, part.bindings, of.get("devices")),
        leaves=_changed(site.leaves, part.leaves, of.get("leaves")),
        fences=_changed(site.fences, part.fences, of.get("fences")),
        holidays=part.holidays,
        later_policies=part.later_policies if POLICIES in of else site.later_policies,
    )


def _offices(site: Site, part: Site, ids: set[str]) -> tuple[Office, ...]:
    return tuple(as_rows(site.offices, "office_id").changed(sorted(ids), part.offices))


def _changed(old: Sequence[Row], new: Iterable[Row], ids: set[str] | None) -> Sequence[Row]:
    assert isinstance(old, Rows), "a site's tables are Rows"
    return old.changed(dict.fromkeys(sorted(ids)), new) if ids else old
