"""Access tokens: random text that is told once and kept only as its hash."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from sinks.plain_text import plain_text, plain_text_expected
from sinks.sqlite import sqlite3
from sinks.sqlite_file import SqliteFile
from sinks.token_memory import TokenMemory


class Role(StrEnum):
    """What a token is for; what each may do is said where requests come in."""

    OFFICER = "officer"
    COUNTY = "county"
    PROSECUTOR = "prosecutor"
    OPERATOR = "operator"
    DEVICE = "device"


#: Roles that see people, and so only those of an office.
OF_OFFICE = (Role.OFFICER, Role.COUNTY, Role.PROSECUTOR)
#: What the machine's operator is called in timelines begins so; no token may be called alike.
OPERATOR_PREFIX = "operator:"
NAME_MOST = 200

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS token (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    role TEXT NOT NULL CHECK (role IN ({", ".join(f"'{role}'" for role in Role)})),
    office_id TEXT,
    device_id TEXT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) > 0),
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    expires_ms INTEGER,
    CHECK ((role = 'device') = (device_id IS NOT NULL)),
    CHECK (office_id IS NOT NULL OR role NOT IN ({", ".join(f"'{role}'" for role in OF_OFFICE)}))
) WITHOUT ROWID;
"""
_IDENTITY = "role, office_id, device_id, name"
_IN_FORCE = "revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?)"


class WrongToken(ValueError):  # noqa: N818 - the name says what is the matter
    """A token that could not be made: says what is wrong and what was expected."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token stands for. ``name`` is what timelines, leases and the access log call them."""

    role: Role
    office_id: str | None
    device_id: str | None
    name: str


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What is known of a token besides its text; ``state`` is ``in force``, ``expired`` or ``revoked``."""

    identity: Identity
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    state: str


class TokenStore:
    """Tokens in a SQLite file; one made or revoked by another program counts from the next look-up on.

    ``now_ms`` is real time: a token does not last longer because a demonstration's clock runs faster.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._memory: TokenMemory[Identity] = TokenMemory(file)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The store of a file, made where there is none, readable by its owner alone."""
        file = SqliteFile(path, _SCHEMA)
        try:
            _add_expiry(file)
        except BaseException:
            file.close()
            raise
        return cls(file)

    def close(self) -> None:
        """Lets go of the file."""
        self._memory.close()
        self._file.close()

    def create(
        self,
        role: str,
        *,
        now_ms: int,
        office_id: str | None = None,
        device_id: str | None = None,
        name: str | None = None,
        expires_ms: int | None = None,
    ) -> str:
        """A new token; the only time its text is seen. Raises WrongToken where the parts do not fit.

        Without a name it gets one of its own: two tokens in force are never the same holder of an alert. A
        name whose token is revoked or expired goes on to the next one of the same role and office.
        """
        checked = _checked(role, office_id, device_id)
        text = secrets.token_urlsafe(32)
        made_up = f"{checked}-{device_id or office_id or 'all'}-{secrets.token_hex(3)}"
        called = made_up if name is None else _checked_name(name)
        if expires_ms is not None and expires_ms <= now_ms:
            raise WrongToken("expires: that is past; expected a time to come")
        try:
            with self._file.writing() as connection:
                connection.execute(
                    f"DELETE FROM token WHERE name = ? AND role = ? AND office_id IS ? AND device_id IS ?"
                    f" AND NOT ({_IN_FORCE})",
                    (called, checked, office_id, device_id, now_ms),
                )
                connection.execute(
                    "INSERT INTO token (sha256, role, office_id, device_id, name, created_ms, expires_ms)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (_digest(text), checked, office_id, device_id, called, now_ms, expires_ms),
                )
        except sqlite3.IntegrityError as error:
            raise WrongToken(f"name: {called!r} is taken; expected one that no other token bears") from error
        return text

    def lookup(self, text: str, *, now_ms: int) -> Identity | None:
        """Who a token stands for; None where it is unknown, revoked or expired."""
        digest, version = _digest(text), self._memory.version()
        row = (
            self._file.reading()
            .execute(
                f"SELECT {_IDENTITY}, expires_ms FROM token WHERE sha256 = ? AND {_IN_FORCE}",
                (digest, now_ms),
            )
            .fetchone()
        )
        if row is None:
            return None
        identity = Identity(Role(row["role"]), *row[1:4])
        self._memory.put(version, digest, identity, row["expires_ms"])
        return identity

    def remembered(self, text: str, *, now_ms: int) -> Identity | None:
        """What ``lookup`` would say, where that is known without reading the table; never waits."""
        return self._memory.get(_digest(text), now_ms)

    def former(self, text: str) -> str | None:
        """Whose a token is or was, for the record of who was refused; None where it is unknown."""
        found = self._file.reading().execute("SELECT name FROM token WHERE sha256 = ?", (_digest(text),))
        row = found.fetchone()
        return None if row is None else str(row["name"])

    def revoke(self, name: str, *, now_ms: int) -> bool:
        """The token of a name counts no longer; whether there was one."""
        with self._file.writing() as connection:
            done = connection.execute(
                "UPDATE token SET revoked_ms = ? WHERE name = ? AND revoked_ms IS NULL", (now_ms, name)
            )
            return done.rowcount == 1

    def identities(self, *, now_ms: int) -> list[Identity]:
        """Whom the tokens in force stand for, by name."""
        found = self._file.reading().execute(
            f"SELECT {_IDENTITY} FROM token WHERE {_IN_FORCE} ORDER BY name", (now_ms,)
        )
        return [Identity(Role(row["role"]), *row[1:]) for row in found]

    def rows(self, *, now_ms: int) -> list[TokenRow]:
        """Every token that was ever made, by name."""
        found = self._file.reading().execute(
            f"SELECT {_IDENTITY}, created_ms, expires_ms, revoked_ms FROM token ORDER BY name"
        )
        return [_token_row(row, now_ms) for row in found]


