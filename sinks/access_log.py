"""Who looked at whom, when and what for: written before anything is shown, and no change goes unseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

from sinks.hash_chain import EMPTY, Break, Head, Linked, first_break, new_salts, next_link
from sinks.plain_text import plain_text, plain_text_expected
from sinks.sqlite import sqlite3
from sinks.sqlite_file import SqliteFile

PURPOSE_MOST = 1000
#: What stands for a person, a route or an office in a record is cut to so many signs.
_ID_MOST = 200


class Look(StrEnum):
    """What was looked at."""

    TRACK = "track"  # a person's fixes over a span of time
    VISIT = "visit"  # where an office's people are, over and over for a while
    PERSON = "person"  # one person: a card, an alert with its evidence
    REFUSED = "refused"  # something that the asker may not see, or that is not there for them
    AUDIT = "audit"  # the record of accesses itself


_KINDS = ", ".join(f"'{kind}'" for kind in Look)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS looks (
    access_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ({_KINDS})),
    actor TEXT NOT NULL CHECK (length(actor) > 0),
    role TEXT NOT NULL,
    office_id TEXT,
    person_id TEXT,
    from_ms INTEGER,
    to_ms INTEGER CHECK (to_ms > from_ms),
    purpose TEXT CHECK (length(trim(purpose)) > 0),
    route TEXT,
    answer INTEGER NOT NULL,
    salt BLOB NOT NULL,
    link BLOB NOT NULL CHECK (length(link) = 32),
    CHECK (kind <> 'track' OR (person_id IS NOT NULL AND from_ms IS NOT NULL AND purpose IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS looks_by_person ON looks (person_id, access_id);
CREATE TABLE IF NOT EXISTS looks_head (
    slot INTEGER PRIMARY KEY CHECK (slot = 1),
    number INTEGER NOT NULL,
    link BLOB NOT NULL
);
CREATE TRIGGER IF NOT EXISTS look_is_not_changed BEFORE UPDATE ON looks
BEGIN SELECT RAISE(ABORT, 'the access log is only ever appended to'); END;
CREATE TRIGGER IF NOT EXISTS look_is_not_removed BEFORE DELETE ON looks
BEGIN SELECT RAISE(ABORT, 'the access log is only ever appended to'); END;
CREATE TRIGGER IF NOT EXISTS look_is_not_replaced BEFORE INSERT ON looks
WHEN EXISTS (SELECT 1 FROM looks WHERE access_id = NEW.access_id)
BEGIN SELECT RAISE(ABORT, 'the access log is only ever appended to'); END;
"""


class PurposeMissing(ValueError):  # noqa: N818 - the name says what is the matter
    """Nobody looks at a track without saying what for."""


@dataclass(frozen=True, slots=True)
class Access:
    """One look; of a track at a person's fixes from ``from_ms`` to ``to_ms``.

    ``purpose`` None: not given. ``answer`` is the status it was answered with. ``access_id`` rises by one,
    None until written.
    """

    at_ms: int
    actor: str
    role: str
    office_id: str | None
    person_id: str | None
    from_ms: int | None
    to_ms: int | None
    purpose: str | None
    access_id: int | None = None
    kind: Look = Look.TRACK
    route: str | None = None
    answer: int = 200


#: In the order in which they are linked, behind the number.
_FIELDS = (
    "at_ms",
    "kind",
    "actor",
    "role",
    "office_id",
    "person_id",
    "from_ms",
    "to_ms",
    "purpose",
    "route",
    "answer",
)
_COLUMNS = ", ".join(_FIELDS)


