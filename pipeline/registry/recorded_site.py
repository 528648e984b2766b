"""The site as it was at a record of the log, and as further changes make it: found by id, held by nobody.

What was there at the record is asked of the registry, which forgets nothing; only the rows that have changed
since are kept here. So whoever reads the log behind everybody else, or ahead of the registry, needs no site
in memory to say what a change does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager

from pipeline.registry import site_rows
from pipeline.registry.registry import Registry
from pipeline.sites.documents import POLICIES, Document
from pipeline.sites.site_versions import FENCES, VERSIONED, Key, classes_of, key_of, references
from sinks.sqlite import sqlite3
from sinks.sqlite_file import SqliteFile

#: From a fence to whom it is for, to their devices and leaves, to who else has had these, to theirs.
_STEPS = 4


class RecordedSite:
    """A SiteVersions that changes by ``replace``. Raises SinkFailed where the registry cannot be read."""

    def __init__(self, registry: Registry, record: int) -> None:
        """The site when ``record`` had been taken; its holidays are those of now."""
        self._file: SqliteFile = registry.file
        self._record = max(record, 0)
        self._changed: dict[Key, list[Document]] = {}
        #: What was read for the change at hand, and what names or named what.
        self._read: dict[Key, list[Document]] = {}
        self._naming: dict[Key, list[Key]] = {}
        #: What the rows about an id name, as far as somebody has asked.
        self._names: dict[Key, frozenset[Key]] = {}
        #: What came to name an id since, or may have at the record: the registry knows who does now.
        self._named_by: dict[Key, dict[Key, None]] = {}
        with self._reading() as connection:
            self.policy = site_rows.text(connection, "policy", self._record)
            self.holidays = site_rows.text(connection, "holidays")
            for key, row in site_rows.replaced_after(connection, self._record):
                self._name(key, [row])

    def versions(self, key: Key) -> Sequence[Document]:
        known = self._changed.get(key, self._read.get(key))
        if known is not None:
            return known
        with self._reading() as connection:
            return site_rows.versions(connection, key, self._record)

    def referring(self, key: Key) -> Sequence[Key]:
        ever: Iterable[Key] | None = self._naming.get(key)
        if ever is None:
            with self._reading() as connection:
                ever = site_rows.ever_referring(connection, key)
        found = dict.fromkeys(ever) | self._named_by.get(key, {})
        return [one for one in found if key in self._named(one)]

    def _named(self, key: Key) -> frozenset[Key]:
        """What the rows about an id name."""
        known = self._names.get(key)
        if known is None:
            rows = self.versions(key)
            known = self._names[key] = frozenset([to for row in rows for to in references(key[0], row)])
        return known

    def offices(self) -> Sequence[Document]:
        return self._all_of("offices")

    def policies(self) -> Sequence[Document]:
        return self._all_of(POLICIES)

    def of_other_classes(self, classes: Set[str]) -> Sequence[Key]:
        with self._reading() as connection:
            found = site_rows.of_other_classes(connection, classes, self._record)
        there = [key for key in found if key not in self._changed]
        for key, rows in self._changed.items():
            if any(not classes_of(key[0], row) <= classes for row in rows):
                there.append(key)
        return there

    @contextmanager
    def read_ahead(self, keys: Iterable[Key]) -> Iterator[None]:
        """Within it what a change of these ids is checked with and concerns is known, read all at once."""
        asked = {key for key in keys if key[0] in VERSIONED}
        asked_of = {key for key in asked if key[0] == FENCES}
        try:
            for _ in range(_STEPS):
                self._read_rows(asked)
                named = set[Key]().union(*map(self._named, asked))
                asked_of |= {key for key in named | asked if key[0] == "people"}
                asked_of -= self._naming.keys()
                self._read_naming(asked_of)
                naming = {key for target in asked_of for key in self._naming[target]}
                asked = (named | naming) - self._read.keys()
            yield
        finally:
            self._forget()

    @contextmanager
    def read_for_check(self, keys: Iterable[Key], going: Iterable[Key] = ()) -> Iterator[None]:
        """The same of what it is only checked with; ``going`` are ids that may go, which needs more."""
        asked, gone = ({key for key in given if key[0] in VERSIONED} for given in (keys, going))
        try:
            self._read_naming(gone)
            asked |= {key for target in gone for key in self._naming[target]}
            while asked := asked - self._read.keys():
                self._read_rows(asked)
                asked = set[Key]().union(*map(self._named, asked))
            yield
        finally:
            self._forget()

    def _read_rows(self, keys: Set[Key]) -> None:
        with self._reading() as connection:
            for table, names in site_rows.by_table(keys).items():
                self._read |= {(table, name): [] for name in names}
                for name, row in site_rows.versions_of_many(connection, table, names, self._record):
                    self._read[table, name].append(row)

    def _read_naming(self, keys: Set[Key]) -> None:
        with self._reading() as connection:
            for table, names in site_rows.by_table(keys).items():
                self._naming |= {(table, name): [] for name in names}
                for name, key in site_rows.ever_referring_to_many(connection, table, names):
                    self._naming[table, name].append(key)

    def _forget(self) -> None:
        self._read, self._naming, self._names = {}, {}, {}

    def replace(self, key: Key, versions: Sequence[Document]) -> None:
        """These are the rows about an id from now on; none: the site does not know it any longer."""
        self._changed[key] = list(versions)
        self._names.pop(key, None)
        self._name(key, versions)

    def _name(self, key: Key, versions: Iterable[Document]) -> None:
        for target in {target for row in versions for target in references(key[0], row)}:
            self._named_by.setdefault(target, {})[key] = None

    def _all_of(self, table: str) -> list[Document]:
        with self._reading() as connection:
            rows = site_rows.all_of(connection, table, self._record)
        by_key: dict[Key, list[Document]] = {}
        for row in rows:
            by_key.setdefault(key_of(table, row), []).append(row)
        by_key |= {key: of for key, of in self._changed.items() if key[0] == table}
        return [row for of in by_key.values() for row in of]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._file.named():
            yield self._file.reading()