def _add_expiry(file: SqliteFile) -> None:
    """A file of an earlier version gets the column that it lacks; its tokens last until they are revoked."""
    with file.writing() as connection:
        names = [row["name"] for row in connection.execute("PRAGMA table_info(token)")]
        if "expires_ms" not in names:
            connection.execute("ALTER TABLE token ADD COLUMN expires_ms INTEGER")


def _token_row(row: sqlite3.Row, now_ms: int) -> TokenRow:
    identity = Identity(Role(row["role"]), *row[1:4])
    expires_ms, revoked_ms = row["expires_ms"], row["revoked_ms"]
    is_over = expires_ms is not None and expires_ms <= now_ms
    state = "revoked" if revoked_ms is not None else "expired" if is_over else "in force"
    return TokenRow(identity, row["created_ms"], expires_ms, revoked_ms, state)


def _checked(role: str, office_id: str | None, device_id: str | None) -> Role:
    if role not in list(Role):
        raise WrongToken(f"role: {role!r}; expected one of {', '.join(Role)}")
    if (role == Role.DEVICE) != (device_id is not None):
        raise WrongToken("device: a token of a device names it, and no other does")
    if role in OF_OFFICE and not office_id:
        raise WrongToken(f"office: a token of the role {role} needs one")
    return Role(role)


def _checked_name(name: str) -> str:
    plain = plain_text(name, NAME_MOST)
    if plain is None:
        raise WrongToken(f"name: {name[:NAME_MOST]!r}; expected {plain_text_expected(NAME_MOST)}")
    if plain.casefold().startswith(OPERATOR_PREFIX):
        raise WrongToken(
            f"name: {plain!r}; expected one that does not begin with {OPERATOR_PREFIX!r}: so the machine's "
            "operator is called"
        )
    return plain


def _digest(text: str) -> bytes:
    """No salt and no slow hash: 32 random bytes cannot be guessed."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
