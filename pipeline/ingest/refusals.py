"""Refused rows on their way into their store, beside those that are taken and never in their way."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from pipeline.reading.exact import json_object
from sinks.rejects import RejectedRow, RejectStore

#: Real seconds between two writes, and how many rows may wait for one.
_WRITE_EVERY_S = 0.5
_WAITING_MOST = 20_000
#: Of one message no more are kept: a supplier's file of rubbish must not push out everybody else's.
OF_ONE_MESSAGE_MOST = 500

_log = logging.getLogger(__name__)


class Refusals:
    """A thread that writes refused rows to their store; rows that it cannot write are counted as lost."""

    def __init__(self, store: RejectStore, *, every_s: float = _WRITE_EVERY_S) -> None:
        self._store = store
        self._every_s = every_s
        self._waiting: deque[RejectedRow] = deque(maxlen=_WAITING_MOST)
        self._mutex = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)
        self._is_failing = False
        self.lost = 0

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def stop(self) -> None:
        """Writes what is there, and ends."""
        self._ending.set()
        self._thread.join()

    def put(self, rows: Iterable[RejectedRow]) -> None:
        """Rows to keep, from any thread; comes back at once."""
        with self._mutex:
            for row in rows:
                self.lost += len(self._waiting) == _WAITING_MOST
                self._waiting.append(row)

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._mutex:
            rows = list(self._waiting)
            self._waiting.clear()
        try:
            self._store.put(rows)
            self._is_failing = False
        except Exception as failure:  # whatever a store may raise: nobody waits for these rows
            if not self._is_failing:
                _log.error("refused rows cannot be kept: %s", failure)
            self._is_failing = True
            with self._mutex:
                room = _WAITING_MOST - len(self._waiting)
                self.lost += max(0, len(rows) - room)
                self._waiting.extendleft(reversed(rows[len(rows) - min(room, len(rows)) :]))


def refused_rows(
    places: Iterable[tuple[int, str, str]], *, at_ms: int, source: str, sender: str | None, once: bool = False
) -> list[RejectedRow]:
    """Rows for the store of (place, reason, text) each; the device is whom the text names."""
    return [
        RejectedRow(at_ms, source, place, reason, device_of(text), sender, text, once)
        for place, reason, text in places
    ]


def device_of(text: str) -> str | None:
    """Whom the text of a row names, where it is an object of JSON."""
    with suppress(ValueError):
        found = (json_object(text.encode()) or {}).get("device_id")
        return found if isinstance(found, str) and found else None
    return None
