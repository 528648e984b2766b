"""Rows that were refused, for whoever has to find out why: the newest of them, for so many days."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from sinks.sqlite_file import SqliteFile

#: No more rows are kept, and no more letters of each: what is older goes, whatever its age.
KEPT_MOST = 100_000
RAW_MOST = 2_000
PAGE_MOST = 1_000

_POSITION = re.compile(r"""(["']?(?:lon|lat|longitude|latitude|location)["']?\s*[:=]\s*["']?)([-+\d.,eE]+)""")
#: A number with decimals that is no part of a time.
_DECIMAL = re.compile(r"(?<![:\d.])\d+\.\d+")
_DIGIT = re.compile(r"\d")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS reject (
    reject_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    place INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (length(reason) > 0),
    device_id TEXT,
    sender TEXT,
    raw TEXT NOT NULL,
    once BLOB UNIQUE
);
CREATE INDEX IF NOT EXISTS reject_by_device ON reject (device_id, reject_id);
CREATE INDEX IF NOT EXISTS reject_by_reason ON reject (reason, reject_id);
CREATE INDEX IF NOT EXISTS reject_by_time ON reject (at_ms);
"""


def without_position(text: str) -> str:
    """The text of a row with a sign for each digit of a position: its shape is seen, and not the place."""
    hidden = _POSITION.sub(lambda found: found[1] + _hidden(found[2]), text)
    return _DECIMAL.sub(lambda found: _hidden(found[0]), hidden)


def _hidden(number: str) -> str:
    return _DIGIT.sub("#", number)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was refused at ``at_ms``: the ``place``-th of ``source``, a way in or a file.

    ``device_id`` is whom the row names, as far as it can be read; ``sender`` the name of the token, None
    where rows came by a file. ``once``: told again, as after a kill, it stands once. ``reject_id`` rises.
    """

    at_ms: int
    source: str
    place: int
    reason: str
    device_id: str | None
    sender: str | None
    raw: str
    once: bool = False
    reject_id: int | None = None


@dataclass(frozen=True, slots=True)
class RejectFilter:
    """Which of them; None means all. ``before`` is the number behind which the next page begins."""

    device_id: str | None = None
    reason: str | None = None
    since_ms: int | None = None
    before: int | None = None


class RejectStore:
    """Refused rows in a SQLite file that several programs write to."""

    def __init__(self, file: SqliteFile, kept_most: int = KEPT_MOST) -> None:
        self._file = file
        self._kept_most = kept_most

    @classmethod
    def open(cls, path: Path, kept_most: int = KEPT_MOST) -> Self:
        """The store of a file, made where there is none. Raises SinkFailed."""
        return cls(SqliteFile(path, _SCHEMA), kept_most)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def put(self, rows: Sequence[RejectedRow]) -> None:
        """Keeps rows, and of all the newest; durable on return. Raises SinkFailed."""
        if not rows:
            return
        with self._file.writing() as connection:
            connection.executemany(
                "INSERT INTO reject (at_ms, source, place, reason, device_id, sender, raw, once)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (once) DO NOTHING",
                [_values(_unicode(row)) for row in rows],
            )
            connection.execute(
                "DELETE FROM reject WHERE reject_id <= (SELECT max(reject_id) FROM reject) - ?",
                (self._kept_most,),
            )

    def oldest_ms(self) -> int | None:
        """When the oldest of them was refused; None where there is none."""
        found = self._file.reading().execute("SELECT min(at_ms) FROM reject").fetchone()[0]
        return None if found is None else int(found)

    def remove_before(self, at_ms: int) -> int:
        """Removes what was refused before an instant; how many rows that was."""
        with self._file.writing() as connection:
            return connection.execute("DELETE FROM reject WHERE at_ms < ?", (at_ms,)).rowcount

    def rows(self, wanted: RejectFilter, *, limit: int = PAGE_MOST) -> list[RejectedRow]:
        """The newest first. A row whose device could not be read is found by a device that its text names."""
        found = self._file.reading().execute(
            "SELECT at_ms, source, place, reason, device_id, sender, raw, once IS NOT NULL AS once, reject_id"
            " FROM reject WHERE (:device IS NULL OR device_id = :device"
            " OR (device_id IS NULL AND (instr(raw, :device) > 0 OR sender = :device)))"
            " AND (:reason IS NULL OR reason = :reason) AND (:since IS NULL OR at_ms >= :since)"
            " AND (:before IS NULL OR reject_id < :before) ORDER BY reject_id DESC LIMIT :limit",
            {
                "device": wanted.device_id,
                "reason": wanted.reason,
                "since": wanted.since_ms,
                "before": wanted.before,
                "limit": limit,
            },
        )
        return [RejectedRow(**{**row, "once": bool(row["once"])}) for row in found]

    def counts(self, since_ms: int) -> dict[str, int]:
        """How many were refused since an instant, by reason."""
        found = self._file.reading().execute(
            "SELECT reason, count(*) FROM reject WHERE at_ms >= ? GROUP BY reason ORDER BY reason",
            (since_ms,),
        )
        return {row[0]: row[1] for row in found}


def _unicode(row: RejectedRow) -> RejectedRow:
    """The row with nothing in it that no UTF-8 can say, and no more of its text than is kept."""
    return replace(
        row,
        source=_said(row.source),
        device_id=None if row.device_id is None else _said(row.device_id),
        sender=None if row.sender is None else _said(row.sender),
        raw=_said(row.raw[:RAW_MOST]),
    )


def _said(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _values(row: RejectedRow) -> tuple[object, ...]:
    once = None
    if row.once:
        identity = f"{row.source}\0{row.place}\0{row.reason}\0{row.raw}"
        once = hashlib.sha256(identity.encode()).digest()
    return (row.at_ms, row.source, row.place, row.reason, row.device_id, row.sender, row.raw, once)
