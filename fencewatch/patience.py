"""A store that another program holds on to is waited for, and said so: the engine does not end of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from sinks.errors import SinkFailed
from sinks.operations_log import OperationsLog

#: Real seconds between two tries; SQLite itself has waited before each of them.
_AGAIN_S = 1.0
_LOCKED = ("database is locked", "database table is locked", "database schema is locked")

X = TypeVar("X")


class Patience:
    """Tries again for as long as a store is locked; any other fault is raised as it comes."""

    def __init__(self, log: OperationsLog, now_ms: Callable[[], int], stop: Event) -> None:
        self._log = log
        self._now_ms = now_ms
        self._stop = stop

    def done(self, store: Path, work: Callable[[], X]) -> X:
        """What ``work`` gives once it can be done. Told to stop meanwhile, it raises the fault."""
        has_waited = False
        while True:
            try:
                found = work()
            except (SQLAlchemyError, SinkFailed) as error:
                if not is_locked(error) or self._stop.is_set():
                    raise
                if not has_waited:
                    self._report("store_locked", store, "is locked by another program; waiting for it")
                has_waited = True
                self._stop.wait(_AGAIN_S)
                continue
            if has_waited:
                self._report("store_unlocked", store, "can be written again")
            return found

    def _report(self, kind: str, store: Path, says: str) -> None:
        self._log.append(self._now_ms(), kind, {"store": store.name})
        try:
            print(f"{store}: {says}", file=sys.stderr, flush=True)
        except OSError:
            return  # nobody reads it any more; the log of operations has it


def is_locked(error: BaseException) -> bool:
    """Whether a store could not be written because another program does, as SQLite says it."""
    return any(text in str(error) for text in _LOCKED)
