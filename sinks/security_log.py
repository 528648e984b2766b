"""Who was refused what, and from where: a log of its own, of bounded size."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sinks.operations_log import OperationsLog

#: The log within a data directory.
SECURITY = "security.ndjson"
#: What is told, and what it says; docs/security.md has the same table.
SECURITY_KINDS = {
    "no_token": "a request without a token",
    "wrong_token": "a request with a token that does not count; whose it was, where it once did",
    "throttled": "so many wrong tokens of an address that they are no longer told one by one",
    "not_allowed": "a token that counts, and a role that may not",
}
_BYTES_MOST = 8 << 20
_FILES_KEPT = 4


class SecurityLog:
    """Appends as the log of operations does; a full file becomes ``security.1.ndjson``, the oldest goes."""

    def __init__(self, path: Path, *, bytes_most: int = _BYTES_MOST) -> None:
        self._path = path
        self._bytes_most = bytes_most
        self._log = OperationsLog(path, SECURITY_KINDS)
        self._mutex = threading.Lock()

    def append(self, at_ms: int, kind: str, details: Mapping[str, Any]) -> None:
        """Writes one event, durable on return; where that fails it goes to standard error."""
        with self._mutex:
            with contextlib.suppress(OSError):  # what cannot be put aside goes on growing
                self._make_room()
            self._log.append(at_ms, kind, details)

    def paths(self) -> list[Path]:
        """All files there may be, newest first."""
        older = (self._path.with_name(f"{self._path.stem}.{n}.ndjson") for n in range(1, _FILES_KEPT + 1))
        return [self._path, *older]

    def _make_room(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < self._bytes_most:
            return
        files = self.paths()
        for newer, older in zip(files[-2::-1], files[:0:-1], strict=True):
            if newer.exists():
                newer.replace(older)
