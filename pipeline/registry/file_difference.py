"""What an import of files would change, at the cost of a look at each line and of a check of what differs.

The long way reads and checks all rows of the files, then compares them. Where the registry's site is sound,
so is the one of the files if the neighbourhood of what differs is: only that is checked here. Whatever is not
plain, or not sound, is left to the long way, which also says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.json_text import json_value
from pipeline.registry import site_rows
from pipeline.registry.recorded_site import RecordedSite
from pipeline.registry.registry import Registry
from pipeline.sites.change_check import site_faults
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.lines import Lines
from pipeline.sites.plain_files import FileRows, PlainFiles
from pipeline.sites.site_difference import SiteDifference, site_difference
from pipeline.sites.site_versions import FENCES, Key, key_of, references, span_of

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
    there: dict[str, Rows] = {}
    given: dict[str, Rows] = {}
    changed: dict[Key, list[Document]] = {}
    with registry.paired() as pair:
        standing = site_rows.row_lines_at(pair, record)
    for table, known in standing.items():
        found = _differing(known, files.rows[table])
        if found is None:
            return None
        names = found.ids(table)
        lines = [line for _, line in site_rows.lines_of_many(connection, table, names, record)]
        if found.has_twice(lines):
            return None
        there[table] = tuple(map(json_value, lines))
        given[table] = tuple(map(json_value, found.with_those_that_stay(lines)))
        changed |= {(table, name): [] for name in names}
    if not _are_sound(registry, record, changed, given, files.holidays):
        return None
    return DifferingRows(there, given, texts, policies)


@dataclass(frozen=True, slots=True, eq=False)
class _Differing:
    """The ``new`` lines of a file, by their places, and those that are ``gone``: only in the registry.

    ``elsewhere`` stand in the registry at another place, or are written there as they are here.
    """

    lines: Lines
    new: Mapping[int, str]
    elsewhere: Mapping[int, str]
    gone: Sequence[str]

    def ids(self, table: str) -> list[str]:
        """What new lines and those that are gone are about."""
        rows = map(json_value, (*self.gone, *self.new.values()))
        return list(dict.fromkeys(key_of(table, row)[1] for row in rows))

    def has_twice(self, there: Iterable[str]) -> bool:
        """Whether a row stands twice in the file; ``there``: all that the registry has about the same ids."""
        new = set(self.new.values())
        return len(new) < len(self.new) or not new.isdisjoint(there)

    def with_those_that_stay(self, there: Iterable[str]) -> list[str]:
        """The new ones with those of these that are not gone, in the order of the file."""
        stay = set(there).difference(self.gone)
        found = {at: line for at, line in self.elsewhere.items() if line in stay} | dict(self.new)
        if stay:
            places = self.lines.among(Lines.of(stay))
            found |= dict(zip(places.tolist(), map(bytes.decode, self.lines.at(places)), strict=True))
        return [found[at] for at in sorted(found)]


def _differing(known: Lines, rows: FileRows) -> _Differing | None:
    """What a file has and the registry not, and the other way; None where the file is not plain."""
    places, others = rows.lines.differing(known)
    left = dict.fromkeys(map(bytes.decode, known.at(others)))
    found = rows.written(rows.lines.at(places))
    if found is None:
        return None
    new: dict[int, str] = {}
    elsewhere: dict[int, str] = {}
    for at, line in zip(places.tolist(), found, strict=True):
        if line in left:
            del left[line]
            elsewhere[at] = line
        else:
            new[at] = line
    return _Differing(rows.lines, new, elsewhere, list(left))


def _are_sound(
    registry: Registry,
    record: int,
    changed: dict[Key, list[Document]],
    given: Mapping[str, Rows],
    holidays: str,
) -> bool:
    """Whether the site is with the given rows about the ids that ``changed`` has, which gets them."""
    for table, rows in given.items():
        for row in rows:
            if not _has_sound_times(table, row):  # without which no neighbourhood can be found
                return False
            changed[key_of(table, row)].append(row)
    now = RecordedSite(registry, record)
    named = [
        target for (table, _), rows in changed.items() for row in rows for target in references(table, row)
    ]
    with now.read_for_check([*changed, *named], [key for key, rows in changed.items() if not rows]):
        return not site_faults(now, changed, dict.fromkeys(changed, 0), holidays)


def _has_sound_times(table: str, row: Document) -> bool:
    try:
        span_of(table, row)
    except (ValueError, OverflowError):
        return False
    return True
