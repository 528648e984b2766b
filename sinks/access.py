"""Access tokens: random text that is told once and kept only as its hash."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from sinks.sqlite_file import SqliteFile


class Role(StrEnum):
    """What a token is for; what each may do is said where requests come in."""

    OFFICER = "officer"
    COUNTY = "county"
    PROSECUTOR = "prosecutor"
    OPERATOR = "operator"
    DEVICE = "device"


#: Roles that see people, and so only those of an office.
OF_OFFICE = (Role.OFFICER, Role.COUNTY, Role.PROSECUTOR)

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS token (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    role TEXT NOT NULL CHECK (role IN ({", ".join(f"'{role}'" for role in Role)})),
    office_id TEXT,
    device_id TEXT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) > 0),
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    CHECK ((role = 'device') = (device_id IS NOT NULL)),
    CHECK (office_id IS NOT NULL OR role NOT IN ({", ".join(f"'{role}'" for role in OF_OFFICE)}))
) WITHOUT ROWID;
"""


class WrongToken(ValueError):  # noqa: N818 - the name says what is the matter
    """A token that could not be made: says what is wrong and what was expected."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token stands for. ``name`` is what timelines, leases and the access log call them."""

    role: Role
    office_id: str | None
    device_id: str | None
    name: str


class TokenStore:
    """Tokens in a SQLite file; one made or revoked by another program counts from the next look-up on."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    def open(cls, path: Path) -> Self:
        """The store of a file, made where there is none, readable by its owner alone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        return cls(SqliteFile(path, _SCHEMA))

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def create(
        self,
        role: str,
        *,
        now_ms: int,
        office_id: str | None = None,
        device_id: str | None = None,
        name: str | None = None,
    ) -> str:
        """A new token; the only time its text is seen. Raises WrongToken where the parts do not fit.

        Without a name it gets one of its own: two tokens are never the same holder of an alert.
        """
        checked = _checked(role, office_id, device_id)
        text = secrets.token_urlsafe(32)
        called = name or f"{checked}-{device_id or office_id or 'all'}-{secrets.token_hex(3)}"
        try:
            with self._file.writing() as connection:
                connection.execute(
                    "INSERT INTO token (sha256, role, office_id, device_id, name, created_ms)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (_digest(text), checked, office_id, device_id, called, now_ms),
                )
        except sqlite3.IntegrityError as error:
            raise WrongToken(f"name: {called!r} is taken; expected one that no token bears") from error
        return text

    def lookup(self, text: str) -> Identity | None:
        """Who a token stands for; None where it is unknown or revoked."""
        row = (
            self._file.reading()
            .execute(
                "SELECT role, office_id, device_id, name FROM token WHERE sha256 = ? AND revoked_ms IS NULL",
                (_digest(text),),
            )
            .fetchone()
        )
        return None if row is None else Identity(Role(row["role"]), *row[1:])

    def revoke(self, name: str, *, now_ms: int) -> bool:
        """The token of a name counts no longer; whether there was one."""
        with self._file.writing() as connection:
            done = connection.execute(
                "UPDATE token SET revoked_ms = ? WHERE name = ? AND revoked_ms IS NULL", (now_ms, name)
            )
            return done.rowcount == 1

    def identities(self) -> list[Identity]:
        """Whom the tokens in force stand for, by name."""
        found = self._file.reading().execute(
            "SELECT role, office_id, device_id, name FROM token WHERE revoked_ms IS NULL ORDER BY name"
        )
        return [Identity(Role(row["role"]), *row[1:]) for row in found]


def _checked(role: str, office_id: str | None, device_id: str | None) -> Role:
    if role not in list(Role):
        raise WrongToken(f"role: {role!r}; expected one of {', '.join(Role)}")
    if (role == Role.DEVICE) != (device_id is not None):
        raise WrongToken("device: a token of a device names it, and no other does")
    if role in OF_OFFICE and not office_id:
        raise WrongToken(f"office: a token of the role {role} needs one")
    return Role(role)


def _digest(text: str) -> bytes:
    """No salt and no slow hash: 32 random bytes cannot be guessed."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
