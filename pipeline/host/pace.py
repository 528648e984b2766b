"""When what is old may be removed: not on the word of a clock that has jumped, and a day at a time."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.host.disk import put_file
from sinks.alert import instant_text
from sinks.operations_log import OperationsLog

#: Whole days are kept, so a clock that moved by less than a day at once makes at most one of them due.
DAY_MS = 86_400_000
#: How often, by the clock, the place it has come to is kept.
_KEPT_EVERY_MS = 3_600_000

#: Kinds of events that are reported.
WAITS, MORE_DUE = "retention_waits", "retention_behind"


class Pace:
    """One for each who removes; ``passed`` gets the log's clock as it goes on, in order."""

    def __init__(self, path: Path | None = None, operations: OperationsLog | None = None) -> None:
        """``path``: the file in which it is kept over a restart; without one it is forgotten then."""
        self._path, self._operations = path, operations
        self._clock_ms = self._waits_until_ms = BEGIN_MS
        if path is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                recorded = json.loads(path.read_bytes())
                self._clock_ms, self._waits_until_ms = (
                    int(recorded["clock_ms"]),
                    int(recorded["waits_until_ms"]),
                )
        self._kept_ms = self._clock_ms

    def passed(self, clock_ms: int) -> None:
        """The clock has come so far; after a jump of more than a day nothing is removed for a day of it."""
        if clock_ms <= self._clock_ms:
            return
        before_ms, self._clock_ms = self._clock_ms, clock_ms
        has_jumped = before_ms != BEGIN_MS and clock_ms - before_ms > DAY_MS
        if has_jumped:
            self._waits_until_ms = clock_ms + DAY_MS
            self._report(clock_ms, WAITS, {"from": instant_text(before_ms), "to": instant_text(clock_ms)})
        if has_jumped or clock_ms - self._kept_ms >= _KEPT_EVERY_MS:
            self._keep()

    def may_remove(self, clock_ms: int) -> bool:
        """Whether what is due by this time may go."""
        return clock_ms >= self._waits_until_ms

    def report_more(self, clock_ms: int, what: str, days: int) -> None:
        """More than a day is due at once: after a jump that was believed, a long stop, another setting."""
        self._report(clock_ms, MORE_DUE, {"what": what, "days": days})

    def _report(self, at_ms: int, kind: str, details: dict[str, object]) -> None:
        if self._operations is not None:
            self._operations.append(at_ms, kind, details)

    def _keep(self) -> None:
        self._kept_ms = self._clock_ms
        if self._path is not None:
            recorded = {"clock_ms": self._clock_ms, "waits_until_ms": self._waits_until_ms}
            with suppress(OSError):  # a full disk: the present process knows it all the same
                put_file(self._path, json.dumps(recorded).encode())
