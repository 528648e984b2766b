"""What the engine tells of itself to whoever asks for figures: one small file, replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import msgspec


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """What the engine has done, as of ``at_ms`` by the data directory's clock.

    ``rows``, ``accepted`` and ``rejected`` count since the data directory began, the rest since the engine
    started. ``offset`` is the place in the log up to which rows were taken, ``clock_ms`` the log's clock
    there (None before any). ``writes`` batches of alerts took ``write_s_sum`` seconds in all to become
    durable. ``timezone`` is the policy's, for whoever shows times and has no site at hand.
    """

    at_ms: int
    timezone: str | None = None
    offset: int = 0
    clock_ms: int | None = None
    rows: int = 0
    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    writes: int = 0
    write_s_sum: float = 0.0
    write_s_max: float = 0.0

    def not_behind(self, before: Self | None) -> Self:
        """The same with rows counted no lower than they were once told.

        An engine that was killed counts on from its kept state and reads the rows since then again; to
        whoever adds up, a counter that went back would have begun anew.
        """
        if before is None or self.rows >= before.rows:
            return self
        return replace(self, rows=before.rows, accepted=before.accepted, rejected=before.rejected)

    def save(self, path: Path) -> None:
        """Replaces the file; a reader meets the old one or the new one."""
        scratch = path.with_name(path.name + ".writing")
        scratch.write_bytes(msgspec.json.encode(self))
        scratch.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The last ones saved; None where there are none that can be read."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError):
            return None
