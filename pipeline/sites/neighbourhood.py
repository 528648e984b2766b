"""The part of a site that a change can break: small, however large the site is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geofences.instant import END_MS
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.site_versions import FENCES, Key, SiteVersions, references, span_of


def neighbourhood(
    site: SiteVersions, changed: Mapping[Key, Sequence[Document]], holidays: str
) -> SiteDocuments:
    """Rows that have a fault together exactly where the whole changed site has one.

    ``changed`` gives all rows about each changed id as they are to be, none where it goes. The site as it is
    must be sound. Rows are held against others by their ids alone, so what names a changed id matters only
    where that id goes; offices also end, which their people must have done before.
    """
    offices = _offices(site, changed)
    rows: dict[Key, Sequence[Document]] = dict(changed)
    asked = [key for key in changed if key[0] != "offices"]
    for key, versions in changed.items():
        ends = key[0] == "offices" and any(span_of("offices", row)[1] < END_MS for row in versions)
        if not versions or ends:
            asked += [found for found in site.referring(key) if found[0] != "offices"]
    while asked:
        key = asked.pop()
        if key not in rows:
            rows[key] = site.versions(key)
        named = {target for row in rows[key] for target in references(key[0], row)}
        asked += [target for target in named if target[0] != "offices" and target not in rows]
    tables: dict[str, list[Document]] = {name: [] for name in (*TABLES, FENCES)}
    for (table, _), versions in rows.items():
        tables[table] += versions
    tables["offices"] = offices
    fences = tuple(tables.pop(FENCES))
    return SiteDocuments(
        {name: tuple(found) for name, found in tables.items()}, fences, site.policy, holidays
    )


def _offices(site: SiteVersions, changed: Mapping[Key, Sequence[Document]]) -> list[Document]:
    """All offices: few, and each is held against those above it."""
    found: dict[Key, list[Document]] = {}
    for row in site.offices():
        found.setdefault(("offices", row["office_id"]), []).append(row)
    found.update({key: list(rows) for key, rows in changed.items() if key[0] == "offices"})
    return [row for rows in found.values() for row in rows]
