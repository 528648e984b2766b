"""Whether the engine gets on, from what it has taken of the log against what waits there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: Real seconds without progress while something waits, after which the engine counts as stalled.
STALLED_S = 5.0
#: The engine tells of itself once a second, also while nothing comes; one that is silent does not run.
_TELLS_WITHIN_S = 2.5
#: A look that comes late, because we were stopped ourselves, says nothing of the time before it.
_CREDIT_MOST_S = 1.5
#: The log gets a mark of its clock at least this often.
_MARK_EVERY_MS = 1_000


class Why(StrEnum):
    """What is the matter with an engine that does not get on."""

    NEVER_STARTED = "never_started"
    NOT_RUNNING = "not_running"
    HANGS = "hangs"


#: The same in words, for those who keep the system running.
WHY_WORDS = {
    Why.NEVER_STARTED: "`fencewatch run` was never started on this data directory",
    Why.NOT_RUNNING: "`fencewatch run` has ended, was killed or is stopped",
    Why.HANGS: "`fencewatch run` is there and tells of itself, but takes nothing more from the log",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What can be seen at a moment.

    ``end`` is the log's, ``offset`` up to where the engine took it (None: it never told), ``clock_ms`` the
    log's clock there, ``now_ms`` what the clock shows, ``told`` anything that changes when the engine tells.
    """

    end: int
    now_ms: int
    offset: int | None = None
    clock_ms: int | None = None
    told: object = None


@dataclass(frozen=True, slots=True)
class EngineStanding:
    """``idle_s`` real seconds without progress while something waited; ``why`` where that is too long."""

    idle_s: float = 0.0
    why: Why | None = None

    @property
    def is_stalled(self) -> bool:
        """Whether alerts are missing for want of an engine."""
        return self.why is not None


class EngineWatch:
    """Looks at the engine again and again; times are real seconds of a clock that only goes forward."""

    def __init__(self, *, writes_log: bool) -> None:
        """``writes_log``: the engine's process writes the log too, so its marks end with it."""
        self._writes_log = writes_log
        self._before: Look | None = None
        self._at_s = 0.0
        self._idle_s = self._silent_s = 0.0
        self.standing = EngineStanding()

    def look(self, seen: Look, at_s: float) -> EngineStanding:
        """How the engine stands now."""
        before, self._before = self._before, seen
        passed_s = 0.0 if before is None else min(max(0.0, at_s - self._at_s), _CREDIT_MOST_S)
        self._at_s = at_s
        has_moved = before is not None and seen.offset is not None and seen.offset != before.offset
        self._idle_s = 0.0 if has_moved or not self._waits(seen) else self._idle_s + passed_s
        has_told = before is not None and seen.told != before.told
        self._silent_s = 0.0 if has_told else self._silent_s + passed_s
        self.standing = EngineStanding(self._idle_s, self._why(seen))
        return self.standing

    def _waits(self, seen: Look) -> bool:
        """Whether there is something that the engine has yet to take."""
        if seen.offset is None or seen.end > seen.offset:
            return True
        marks_end = self._writes_log and seen.clock_ms is not None
        return marks_end and seen.now_ms - (seen.clock_ms or 0) >= _MARK_EVERY_MS

    def _why(self, seen: Look) -> Why | None:
        if self._idle_s < STALLED_S:
            return None
        if seen.offset is None:
            return Why.NEVER_STARTED
        return Why.NOT_RUNNING if self._silent_s >= _TELLS_WITHIN_S else Why.HANGS
