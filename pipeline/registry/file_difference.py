"""What an import of files would change, at the cost of a look at each line and of a check of what differs.

The long way reads and checks all rows of the files, then compares them. Where the registry's site is sound,
so is the one of the files if the neighbourhood of what differs is: only that is checked here. Whatever is not
plain, or not sound, is left to the long way, which also says what is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline.json_text import json_value
from pipeline.registry import site_rows
from pipeline.registry.recorded_site import RecordedSite
from pipeline.registry.registry import Registry
from pipeline.sites.change_check import site_faults
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.plain_files import FileRows, PlainFiles
from pipeline.sites.site_difference import SiteDifference, site_difference
from pipeline.sites.site_versions import FENCES, VERSIONED, Key, key_of, span_of

Rows = tuple[Document, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DifferingRows:
    """All rows about the ids of which any row is another: ``there`` in the registry, and ``given``."""

    there: Mapping[str, Rows]
    given: Mapping[str, Rows]
    texts: Mapping[str, str]
    policies: Rows

    def at(self, clock_ms: int) -> SiteDifference:
        """What makes the one the other from an instant on."""
        return site_difference(self._documents(self.there), self._documents(self.given), clock_ms)

    def _documents(self, rows: Mapping[str, Rows]) -> SiteDocuments:
        tables = {name: rows[name] for name in TABLES}
        return SiteDocuments(tables, rows[FENCES], policies=self.policies, **self.texts)


def differing_rows(registry: Registry, files: PlainFiles) -> DifferingRows | None:
    """Where files differ from the site as it is now; None where the long way must tell.

    That is where a text is another, and where anything is wrong. Raises RegistryEmpty.
    """
    record, connection = max(registry.last_record, 0), registry.file.reading()
    texts = {"policy": files.policy, "holidays": files.holidays, "places": files.places}
    policies = tuple(site_rows.all_of(connection, "policies", record))
    if texts != site_rows.texts_at(connection, record) or files.policies != policies:
        return None
    known = site_rows.row_lines_at(connection, record)
    ids = _differing(known, files.rows)
    if ids is None:
        return None
    given = {table: _about(files.rows[table], ids[table]) for table in VERSIONED}
    there = {
        table: tuple(row for _, row in site_rows.versions_of_many(connection, table, names, record))
        for table, names in ids.items()
    }
    if not _are_sound(registry, record, ids, given, files.holidays):
        return None
    return DifferingRows(there, given, texts, policies)


def _differing(known: set[str], files: Mapping[str, FileRows]) -> dict[str, set[str]] | None:
    """The ids by table about which some row is another; None where a row stands twice in a file.

    Rows of different tables are never written alike: each table has columns of its own. ``known`` is used up.
    """
    before = len(known)
    ids: dict[str, set[str]] = {}
    alike = 0
    for table in VERSIONED:
        rows = files[table]
        new = [at for at, line in enumerate(rows.lines) if line not in known]
        if len({rows.lines[at] for at in new}) < len(new):
            return None
        alike += len(rows.lines) - len(new)
        ids[table] = {rows.ids[at] for at in new}
    known.difference_update(*(files[table].lines for table in VERSIONED))
    if alike != before - len(known):
        return None
    for row in map(json_value, known):
        table, name = _key_of(row)
        ids[table].add(name)
    return ids


def _key_of(row: Document) -> Key:
    """What a row of any table is about."""
    if "type" in row:
        return key_of(FENCES, row)
    # A row also names what stands before its table: a device a person, a person an office.
    return key_of(next(name for name in reversed(TABLES) if TABLES[name].id_column in row), row)


def _about(rows: FileRows, ids: Collection[str]) -> Rows:
    """The rows of a file about some ids."""
    if not ids:
        return ()
    lines = [line for line, name in zip(rows.lines, rows.ids, strict=True) if name in ids]
    return tuple(map(json_value, lines))


def _are_sound(
    registry: Registry,
    record: int,
    ids: Mapping[str, Collection[str]],
    given: Mapping[str, Rows],
    holidays: str,
) -> bool:
    """Whether the site is with the given rows in place of those about the same ids."""
    changed: dict[Key, list[Document]] = {(table, name): [] for table in ids for name in ids[table]}
    for table, rows in given.items():
        for row in rows:
            if not _has_sound_times(table, row):  # without which no neighbourhood can be found
                return False
            changed[key_of(table, row)].append(row)
    now = RecordedSite(registry, record)
    with now.read_ahead(changed):
        return not site_faults(now, changed, dict.fromkeys(changed, 0), holidays)


def _has_sound_times(table: str, row: Document) -> bool:
    try:
        span_of(table, row)
    except (ValueError, OverflowError):
        return False
    return True
