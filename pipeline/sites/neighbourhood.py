"""The part of a site that a change can break: small, however large the site is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from geofences.instant import END_MS
from pipeline.sites.documents import POLICIES, TABLES, Document, SiteDocuments
from pipeline.sites.site_versions import FENCES, Key, SiteVersions, key_of, policies_of, references, span_of


def neighbourhood(
    site: SiteVersions, changed: Mapping[Key, Sequence[Document]], holidays: str
) -> SiteDocuments:
    """Rows that have a fault together exactly where the whole changed site has one.

    ``changed`` gives all rows about each changed id as they are to be, none where it goes. The site as it is
    must be sound. Rows are held against others by their ids alone, so what names a changed id matters only
    where that id goes; offices also end, which their people must have done before. Of a policy by date all
    matters that names a class which is not in all policies.
    """
    policies = _all(site.policies(), POLICIES, changed)
    rows: dict[Key, Sequence[Document]] = {key: of for key, of in changed.items() if key[0] != POLICIES}
    asked = [key for key in rows if key[0] != "offices"]
    if len(rows) < len(changed):
        asked += _of_classes_not_in_all(site, policies)
    for key, versions in changed.items():
        ends = key[0] == "offices" and any(span_of("offices", row)[1] < END_MS for row in versions)
        if not versions or ends:
            asked += [found for found in site.referring(key) if found[0] != "offices"]
    offices = set[Key]()
    while asked:
        key = asked.pop()
        if key not in rows:
            rows[key] = site.versions(key)
        for row in rows[key]:
            for target in references(key[0], row):
                if target[0] == "offices":
                    offices.add(target)
                elif target not in rows:
                    asked.append(target)
    tables: dict[str, list[Document]] = {name: [] for name in (*TABLES, FENCES)}
    for (table, _), versions in rows.items():
        tables[table] += versions
    tables["offices"] = _offices(site, changed, offices)
    fences = tuple(tables.pop(FENCES))
    return SiteDocuments(
        {name: tuple(found) for name, found in tables.items()},
        fences,
        site.policy,
        holidays,
        policies=tuple(policies),
    )


def _offices(
    site: SiteVersions, changed: Mapping[Key, Sequence[Document]], named: Iterable[Key]
) -> list[Document]:
    """The offices that are named and all above them; all where one changes, as others are below it."""
    if any(table == "offices" for table, _ in changed):
        return _all(site.offices(), "offices", changed)
    found: dict[Key, list[Document]] = {}
    waiting = sorted(named)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = list(site.versions(key))
            waiting += [target for row in found[key] for target in references("offices", row)]
    return [row for versions in found.values() for row in versions]


def _all(rows: Sequence[Document], table: str, changed: Mapping[Key, Sequence[Document]]) -> list[Document]:
    """All rows of a table that has few, as each is held against others; those that changed come last."""
    there = [row for row in rows if key_of(table, row) not in changed]
    return there + [row for key, of in changed.items() if key[0] == table for row in of]


def _of_classes_not_in_all(site: SiteVersions, policies: Sequence[Document]) -> list[Key]:
    """What names classes that some policy lacks; where no policy lacks another class than before, nothing."""
    before, after = _classes(site, site.policies()), _classes(site, policies)
    return [] if before == after else list(site.of_other_classes(after[0]))


def _classes(site: SiteVersions, policies: Sequence[Document]) -> tuple[set[str], set[str]]:
    """The classes that all policies know, and those that any does."""
    known = [set(policy.windows) for policy in policies_of(site.policy, policies).all]
    return set.intersection(*known), set.union(*known)
