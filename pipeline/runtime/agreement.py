"""Whether all parts of a run that goes on were kept at one place of the log.

The runtime keeps a token for each part in a database of its own, which has no checksums. A token that was
changed there names no state (``pipeline/runtime/checkpoints.py``). One that is missing, or of another epoch,
is found here: the intake knows up to where it has read and up to where each shard was sent anything.
"""

from __future__ import annotations

import zlib
from threading import Lock

from pipeline.checkpoint import Stored
from pipeline.errors import PipelineError


class StateTorn(PipelineError):  # noqa: N818 - the name says what is the matter
    """Parts of the engine's state are missing or not of one moment."""


class Agreement:
    """Compares what the source, the intake and the shards of a run go on from."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._source: int | None = None
        self._intake: int | None = None
        self._sent: dict[str, int] = {}

    def source(self, offset: int) -> None:
        """The log is read from here on. Raises StateTorn."""
        with self._mutex:
            self._source = offset
            self._compare()

    def intake(self, stored: Stored | None) -> None:
        """The intake goes on from this, from nothing at a first start. Raises StateTorn."""
        with self._mutex:
            self._intake = 0 if stored is None else stored.place
            self._sent = {} if stored is None else dict(stored.others)
            self._compare()

    def shard(self, name: str, stored: Stored | None) -> None:
        """A shard goes on from this. Raises StateTorn."""
        place, sent = 0 if stored is None else stored.place, self._sent.get(name, 0)
        if place != sent:
            raise StateTorn(
                f"{name} was kept at record {place} of the log and was sent records up to {sent}; "
                "the state is not of one moment"
            )

    def _compare(self) -> None:
        if self._source is not None and self._intake is not None and self._source != self._intake:
            raise StateTorn(
                f"the log was read up to record {self._source} and taken in up to {self._intake}; "
                "the state is not of one moment"
            )


def sealed_place(offset: int) -> str:
    """A place of the log as the runtime keeps it: with a checksum, as its database has none."""
    return f"{offset}.{zlib.crc32(str(offset).encode()):08x}"


def place_of(recorded: object) -> int:
    """The place in what was recorded; 0 for None. Raises StateTorn."""
    if recorded is None:
        return 0
    number = str(recorded).partition(".")[0]
    if not number.isdecimal() or sealed_place(int(number)) != recorded:
        raise StateTorn(f"{recorded!r} is no place in the log; the runtime's record of the state is damaged")
    return int(number)
