"""A doubt about the machine's clock in a file: the log's writer puts it up, all other programs live by it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from geofences.instant import BEGIN_MS
from pipeline.host.steady_clock import JUMP_MOST_MS, Doubt
from sinks.alert import instant_text
from sinks.durable import put_file
from sinks.operations_log import OPERATIONS, OperationsLog

#: The doubt of a data directory, while there is one; and who has confirmed which.
FILE, CONFIRMED = "clock-doubt.json", "clock-confirmed.json"
#: How often the file is looked for, and how long a jump that nobody has spoken of yet is not followed.
_LOOK_EVERY_MS, _SPOKEN_OF_MS = 200, 1_000

_log = logging.getLogger(__name__)


class ClockReports:
    """The files of a data directory, as ``SteadyClock`` uses them; what the disk refuses is left out."""

    def __init__(self, data: Path, boot: str) -> None:
        """``boot`` names this start of the machine: elapsed time says nothing to another one."""
        self._data, self._boot = data, boot
        self._operations = OperationsLog(data / OPERATIONS)

    def put(self, doubt: Doubt | None) -> None:
        """Replaces the file, or removes it."""
        try:
            if doubt is None:
                (self._data / FILE).unlink(missing_ok=True)
                (self._data / CONFIRMED).unlink(missing_ok=True)
            else:
                put_file(self._data / FILE, json.dumps(_fields(doubt) | {"boot": self._boot}).encode())
        except OSError as error:
            _log.error("%s: cannot be written: %s", self._data / FILE, error.strerror)

    def is_confirmed(self, doubt: Doubt) -> bool:
        """Whether somebody has confirmed this one, and not another before it."""
        recorded = _read(self._data / CONFIRMED)
        return recorded is not None and abs(int(recorded["ahead_ms"]) - doubt.ahead_ms) <= JUMP_MOST_MS

    def report(self, kind: str, at_ms: int, doubt: Doubt) -> None:
        """Into the operations log."""
        until_ms = doubt.believed_ms
        details = {
            "machine": instant_text(at_ms + doubt.ahead_ms) if abs(doubt.ahead_ms) < _TELLABLE_MS else None,
            "ahead_s": round(doubt.ahead_ms / 1000),
            "since": instant_text(doubt.since_ms),
            "believed_at": None if until_ms is None else instant_text(until_ms),
        }
        self._operations.append(at_ms, kind, details)
        _log.warning("%s: %s", kind, json.dumps(details))


#: A clock that is a lifetime off need not be a time that can be written.
_TELLABLE_MS = 100 * 365 * 86_400_000


def read_doubt(data: Path, boot: str) -> Doubt | None:
    """The doubt of a data directory; None where there is none, or it is of another start of the machine."""
    recorded = _read(data / FILE)
    if recorded is None or recorded.pop("boot", None) != boot:
        return None
    return Doubt(**recorded)


def confirm(data: Path, doubt: Doubt) -> None:
    """Say that the machine's clock is right; the log's writer follows it as soon as it looks."""
    put_file(data / CONFIRMED, json.dumps(_fields(doubt)).encode())


def take_back(data: Path) -> None:
    """Forget what was confirmed, where nobody was there to heed it."""
    (data / CONFIRMED).unlink(missing_ok=True)


class FollowedClock:
    """The same time as the log's writer has, for everybody else: the wall's, or in doubt the writer's.

    A jump is not followed before the writer had time to speak of it.
    """

    def __init__(
        self, data: Path, boot: str, wall_ms: Callable[[], int], elapsed_ms: Callable[[], int]
    ) -> None:
        self._data, self._boot = data, boot
        self._wall_ms, self._elapsed_ms = wall_ms, elapsed_ms
        self._doubt: Doubt | None = None
        self._base_ms: int | None = None
        self._looked_ms = self._jumped_ms = BEGIN_MS

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        elapsed = self._elapsed_ms()
        base_ms = self._wall_ms() - elapsed
        if elapsed - self._looked_ms >= _LOOK_EVERY_MS:
            self._doubt, self._looked_ms = read_doubt(self._data, self._boot), elapsed
        if self._doubt is not None:
            self._base_ms = self._doubt.base_ms
        elif self._base_ms is None or abs(base_ms - self._base_ms) <= JUMP_MOST_MS:
            self._base_ms, self._jumped_ms = base_ms, BEGIN_MS
        elif self._jumped_ms == BEGIN_MS:
            self._jumped_ms = elapsed
        elif elapsed - self._jumped_ms >= _SPOKEN_OF_MS:
            self._base_ms, self._jumped_ms = base_ms, BEGIN_MS
        return self._base_ms + elapsed


def _fields(doubt: Doubt) -> dict[str, Any]:
    return {name: getattr(doubt, name) for name in Doubt.__slots__}


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        recorded = json.loads(path.read_bytes())
        return recorded if isinstance(recorded, dict) else None
    return None
