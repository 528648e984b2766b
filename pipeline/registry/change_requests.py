"""Changes that another process asks for, beside the registry: whoever writes the log looks for them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.json_text import json_text, json_value
from sinks.sqlite_file import SqliteFile


@dataclass(frozen=True, slots=True)
class Request:
    """A change that is asked for. Nobody waits for it after ``until_ms`` of the machine's clock."""

    id: str
    until_ms: int
    body: dict[str, Any]


class Mailbox:
    """Requests and their answers; each is there until whoever asked has read the answer."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def ask(self, request: Request) -> None:
        """Puts a request there. Raises SinkFailed."""
        with self._file.writing() as connection:
            connection.execute(
                "INSERT INTO request (request_id, until_ms, body, is_begun) VALUES (?, ?, ?, 0)",
                (request.id, request.until_ms, json_text(request.body)),
            )

    def answer_to(self, request_id: str) -> dict[str, Any] | None:
        """What was answered; None so far."""
        asked = "SELECT answer FROM request WHERE request_id = ?"
        row = self._file.reading().execute(asked, (request_id,)).fetchone()
        return None if row is None or row[0] is None else dict(json_value(row[0]))

    def withdraw(self, request_id: str) -> bool:
        """Takes a request away; whether nobody had begun on it."""
        with self._file.writing() as connection:
            row = connection.execute(
                "DELETE FROM request WHERE request_id = ? RETURNING is_begun", (request_id,)
            ).fetchone()
        return row is not None and not row[0]

    def begun(self, now_ms: int) -> Request | None:
        """The oldest request that nobody has begun on, begun now; None where nobody waits for one."""
        waiting = "SELECT 1 FROM request WHERE is_begun = 0 LIMIT 1"
        if self._file.reading().execute(waiting).fetchone() is None:  # which costs no write
            return None
        with self._file.writing() as connection:
            connection.execute("DELETE FROM request WHERE until_ms < ?", (now_ms,))
            row = connection.execute(
                "UPDATE request SET is_begun = 1 WHERE rowid ="
                " (SELECT min(rowid) FROM request WHERE is_begun = 0) RETURNING request_id, until_ms, body"
            ).fetchone()
        return None if row is None else Request(row[0], row[1], json_value(row[2]))

    def left(self, now_ms: int) -> list[Request]:
        """What somebody began on who is no more, not answered and still waited for, the oldest first.

        Only whoever writes the log may ask, before it begins on anything itself. What was taken already is
        answered as it was, by its id.
        """
        rows = self._file.reading().execute(
            "SELECT request_id, until_ms, body FROM request"
            " WHERE is_begun = 1 AND answer IS NULL AND until_ms >= ? ORDER BY rowid",
            (now_ms,),
        )
        return [Request(name, until_ms, json_value(body)) for name, until_ms, body in rows]

    def put_answer(self, request_id: str, answer: dict[str, Any]) -> None:
        """Nothing where whoever asked has left."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE request SET answer = ? WHERE request_id = ?",
                (json_text(answer), request_id),
            )
