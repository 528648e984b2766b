"""How far each reader has done with the journal, so that retention takes nothing that is still needed."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.journal.disk import put_file, sync_directory

_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Floors:
    """One small file per reader, beside the segments.

    A floor is the lowest offset a reader may ever start from again: that of its last durable state.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, reader: str, offset: int) -> None:
        """A reader needs nothing before an offset; durable on return."""
        put_file(self._path(reader), f"{offset}\n".encode())

    def forget(self, reader: str) -> None:
        """A reader that will never come back keeps nothing any longer."""
        self._path(reader).unlink(missing_ok=True)
        sync_directory(self._directory)

    def lowest(self) -> int | None:
        """What all readers are past; None where none has told."""
        paths = self._directory.glob("*.floor")
        return min((int(path.read_text("ascii")) for path in paths), default=None)

    def _path(self, reader: str) -> Path:
        assert _NAME.fullmatch(reader), f"{reader!r} is no name for a file"
        return self._directory / f"{reader}.floor"
