"""The timeline's entries: numbered densely, in the order in which they become visible, and linked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, update

from sinks.disposal.tables import event, event_tail
from sinks.hash_chain import BEGINNING, new_salts, next_link

#: In the order in which they are linked.
LINKED = ("seq", "alert_key", "at_ms", "kind", "revision", "actor", "office_id", "details")


class TimelineWriter:
    """The entries of one transaction; begin it with this, for it locks out every other writer.

    A plain sequence of PostgreSQL would hand 7 and 8 to two writers and might show 8 first; a watcher that
    resumes after 8 would then miss 7 for ever.
    """

    def __init__(self, connection: Connection) -> None:
        tail = (event_tail.c.last_seq, event_tail.c.last_link)
        lock = update(event_tail).values(last_seq=event_tail.c.last_seq).returning(*tail)
        self._connection = connection
        last_seq, last_link = connection.execute(lock).one()
        self._last_seq = int(last_seq)
        self._last_link: bytes = BEGINNING if last_link is None else last_link
        self._rows: list[dict[str, Any]] = []

    @property
    def next_seq(self) -> int:
        """The number of the entry to be added next."""
        return self._last_seq + len(self._rows) + 1

    def add_fact(self, alert_key: str, revision: int, kind: str, at_ms: int, details: dict[str, Any]) -> int:
        """An entry by the engine; returns its number."""
        return self._add(alert_key, kind, at_ms, details, revision=revision)

    def add_step(
        self,
        alert_key: str,
        kind: str,
        at_ms: int,
        details: dict[str, Any],
        *,
        actor: str,
        office: str | None,
    ) -> int:
        """An entry by a person; returns its number."""
        return self._add(alert_key, kind, at_ms, details, actor=actor, office_id=office)

    def write(self) -> None:
        """Write the entries; their alerts must be there."""
        if self._rows:
            self._link()
            self._connection.execute(insert(event), self._rows)
            tail = {"last_seq": self.next_seq - 1, "last_link": self._last_link}
            self._connection.execute(update(event_tail).values(tail))

    def _link(self) -> None:
        for row, salt in zip(self._rows, new_salts(len(self._rows)), strict=True):
            self._last_link = next_link(self._last_link, salt, [row[name] for name in LINKED])
            row |= {"salt": salt, "link": self._last_link}

    def _add(self, alert_key: str, kind: str, at_ms: int, details: dict[str, Any], **who: object) -> int:
        row: dict[str, Any] = {"seq": self.next_seq, "alert_key": alert_key, "at_ms": at_ms, "kind": kind}
        row |= {"revision": None, "actor": None, "office_id": None, "details": details} | who
        self._rows.append(row)
        return int(row["seq"])
