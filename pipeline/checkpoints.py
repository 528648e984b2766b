"""Durable checkpoints in a directory: written whole, named by a small token, the last two kept."""

from __future__ import annotations

from pathlib import Path

from pipeline.journal.disk import put_file


class CheckpointStore:
    """Keeps each part's newest states; a state is durable when ``put`` returns.

    The runtime closes an epoch only when all that was handed on before it is committed. So while a new
    state is put, the one put or got before it is the only other that a restart can ask for.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._committed: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def put(self, part: str, state: bytes) -> str:
        """Store a part's state; returns the token to get it by."""
        known = self._generations(part)
        token = f"{part}-{known[-1] + 1 if known else 0:010d}"
        put_file(self._directory / f"{token}.state", state)
        committed = self._committed.get(part)
        for old in (f"{part}-{generation:010d}" for generation in known if committed is not None):
            if old != committed:
                (self._directory / f"{old}.state").unlink()
        self._committed[part] = token
        return token

    def get(self, token: str) -> bytes:
        """The state of a token."""
        self._committed[token.rpartition("-")[0]] = token
        return (self._directory / f"{token}.state").read_bytes()

    def _generations(self, part: str) -> list[int]:
        return sorted(int(path.stem.rpartition("-")[2]) for path in self._directory.glob(f"{part}-*.state"))
