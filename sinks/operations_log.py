"""What happened to the system itself, for whoever operates it: one JSON line each, only ever appended."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from sinks.alert import instant_text

#: The log within a data directory.
OPERATIONS = "operations.ndjson"
#: What is told, and what it says; docs/live.md has the same table.
KINDS = {
    "engine_stalled": "the engine has not got on while rows or marks of the clock waited",
    "engine_recovered": "it gets on again",
    "store_unfit": "a store is missing, damaged, of another time or of another data directory",
    "log_damaged": "a record of the log cannot be read: rows are still taken, the engine stops there",
    "state_rewound": "the engine goes on from an earlier place of the log than it had reached",
    "store_repaired": "what was damaged or missing was set aside or given up",
    "store_rebuilt": "a store was made anew from the log",
    "clock_held": "the machine's clock has jumped and is not followed",
    "clock_returned": "it has come back",
    "clock_believed": "it has stayed where it jumped to, and is followed",
    "clock_confirmed": "an operator has confirmed it, and it is followed",
    "clock_repaired": "the log's clock, which had been dragged ahead, was put back",
    "retention_waits": "the log's clock has jumped by more than a day, so for a day nothing is removed",
    "modes_tightened": "what is kept was open to other users of the machine",
    "retention_behind": "more than a day is due to be removed at once; it goes a day at a time",
    "track_file_damaged": "a file of the track archive is not what was written; tracks cannot be read there",
    "store_locked": "another program holds on to a store, and the engine waits for it",
    "store_unlocked": "the store can be written again",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Operation:
    """One event, by the clock that the data directory lives by; ``details`` is what JSON can hold."""

    at_ms: int
    kind: str
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The event as a line of the file has it."""
        return {"at": instant_text(self.at_ms), "kind": self.kind, "details": self.details}

    @classmethod
    def of(cls, line: bytes) -> Self | None:
        """The event of a line; None for a line that is none, such as half of one."""
        try:
            recorded = json.loads(line)
            at_ms = (datetime.fromisoformat(recorded["at"]) - _EPOCH) // timedelta(milliseconds=1)
            return cls(at_ms, str(recorded["kind"]), dict(recorded["details"]))
        except (ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True, slots=True)
class Operations:
    """Events, newest first, and how many lines among them could not be read."""

    items: list[Operation]
    unreadable: int


class OperationsLog:
    """The log in a file that several processes append to, each line in one write."""

    def __init__(self, path: Path, kinds: Mapping[str, str] = KINDS) -> None:
        self._path = path
        self._kinds = kinds

    def append(self, at_ms: int, kind: str, details: Mapping[str, Any] | None = None) -> None:
        """Writes one event, durable on return. Raises ValueError for a kind that there is not.

        Whoever tells of trouble must not come to grief by it: where the file cannot be written, the event
        goes to standard error with the reason, and the caller goes on.
        """
        if kind not in self._kinds:
            raise ValueError(f"{kind!r} is no kind of events; expected one of {', '.join(self._kinds)}")
        recorded = Operation(at_ms, kind, dict(details or {})).as_json()
        # Text that is no Unicode stands as its escape, which is the same text to whoever reads JSON.
        text = json.dumps(recorded, ensure_ascii=False, separators=(",", ":"), default=str)
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        try:
            self._write(line)
        except OSError as error:
            _complain(f"{self._path}: cannot be written: {error.strerror}; it was to hold: {text}")

    def read(self, *, limit: int = 100, kind: str | None = None) -> Operations:
        """The newest events, at most ``limit``, of one kind or of all; none where there is no file.

        Raises OSError where it cannot be read.
        """
        items: list[Operation] = []
        unreadable = 0
        for line in _lines_from_the_end(self._path):
            event = Operation.of(line)
            if event is None:
                unreadable += 1
            elif kind in (None, event.kind):
                items.append(event)
            if len(items) == limit:
                break
        return Operations(items, unreadable)

    def _write(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        try:
            # A disk that was full may have left half a line, which must not swallow this one.
            end = os.fstat(handle).st_size
            whole = b"\n" + line if end and os.pread(handle, 1, end - 1) != b"\n" else line
            if os.write(handle, whole) < len(whole):
                raise OSError(errno.ENOSPC, "there was room for a part of it")
            os.fdatasync(handle)
        finally:
            os.close(handle)


def _lines_from_the_end(path: Path) -> Iterator[bytes]:
    """Lines, last first, without blank ones; a block at a time, so that a long log costs nothing."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        place, rest = file.seek(0, os.SEEK_END), b""
        while place:
            begin = max(0, place - _BLOCK_BYTES)
            file.seek(begin)
            rest = file.read(place - begin) + rest
            place = begin
            first, *lines = rest.split(b"\n")
            yield from (line for line in reversed(lines) if line)
            rest = first
        if rest:
            yield rest


def _complain(line: str) -> None:
    try:
        print(line.encode("utf-8", "backslashreplace").decode(), file=sys.stderr, flush=True)
    except OSError:
        return  # standard error is gone as well: nobody is left to be told
