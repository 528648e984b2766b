"""Durable checkpoints in a directory: written whole, named by a small token, the last two kept."""

from __future__ import annotations

import os
from pathlib import Path

#: bytewax asks for no token older than the one before the last it was given.
_KEPT = 2


class CheckpointStore:
    """Keeps each part's newest states; a state is durable when ``put`` returns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def put(self, part: str, state: bytes) -> str:
        """Store a part's state and forget all but its last two; returns the token to get it by."""
        known = self._generations(part)
        token = f"{part}-{known[-1] + 1 if known else 0:010d}"
        scratch = self._directory / f"{token}.writing"
        with scratch.open("wb") as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(self._directory / f"{token}.state")
        self._sync_directory()
        for generation in known[: 1 - _KEPT]:
            (self._directory / f"{part}-{generation:010d}.state").unlink()
        return token

    def get(self, token: str) -> bytes:
        """The state of a token."""
        return (self._directory / f"{token}.state").read_bytes()

    def _generations(self, part: str) -> list[int]:
        return sorted(int(path.stem.rpartition("-")[2]) for path in self._directory.glob(f"{part}-*.state"))

    def _sync_directory(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
