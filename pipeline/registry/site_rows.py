"""The rows of the registry in SQL: made, replaced, and read as they are now or were at a record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import numpy as np

from pipeline.json_text import json_value
from pipeline.sites.documents import POLICIES, TABLES, Document, SiteDocuments
from pipeline.sites.edits import HOLIDAYS, Edit, place_of
from pipeline.sites.joined_lines import AT_ONCE, Part, Placed, in_order
from pipeline.sites.lines import Lines
from pipeline.sites.site_lines import SiteLines
from pipeline.sites.site_versions import (
    FENCES,
    KEPT_BY_ROW,
    VERSIONED,
    Key,
    classes_of,
    key_of,
    references,
    span_of,
)
from sinks.sqlite import sqlite3

#: The texts of a site are rows of this kind, with their names as ids.
_TEXT = "text"
_TEXTS = ("policy", "holidays", "places")

_INSERT = "INSERT INTO site_row (place, kind, id, from_ms, document, made_by) VALUES (?, ?, ?, ?, ?, ?)"
_REFER = "INSERT OR IGNORE INTO reference (kind, id, target_kind, target_id) VALUES (?, ?, ?, ?)"
_NOW = "replaced_by IS NULL"
#: What SQLite may hold of the file while a whole site is written.
_CACHE_KIB = 512 * 1024
#: No record: the rows as they are now.
NOW = -1


def _at(record: int) -> str:
    """Of the rows those that stood when a record had been taken."""
    if record == NOW:
        return _NOW
    return f"made_by <= {record:d} AND (replaced_by IS NULL OR replaced_by > {record:d})"


def insert_documents(
    connection: sqlite3.Connection, documents: SiteDocuments, progress: Callable[[int], object]
) -> None:
    """All rows of a site as made by record 0; ``progress`` is told how many are done now and then."""
    done = 0
    with _much_in_memory(connection):
        for batch in _batches(_all_rows(documents)):
            connection.executemany(_INSERT, [row for row, _ in batch])
            connection.executemany(_REFER, [name for _, named in batch for name in named])
            done += len(batch)
            progress(done)


@contextmanager
def _much_in_memory(connection: sqlite3.Connection) -> Iterator[None]:
    """Many pages are held meanwhile: rows come in no order of the keys, and meet each page many times."""
    before = connection.execute("PRAGMA cache_size").fetchone()[0]
    connection.execute(f"PRAGMA cache_size = {-_CACHE_KIB:d}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA cache_size = {before:d}")


def _all_rows(documents: SiteDocuments) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    place = 0
    for kind in KEPT_BY_ROW:
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
    try:
        return msgspec.json.encode(document).decode()
    except (ValueError, OverflowError, RecursionError):  # half of a surrogate pair, or a number past 64 bits
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def apply(connection: sqlite3.Connection, record: int, edits: Sequence[Edit]) -> list[Key]:
    """Makes the edits of a record; returns the ids that they are about. Nothing that was is forgotten."""
    places: dict[tuple[Key, int], object] = {}
    dropped = set[tuple[Key, int]]()
    keys: dict[Key, None] = {}
    for edit in edits:
        kind = edit["table"]
        if kind == HOLIDAYS:
            key, place, document = (_TEXT, HOLIDAYS), 0, edit["put"]["text"]
            keys[HOLIDAYS, ""] = None
        else:
            name, place = place_of(edit)
            key, document = (kind, name), edit.get("put")
            keys[key] = None
        if document is None:
            dropped.add((key, place))  # what comes there afterwards stands behind all others
        places[key, place] = document
    _put_all(connection, record, places, dropped)
    for kind, names in by_table(keys).items():
        # What is named no longer stays among them: who reads the log behind all others may ask for it.
        named = {
            (kind, name, *target): None
            for name, row in versions_of_many(connection, kind, names)
            for target in references(kind, row)
        }
        connection.executemany(_REFER, named)
    return list(keys)


def _put_all(
    connection: sqlite3.Connection,
    record: int,
    documents: Mapping[tuple[Key, int], object],
    dropped: Set[tuple[Key, int]],
) -> None:
    """This is now what stands at these places, by id and begin; None: nothing does."""
    known: dict[tuple[Key, int], int] = {}
    for kind, names in by_table(key for key, _ in documents).items():
        asked = (
            "SELECT id, from_ms, place FROM site_row"
            f" WHERE kind = ? AND id IN (SELECT value FROM json_each(?)) AND {_NOW}"
        )
        for name, from_ms, place in connection.execute(asked, (kind, json.dumps(list(dict.fromkeys(names))))):
            known[(kind, name), from_ms] = place
    connection.executemany(
        f"UPDATE site_row SET replaced_by = ? WHERE kind = ? AND id = ? AND from_ms = ? AND {_NOW}",
        [(record, *key, from_ms) for key, from_ms in documents if (key, from_ms) in known],
    )
    free = int(connection.execute("SELECT coalesce(max(place), 0) + 1 FROM site_row").fetchone()[0])
    rows = []
    for (key, from_ms), document in documents.items():
        if document is not None:
            place = free if (key, from_ms) in dropped else known.get((key, from_ms), free)
            free += place == free
            rows.append((place, *key, from_ms, _line(document), record))
    connection.executemany(_INSERT, rows)


def versions(connection: sqlite3.Connection, key: Key, record: int = NOW) -> list[Document]:
    """The rows about an id as they were when a record had been taken, in the order of the file."""
    asked = f"SELECT document FROM site_row WHERE kind = ? AND id = ? AND {_at(record)} ORDER BY place"
    return [json_value(row[0]) for row in connection.execute(asked, key)]


def versions_of_many(
    connection: sqlite3.Connection, kind: str, names: Iterable[str], record: int = NOW
) -> Iterator[tuple[str, Document]]:
    """``versions`` of many ids of a table, each row with its id."""
    for name, line in lines_of_many(connection, kind, names, record):
        yield name, json_value(line)


def lines_of_many(
    connection: sqlite3.Connection, kind: str, names: Iterable[str], record: int = NOW
) -> Iterator[tuple[str, str]]:
    """The same as it is written."""
    asked = (
        "SELECT id, document FROM site_row WHERE kind = ? AND id IN (SELECT value FROM json_each(?))"
        f" AND {_at(record)} ORDER BY place"
    )
    yield from connection.execute(asked, (kind, json.dumps(list(names))))


def all_of(connection: sqlite3.Connection, kind: str, record: int = NOW) -> list[Document]:
    """All rows of a table as they were when a record had been taken."""
    asked = f"SELECT document FROM site_row WHERE kind = ? AND {_at(record)} ORDER BY place"
    return [json_value(row[0]) for row in connection.execute(asked, (kind,))]


def of_other_classes(connection: sqlite3.Connection, classes: Set[str], record: int = NOW) -> list[Key]:
    """The people and fences that name a class which is none of these; reads all of them."""
    asked = f"SELECT kind, id, document FROM site_row WHERE kind IN ('people', 'fences') AND {_at(record)}"
    rows = connection.execute(asked)
    found = {
        (kind, name): None for kind, name, line in rows if not classes_of(kind, json_value(line)) <= classes
    }
    return list(found)


def text(connection: sqlite3.Connection, name: str, record: int = NOW) -> str:
    """A text of the site when a record had been taken; "" where there is none."""
    found: list[Any] = versions(connection, (_TEXT, name), record)
    return str(found[0]) if found else ""


def ever_referring(connection: sqlite3.Connection, key: Key) -> list[Key]:
    """What names an id now, or once did."""
    asked = "SELECT kind, id FROM reference WHERE target_kind = ? AND target_id = ? ORDER BY kind, id"
    return [(kind, name) for kind, name in connection.execute(asked, key)]


def ever_referring_to_many(
    connection: sqlite3.Connection, kind: str, names: Iterable[str]
) -> Iterator[tuple[str, Key]]:
    """``ever_referring`` for many ids of a table, each with the id that is named."""
    asked = (
        "SELECT target_id, kind, id FROM reference WHERE target_kind = ?"
        " AND target_id IN (SELECT value FROM json_each(?)) ORDER BY kind, id"
    )
    for target, other, name in connection.execute(asked, (kind, json.dumps(list(names)))):
        yield target, (other, name)


def referring(connection: sqlite3.Connection, key: Key) -> list[Key]:
    """What names an id now."""
    asked = (
        "SELECT kind, id, document FROM reference JOIN site_row USING (kind, id)"
        f" WHERE target_kind = ? AND target_id = ? AND {_NOW} ORDER BY kind, id"
    )
    rows = connection.execute(asked, key)
    return list(
        {(kind, name): None for kind, name, line in rows if key in references(kind, json_value(line))}
    )


def replaced_after(connection: sqlite3.Connection, record: int) -> Iterator[tuple[Key, Document]]:
    """The rows that stood when a record had been taken and do no longer; reads all where there are any."""
    if connection.execute("SELECT 1 FROM registry WHERE last_record > ?", (record,)).fetchone() is None:
        return
    asked = f"SELECT kind, id, document FROM site_row WHERE kind != ? AND {_at(record)} AND NOT ({_NOW})"
    for kind, name, line in connection.execute(asked, (_TEXT,)):
        yield (kind, name), json_value(line)


class Pair(NamedTuple):
    """Two connections to one registry: half of its rows is read through each, at the same time."""

    one: sqlite3.Connection
    other: sqlite3.Connection


def lines_at(pair: Pair, record: int) -> SiteLines:
    """The whole site as it was when a record had been taken; its holidays are those of now.

    Years of holidays are only ever added, and of a year that a table lacks nothing was judged.
    """
    texts = texts_at(pair.one, record)
    lines = {kind: in_order(found) for kind, found in _joined_rows(pair, record).items()}
    policies = tuple(map(json_value, lines[POLICIES]))
    return SiteLines({kind: lines[kind] for kind in TABLES}, lines[FENCES], policies=policies, **texts)


def _joined_rows(pair: Pair, record: int) -> dict[str, list[Placed]]:
    """The rows of each table with their places: SQLite joins them, so that none is an object by itself."""
    # In the order in which they were written, which nearly always is that of their places: an index by
    # place would be a look-up for each row.
    of = "count(*), group_concat(place), group_concat(document)"
    found: dict[str, list[Placed]] = {kind: [] for kind in KEPT_BY_ROW}
    for kind, count, places, documents in _joined(pair, record, of):
        if kind in found:
            places = np.array(msgspec.json.decode(f"[{places}]"), np.int64)
            found[kind].append(Placed(places, Part(count, documents)))
    return found


def _joined(pair: Pair, record: int, of: str) -> Iterator[Sequence[Any]]:
    """The kind of rows that stand together and what is asked ``of`` them, in the order of the file.

    Both connections find the same, whatever is written meanwhile: rows of a record that was taken stay.
    """
    (last,) = pair.one.execute("SELECT coalesce(max(rowid), 0) FROM site_row").fetchone()
    starts = range(0, last, AT_ONCE)
    half = len(starts) // 2
    with ThreadPoolExecutor(1, "registry") as beside:
        second = beside.submit(list, _joined_from(pair.other, record, of, starts[half:]))
        yield from _joined_from(pair.one, record, of, starts[:half])
        yield from second.result()


def _joined_from(
    connection: sqlite3.Connection, record: int, of: str, starts: Iterable[int]
) -> Iterator[Sequence[Any]]:
    for first in starts:
        yield from _joined_between(connection, record, of, first, first + AT_ONCE)


def _joined_between(
    connection: sqlite3.Connection, record: int, of: str, after: int, upto: int
) -> Iterator[Sequence[Any]]:
    """The same of rows whose numbers in the file are among these."""
    rows = f"FROM site_row NOT INDEXED WHERE rowid > {after:d} AND rowid <= {upto:d} AND {_at(record)}"
    try:
        ((first, last, *row),) = connection.execute(f"SELECT min(kind), max(kind), {of} {rows}").fetchall()
        # Nearly always all are of one table, and to group them costs as much as to read them.
        found = (
            [(first, *row)]
            if first == last
            else connection.execute(f"SELECT kind, {of} {rows} GROUP BY kind").fetchall()
        )
    except sqlite3.DataError:  # together they are longer than a text of SQLite may be
        if upto - after < 2:
            raise
        half = (after + upto) // 2
        yield from _joined_between(connection, record, of, after, half)
        yield from _joined_between(connection, record, of, half, upto)
        return
    yield from found


def row_lines_at(pair: Pair, record: int) -> dict[str, Lines]:
    """The rows of the tables of files and the fences as they were when a record had been taken."""
    # As bytes, which nobody has to read as letters.
    of = "CAST(group_concat(document, char(10)) || char(10) AS BLOB)"
    found: dict[str, list[bytes]] = {kind: [] for kind in VERSIONED}
    for kind, text in _joined(pair, record, of):
        if kind in found:
            found[kind].append(text)
    return {kind: Lines(b"".join(texts)) for kind, texts in found.items()}


def texts_at(connection: sqlite3.Connection, record: int) -> dict[str, str]:
    """The texts of the site by their names, holidays as they are now."""
    of_text = f"SELECT id, document FROM site_row WHERE kind = '{_TEXT}' AND {_at(record)}"
    texts = {name: json_value(line) for name, line in connection.execute(of_text)}
    return {**texts, "holidays": text(connection, "holidays")}


def by_table(keys: Iterable[Key]) -> dict[str, list[str]]:
    """The ids of keys by their tables."""
    found: dict[str, list[str]] = {}
    for table, name in keys:
        found.setdefault(table, []).append(name)
    return found