class AccessLog:
    """The log in a SQLite file: triggers refuse whoever would change a row, and the chain shows who did."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    def open(cls, path: Path) -> Self:
        """The log of a file, made where there is none; an earlier version's rows are linked as they stand."""
        file = SqliteFile(path, _SCHEMA)
        try:
            _take_over(file)
        except BaseException:
            file.close()
            raise
        return cls(file)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def record(self, access: Access) -> int:
        """Writes one look and returns its number; durable on return. Raises PurposeMissing, SinkFailed."""
        with self._file.writing() as connection:
            return _append(connection, _checked(access))

    def entries(
        self,
        *,
        person_id: str | None = None,
        after: int = 0,
        limit: int = 1000,
        offices: Iterable[str] | None = None,
    ) -> list[Access]:
        """Looks in the order they happened, after a number, of one person or of all.

        ``offices``: only those by people of these offices; None means all.
        """
        wanted = ["access_id > ?", "(? IS NULL OR person_id = ?)"]
        values: list[object] = [after, person_id, person_id]
        if offices is not None:
            own = list(offices)
            wanted.append(f"office_id IN ({', '.join('?' * len(own))})")
            values += own
        found = self._file.reading().execute(
            f"SELECT access_id, {_COLUMNS} FROM looks WHERE {' AND '.join(wanted)}"
            " ORDER BY access_id LIMIT ?",
            (*values, limit),
        )
        return [_access(row) for row in found]

    def head(self) -> Head:
        """How far the log reaches."""
        return _head(self._file.reading())

    def linked(self) -> Iterator[Linked]:
        """Every record as the chain has it, by number."""
        return _linked(self._file.reading())

    def first_break(self, known: Iterable[Head] = ()) -> Break | None:
        """The first record that is not as it was written, by the chain and by heads noted elsewhere."""
        connection = self._file.reading()
        connection.execute("SAVEPOINT look")  # rows and head of one moment
        try:
            return first_break(_linked(connection), _head(connection), known)
        finally:
            connection.execute("RELEASE look")


def _checked(access: Access) -> Access:
    """The same with what others gave cut and looked at."""
    purpose = access.purpose
    if purpose is not None or access.kind is Look.TRACK:
        purpose = plain_text(purpose or "", PURPOSE_MOST)
        if purpose is None:
            raise PurposeMissing(f"purpose: expected what it is for: {plain_text_expected(PURPOSE_MOST)}")
    return replace(
        access,
        purpose=purpose,
        person_id=_cut(access.person_id),
        route=_cut(access.route),
    )


def _cut(text: str | None) -> str | None:
    """What comes from a request, as any database can hold it."""
    return None if text is None else text[:_ID_MOST].encode("utf-8", "backslashreplace").decode()


def _append(connection: sqlite3.Connection, access: Access) -> int:
    head = _head(connection)
    number = head.number + 1
    (salt,) = new_salts(1)
    fields = [getattr(access, name) for name in _FIELDS]
    link = next_link(head.link, salt, [number, *fields])
    values = (number, *fields, salt, link)
    connection.execute(
        f"INSERT INTO looks (access_id, {_COLUMNS}, salt, link) VALUES ({', '.join('?' * len(values))})",
        values,
    )
    connection.execute("INSERT OR REPLACE INTO looks_head VALUES (1, ?, ?)", (number, link))
    return number


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT number, link FROM looks_head").fetchone()
    return EMPTY if row is None else Head(row["number"], row["link"])


def _linked(connection: sqlite3.Connection) -> Iterator[Linked]:
    rows = connection.execute(f"SELECT access_id, {_COLUMNS}, salt, link FROM looks ORDER BY access_id")
    for row in rows:
        yield Linked(row["access_id"], list(row)[:-2], row["salt"], row["link"])


def _access(row: sqlite3.Row) -> Access:
    values = {name: row[name] for name in (*_FIELDS, "access_id")}
    return Access(**values | {"kind": Look(row["kind"])})


def _take_over(file: SqliteFile) -> None:
    """Rows of the version that had tracks alone and no chain are linked as they stand."""
    with file.writing() as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'access'").fetchone() is None:
            return
        rows = connection.execute(
            "SELECT at_ms, actor, role, office_id, person_id, from_ms, to_ms, purpose FROM access"
            " ORDER BY access_id"
        ).fetchall()
        for row in rows:
            _append(connection, Access(*row))
        connection.execute("DROP TABLE access")
