"""Who looked at whose track, when and what for: written before anything is shown, never changed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sinks.sqlite_file import SqliteFile

PURPOSE_MOST = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS access (
    access_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL CHECK (length(actor) > 0),
    role TEXT NOT NULL,
    office_id TEXT,
    person_id TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL CHECK (to_ms > from_ms),
    purpose TEXT NOT NULL CHECK (length(trim(purpose)) > 0)
);
CREATE INDEX IF NOT EXISTS access_by_person ON access (person_id, access_id);
CREATE TRIGGER IF NOT EXISTS access_is_not_changed BEFORE UPDATE ON access
BEGIN SELECT RAISE(ABORT, 'the access log is only ever appended to'); END;
CREATE TRIGGER IF NOT EXISTS access_is_not_removed BEFORE DELETE ON access
BEGIN SELECT RAISE(ABORT, 'the access log is only ever appended to'); END;
"""


class PurposeMissing(ValueError):  # noqa: N818 - the name says what is the matter
    """Nobody looks at a track without saying what for."""


@dataclass(frozen=True, slots=True)
class Access:
    """One look at a person's track from ``from_ms`` to ``to_ms``; ``access_id`` rises, None until written."""

    at_ms: int
    actor: str
    role: str
    office_id: str | None
    person_id: str
    from_ms: int
    to_ms: int
    purpose: str
    access_id: int | None = None


class AccessLog:
    """The log in a SQLite file; its triggers refuse whoever would change or remove a row."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    def open(cls, path: Path) -> Self:
        """The log of a file, made where there is none."""
        return cls(SqliteFile(path, _SCHEMA))

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def record(self, access: Access) -> int:
        """Writes one look and returns its number; durable on return. Raises PurposeMissing."""
        purpose = access.purpose.strip()
        is_text = all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in purpose)
        if not purpose or len(purpose) > PURPOSE_MOST or not is_text:
            raise PurposeMissing(
                f"purpose: 1 to {PURPOSE_MOST} letters, no control signs: what the track is wanted for"
            )
        values = (access.at_ms, access.actor, access.role, access.office_id, access.person_id)
        with self._file.writing() as connection:
            row = connection.execute(
                "INSERT INTO access (at_ms, actor, role, office_id, person_id, from_ms, to_ms, purpose)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING access_id",
                (*values, access.from_ms, access.to_ms, purpose),
            ).fetchone()
        return int(row["access_id"])

    def entries(self, *, person_id: str | None = None, after: int = 0, limit: int = 1000) -> list[Access]:
        """Looks in the order they happened, after a number, of one person or of all."""
        found = self._file.reading().execute(
            "SELECT at_ms, actor, role, office_id, person_id, from_ms, to_ms, purpose, access_id FROM access"
            " WHERE access_id > ? AND (? IS NULL OR person_id = ?) ORDER BY access_id LIMIT ?",
            (after, person_id, person_id, limit),
        )
        return [Access(*row) for row in found]
