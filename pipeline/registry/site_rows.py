"""The rows of the registry in SQL: made, replaced, and read as they are now or were at a record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.edits import HOLIDAYS, Edit, place_of
from pipeline.sites.site_versions import FENCES, VERSIONED, Key, key_of, references, span_of
from sinks.sqlite import sqlite3

#: The texts of a site are rows of this kind, with their names as ids.
_TEXT = "text"
_TEXTS = ("policy", "holidays", "places")

_INSERT = "INSERT INTO site_row (place, kind, id, from_ms, document, made_by) VALUES (?, ?, ?, ?, ?, ?)"
_REFER = "INSERT OR IGNORE INTO reference (kind, id, target_kind, target_id) VALUES (?, ?, ?, ?)"
#: The rows as they were when a record had been taken.
_AT = "made_by <= :record AND (replaced_by IS NULL OR replaced_by > :record)"
_NOW = "replaced_by IS NULL"


def insert_documents(
    connection: sqlite3.Connection, documents: SiteDocuments, progress: Callable[[int], object]
) -> None:
    """All rows of a site as made by record 0; ``progress`` is told how many are done now and then."""
    done = 0
    for batch in _batches(_all_rows(documents)):
        connection.executemany(_INSERT, [row for row, _ in batch])
        connection.executemany(_REFER, [name for _, named in batch for name in named])
        done += len(batch)
        progress(done)


def _all_rows(documents: SiteDocuments) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    place = 0
    for kind in VERSIONED:
        for document in documents.table(kind):
            place += 1
            key = key_of(kind, document)
            named = [(*key, *target) for target in dict.fromkeys(references(kind, document))]
            yield (place, *key, span_of(kind, document)[0], _line(document), 0), named
    for name in _TEXTS:
        place += 1
        yield (place, _TEXT, name, 0, _line(getattr(documents, name)), 0), []


def _batches(rows: Iterable[Any], size: int = 20_000) -> Iterator[list[Any]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def _line(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def apply(connection: sqlite3.Connection, record: int, edits: Sequence[Edit]) -> list[Key]:
    """Makes the edits of a record; returns the ids that they are about. Nothing that was is forgotten."""
    keys: dict[Key, None] = {}
    for edit in edits:
        kind = edit["table"]
        if kind == HOLIDAYS:
            _put(connection, record, (_TEXT, HOLIDAYS), 0, edit["put"]["text"])
            keys[HOLIDAYS, ""] = None
            continue
        name, from_ms = place_of(edit)
        keys[kind, name] = None
        _put(connection, record, (kind, name), from_ms, edit.get("put"))
    for key in keys:
        connection.execute("DELETE FROM reference WHERE kind = ? AND id = ?", key)
        named = {target for row in versions(connection, key) for target in references(key[0], row)}
        connection.executemany(_REFER, [(*key, *target) for target in named])
    return list(keys)


def _put(connection: sqlite3.Connection, record: int, key: Key, from_ms: int, document: object) -> None:
    """This is now what stands there; None: nothing does."""
    place_of_old = connection.execute(
        f"UPDATE site_row SET replaced_by = ? WHERE kind = ? AND id = ? AND from_ms = ? AND {_NOW}"
        " RETURNING place",
        (record, *key, from_ms),
    ).fetchall()
    if document is not None:
        place = place_of_old[0][0] if place_of_old else _next_place(connection)
        connection.execute(_INSERT, (place, *key, from_ms, _line(document), record))


def _next_place(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(place), 0) + 1 FROM site_row").fetchone()[0])


def versions(connection: sqlite3.Connection, key: Key) -> list[Document]:
    """The rows about an id as they are now, in the order of the file."""
    asked = f"SELECT document FROM site_row WHERE kind = ? AND id = ? AND {_NOW} ORDER BY place"
    return [json.loads(row[0]) for row in connection.execute(asked, key)]


def all_of(connection: sqlite3.Connection, kind: str) -> list[Document]:
    """All rows of a table as they are now."""
    asked = f"SELECT document FROM site_row WHERE kind = ? AND {_NOW} ORDER BY place"
    return [json.loads(row[0]) for row in connection.execute(asked, (kind,))]


def text(connection: sqlite3.Connection, name: str) -> str:
    """A text of the site as it is now; "" where there is none."""
    found: list[Any] = versions(connection, (_TEXT, name))
    return str(found[0]) if found else ""


def documents_at(connection: sqlite3.Connection, record: int) -> SiteDocuments:
    """The whole site as it was when a record had been taken; its holidays are those of now.

    Years of holidays are only ever added, and of a year that a table lacks nothing was judged.
    """
    found: dict[str, list[Any]] = {kind: [] for kind in (*VERSIONED, _TEXT)}
    asked = f"SELECT kind, id, document FROM site_row WHERE {_AT} ORDER BY place"
    texts = {}
    for kind, name, document in connection.execute(asked, {"record": record}):
        if kind == _TEXT:
            texts[name] = json.loads(document)
        else:
            found[kind].append(json.loads(document))
    texts["holidays"] = text(connection, "holidays")
    rows = {kind: tuple(found[kind]) for kind in TABLES}
    return SiteDocuments(rows, tuple(found[FENCES]), **texts)
