"""The registry: the site of a running system as its log has made it, and as it ever was, found by id.

A change is a record of the log first; the registry follows. Whoever reads the log may let it take a record:
each is taken once and in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from geofences.instant import BEGIN_MS
from pipeline.errors import PipelineError
from pipeline.json_text import json_value
from pipeline.log.site_record import SiteRecord
from pipeline.registry import site_rows
from pipeline.registry.history import HistoryEntry, HistoryFilter, entries, entry_of
from pipeline.registry.schema import embedded_script
from pipeline.sites.documents import POLICIES, Document, SiteDocuments
from pipeline.sites.edits import HOLIDAYS
from pipeline.sites.load import sound_site
from pipeline.sites.records import Site
from pipeline.sites.site_lines import SiteLines
from pipeline.sites.site_versions import Key
from sinks.sqlite_file import SqliteFile

#: The registry within a data directory.
REGISTRY = "registry.sqlite"

_CHANGE = "SELECT record, at_ms, change_id, asked_by, reason, operations, edits FROM change"
_ALL = HistoryFilter()


class RegistryEmpty(PipelineError):  # noqa: N818 - the name says what is the matter
    """Nothing was imported yet."""


class Registry:
    """Opened for any number of threads and processes. A SiteVersions of the site as it is now."""

    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens or makes it. Raises SinkFailed."""
        return cls(SqliteFile(path, embedded_script()))

    def close(self) -> None:
        """Call it when no thread works on it any longer."""
        self.file.close()

    @property
    def is_begun(self) -> bool:
        """Whether it holds a site."""
        return self.file.reading().execute("SELECT 1 FROM registry").fetchone() is not None

    def begin(
        self,
        documents: SiteDocuments,
        *,
        record: int,
        at_ms: int,
        source: str,
        fingerprint: str = "",
        seen: str = "",
        progress: Callable[[int], object] = lambda _: None,
    ) -> bool:
        """The site that everything begins with, as of a place in the log; False where another was first.

        Changes that stand before ``record`` are not taken. ``documents`` must be sound. ``source`` is where
        they are from, ``fingerprint`` and ``seen`` what its files held.
        """
        with self.file.writing() as connection:
            if connection.execute("SELECT 1 FROM registry").fetchone() is not None:
                return False
            site_rows.insert_documents(connection, documents, progress)
            connection.execute(
                "INSERT INTO registry (slot, record, at_ms, source, fingerprint, seen, last_record)"
                " VALUES (1, ?, ?, ?, ?, ?, ?)",
                (record, at_ms, source, fingerprint, seen, record - 1),
            )
            connection.execute("UPDATE bearing SET position = max(position, ?)", (record,))
        return True

    def see(self, seen: str) -> None:
        """The files of a directory hold nothing that is not here, or was imported."""
        with self.file.writing() as connection:
            connection.execute("UPDATE registry SET seen = ?", (seen,))

    @property
    def seen(self) -> str:
        """What the files of the directory held that was imported last."""
        return str(self._begun_with("seen"))

    @property
    def fingerprint(self) -> str:
        """What the files held that all began with; a state of before there were registries bears the same."""
        return str(self._begun_with("fingerprint"))

    def take(self, found: SiteRecord) -> bool:
        """Makes a change of the log; False where it was made already. Records must come in order."""
        change = found.change
        with self.file.writing() as connection:
            if found.number <= self._last_record():
                return False
            keys = site_rows.apply(connection, found.number, change.edits)
            connection.execute(
                "INSERT INTO change (record, at_ms, change_id, asked_by, reason, operations, edits)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    found.number, found.at_ms, change.id, change.by, change.reason,
                    change.operations_json, change.edits_json,
                ),
            )  # fmt: skip
            touched = [(*key, found.number) for key in keys]
            connection.executemany("INSERT INTO touched (kind, id, record) VALUES (?, ?, ?)", touched)
            connection.execute("UPDATE registry SET last_record = ?", (found.number,))
            connection.execute("UPDATE bearing SET position = max(position, ?)", (found.number + 1,))
        return True

    def reached(self, position: int) -> None:
        """All changes that stand before a place in the log were taken. Raises SinkFailed."""
        self.file.reached(position)

    @property
    def position(self) -> int:
        """Up to where in the log all changes were taken."""
        bearing = self.file.bearing()
        return max(self.last_record + 1, 0 if bearing is None else bearing.position)

    @property
    def last_record(self) -> int:
        """The record of the last change, or the one before the place where the site was imported."""
        return self._last_record()

    @property
    def changed_ms(self) -> int:
        """The log's clock at the last change; BEGIN_MS before any."""
        asked = "SELECT max(at_ms) FROM change"
        found = self.file.reading().execute(asked).fetchone()[0]
        return BEGIN_MS if found is None else int(found)

    @property
    def documents(self) -> SiteDocuments:
        """The whole site as it is now. Raises RegistryEmpty."""
        return self.documents_at(self.last_record)

    def documents_at(self, record: int) -> SiteDocuments:
        """The whole site as it was when a record had been taken, whether it was a change or not.

        Its holidays are those of now: years are only ever added, and of one that a table lacks nothing was
        judged. So an engine that stopped where a table ends goes on from there once the year is known.
        """
        return self.lines_at(record).documents()

    def site_at(self, record: int) -> Site:
        """The same read and checked, by columns. Raises RegistryEmpty, and SiteError where it is unsound."""
        return sound_site(self.lines_at(record))

    def lines_at(self, record: int) -> SiteLines:
        """``documents_at`` as what the registry holds of each row."""
        with self.paired() as pair:
            return site_rows.lines_at(pair, max(record, 0))

    @contextmanager
    def paired(self) -> Iterator[site_rows.Pair]:
        """Two connections, for what reads the whole registry."""
        with closing(self.file.connected()) as other:
            yield site_rows.Pair(self.file.reading(), other)

    def versions(self, key: Key) -> Sequence[Document]:
        """All rows about an id as they are now, in the order of the file."""
        return site_rows.versions(self.file.reading(), key)

    def referring(self, key: Key) -> Sequence[Key]:
        """What names an id now."""
        return site_rows.referring(self.file.reading(), key)

    def offices(self) -> Sequence[Document]:
        """All offices as they are now."""
        return site_rows.all_of(self.file.reading(), "offices")

    def policies(self) -> Sequence[Document]:
        """All policies by date as they are now."""
        return site_rows.all_of(self.file.reading(), POLICIES)

    def of_other_classes(self, classes: Set[str]) -> Sequence[Key]:
        """The people and fences that now name a class which is none of these; reads all of them."""
        return site_rows.of_other_classes(self.file.reading(), classes)

    @property
    def policy(self) -> str:
        """The text of policy.toml."""
        return site_rows.text(self.file.reading(), "policy")

    @property
    def holidays(self) -> str:
        """The text of holidays.toml."""
        return site_rows.text(self.file.reading(), "holidays")

    def made_by(self, key: Key) -> int | None:
        """The record that last changed an id, 0 where it is as it was imported; None where it has no rows."""
        if key[0] != HOLIDAYS and not self.versions(key):
            return None
        asked = "SELECT coalesce(max(record), 0) FROM touched WHERE kind = ? AND id = ?"
        return int(self.file.reading().execute(asked, key).fetchone()[0])

    def history(
        self, wanted: HistoryFilter = _ALL, before: int | None = None, limit: int = 100
    ) -> list[HistoryEntry]:
        """The changes that are wanted, newest first: of those before a record, at most so many."""
        return entries(self.file.reading(), wanted, before, limit)

    def edits_after(self, record: int, upto: int) -> list[dict[str, Any]]:
        """What the changes behind a record, up to another one, came to, in their order."""
        asked = "SELECT edits FROM change WHERE record > ? AND record <= ? ORDER BY record"
        rows = self.file.reading().execute(asked, (record, upto))
        return [edit for (edits,) in rows for edit in json_value(edits)]

    def answered(self, change_id: str) -> HistoryEntry | None:
        """The change that bears an id; None where none was taken."""
        row = self.file.reading().execute(f"{_CHANGE} WHERE change_id = ?", (change_id,)).fetchone()
        return None if row is None else entry_of(row)

    def _last_record(self) -> int:
        return int(self._begun_with("last_record"))

    def _begun_with(self, column: str) -> int | str:
        row = self.file.reading().execute(f"SELECT {column} FROM registry").fetchone()
        if row is None:
            raise RegistryEmpty("the registry holds no site yet; `fencewatch site import` fills it")
        found: int | str = row[0]
        return found
