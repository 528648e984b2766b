"""The clock that the log is stamped with: the machine's, as long as that one can be believed.

Two clocks of the machine are looked at: the *wall*, which somebody or something may set, and the *elapsed*
time since it was started, which nobody can. Their difference moves by seconds a year. Where it moves by more
than a minute at once the wall has jumped, one way or the other; then the log's clock goes on by the elapsed
time, and the jump is in doubt until it is over, has lasted, or is confirmed.

    wall      ────────╮                 ╭──────────        ────────╮ ╭── a jump that lasts
                      ╰─ a glitch ──────╯                          ╰─┴───────────────────
    ours      ─────────────────────────────────────        ──────────────┴ after `hold_ms`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from geofences.instant import BEGIN_MS

#: The wall may be set by so much at once, either way, and be followed.
JUMP_MOST_MS = 60_000
#: Where the wall was not followed yet since the start, it may be so far ahead of the log's last mark: we were
#: down, and nothing but the wall says for how long.
DOWN_MOST_MS = 86_400_000
#: A jump is believed when it has lasted so long, but never one that is larger than what is believed.
HOLD_MS, BELIEVE_MS = 600_000, 7 * 86_400_000

#: Kinds of events that are reported.
HELD, RETURNED, BELIEVED, CONFIRMED = "clock_held", "clock_returned", "clock_believed", "clock_confirmed"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A jump of the wall that is not believed: by how much it is ahead of ours (negative: behind).

    ``base_ms`` is ours less the elapsed time, ``since_ms`` ours when the jump was seen, ``believed_ms`` ours
    when it will be believed by itself (None: only when somebody confirms it).
    """

    ahead_ms: int
    base_ms: int
    since_ms: int
    believed_ms: int | None


class Reports(Protocol):
    """Where a doubt is put up for others to see, and where somebody may confirm it."""

    def put(self, doubt: Doubt | None) -> None:
        """The present doubt; None: there is none any more."""

    def is_confirmed(self, doubt: Doubt) -> bool:
        """Whether somebody has said that the wall is right."""

    def report(self, kind: str, at_ms: int, doubt: Doubt) -> None:
        """An event, once."""


class SteadyClock:
    """``now_ms`` of the log's writer; one thread asks it, some times a second, or a jump is seen late."""

    def __init__(
        self,
        wall_ms: Callable[[], int],
        elapsed_ms: Callable[[], int],
        reports: Reports,
        *,
        last_ms: int = BEGIN_MS,
        hold_ms: int = HOLD_MS,
        believe_ms: int = BELIEVE_MS,
    ) -> None:
        """``last_ms``: the log's last mark, BEGIN_MS where it has none."""
        self._wall_ms, self._elapsed_ms, self._reports = wall_ms, elapsed_ms, reports
        self._hold_ms, self._believe_ms = hold_ms, believe_ms
        elapsed = elapsed_ms()
        #: What ours is ahead of the elapsed time.
        self._base_ms = (wall_ms() if last_ms == BEGIN_MS else last_ms) - elapsed
        # Many small steps make a large one: they are followed as far as a minute from here, which moves on
        # after each ``hold_ms``.
        self._centre_ms, self._centred_ms = self._base_ms, elapsed
        self._is_followed = last_ms == BEGIN_MS
        self._doubt: Doubt | None = None
        self._lasts_from_ms = 0
        reports.put(None)

    def now_ms(self) -> int:
        """Ours: the wall's, or in doubt as long after the last one as time has elapsed."""
        elapsed = self._elapsed_ms()
        base_ms = self._wall_ms() - elapsed
        jump_ms = base_ms - self._centre_ms
        most_ms = JUMP_MOST_MS if self._is_followed else DOWN_MOST_MS
        if -JUMP_MOST_MS <= jump_ms <= most_ms:
            self._follow(base_ms, elapsed, is_recentred=not self._is_followed)
        else:
            self._look_into(base_ms, elapsed)
        return self._base_ms + elapsed

    def disputed_ms(self) -> int | None:
        """What the wall says, where it is ahead and not believed: a row may be right by it alone."""
        return self._wall_ms() if self._doubt is not None and self._doubt.ahead_ms > 0 else None

    def _follow(self, base_ms: int, elapsed: int, *, is_recentred: bool) -> None:
        self._base_ms = base_ms
        self._is_followed = True
        if is_recentred or elapsed - self._centred_ms >= self._hold_ms:
            self._centre_ms, self._centred_ms = base_ms, elapsed
        if self._doubt is not None:
            self._end(RETURNED, elapsed)

    def _look_into(self, base_ms: int, elapsed: int) -> None:
        ahead_ms = base_ms - self._base_ms
        is_small = abs(ahead_ms) <= self._believe_ms
        if self._doubt is None or abs(ahead_ms - self._doubt.ahead_ms) > JUMP_MOST_MS:
            ours_ms, self._lasts_from_ms = self._base_ms + elapsed, elapsed
            believed_ms = ours_ms + self._hold_ms if is_small else None
            self._doubt = Doubt(ahead_ms, self._base_ms, ours_ms, believed_ms)
            self._reports.put(self._doubt)
            self._reports.report(HELD, ours_ms, self._doubt)
        if self._reports.is_confirmed(self._doubt):
            self._believe(CONFIRMED, base_ms, elapsed)
        elif is_small and elapsed - self._lasts_from_ms >= self._hold_ms:
            self._believe(BELIEVED, base_ms, elapsed)

    def _believe(self, kind: str, base_ms: int, elapsed: int) -> None:
        self._end(kind, elapsed)
        self._follow(base_ms, elapsed, is_recentred=True)

    def _end(self, kind: str, elapsed: int) -> None:
        assert self._doubt is not None
        doubt, self._doubt = self._doubt, None
        self._reports.put(None)
        self._reports.report(kind, self._base_ms + elapsed, doubt)
