"""Positions as they change, for all who look on: one look at the store at a time, written once for an office.

A viewer who is slow, or was cut off, gets what has changed since in one piece: nothing waits for anybody.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import zlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from starlette.concurrency import run_in_threadpool

from console.current_places import Changes, CurrentPlaces
from console.position_json import moving_json
from console.site_directory import SiteDirectory
from sinks.alert import instant_text
from sinks.positions import PositionStore

#: Real seconds between two looks at the store.
LOOK_EVERY_S = 1.0
#: Each so many looks the whole store is read: what a look for new arrivals would miss is found by then.
_WHOLE_EACH_LOOKS = 30

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Audience:
    """Those who get the same: the offices they may see, and whether they may know names."""

    offices: frozenset[str]
    may_name: bool


class Written:
    """Text of an event stream, and the same deflated so that any two such pieces may follow each other.

    The first piece of a deflated stream needs ``GZIP_HEAD`` before it. Each piece ends on a whole byte and
    refers to none before it, so that one piece serves all who get it.
    """

    def __init__(self, text: str) -> None:
        self.plain = text.encode()
        deflating = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        self.deflated = deflating.compress(self.plain) + deflating.flush(zlib.Z_SYNC_FLUSH)

    @classmethod
    def event(cls, name: str, event_id: str, content: object) -> Self:
        """An event with JSON as its data, which has no line ends in it."""
        return cls(f"id: {event_id}\nevent: {name}\ndata: {msgspec.json.encode(content).decode()}\n\n")


#: What begins a stream of deflated pieces (RFC 1952, 2.3): no name, no time, system unknown.
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class PositionFeed:
    """Looks at the store while anybody looks on, and writes what has changed once for each audience.

    Reading, comparing and writing are done in threads; all else runs in one event loop, so what stands
    between two awaits happens at once.
    """

    def __init__(
        self,
        positions: PositionStore,
        directory: Callable[[], SiteDirectory],
        now_ms: Callable[[], int],
        *,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        """``directory`` gives the site's as it is now."""
        self._look_at = _Look(positions, directory, now_ms)
        self._directory = directory
        self._every_s = every_s
        #: Ticks of another server, or of an earlier start of this one, mean nothing here.
        self._epoch = secrets.token_hex(4)
        self._viewers = 0
        self._task: asyncio.Task[None] | None = None
        self._is_begun = asyncio.Event()
        self._changed = asyncio.Event()
        self._pieces: dict[tuple[Audience, int | None], asyncio.Task[_Piece]] = {}

    async def written(
        self, audience_now: Callable[[], Audience], cursor: str | None
    ) -> AsyncGenerator[Written]:
        """What changes from a cursor on, without end, for an audience as it is each time.

        Where the cursor is None or of another server it begins with everything there is.
        """
        tick = self._tick_of(cursor)
        self._viewers += 1
        try:
            if self._task is None:
                self._is_begun.clear()
                self._task = asyncio.create_task(self._look_on())
            await self._is_begun.wait()
            while True:
                changed = self._changed
                if tick != self._look_at.places.tick:
                    piece = await self._piece(audience_now(), tick)
                    tick = piece.tick
                    if piece.written is not None:
                        yield piece.written
                else:
                    await changed.wait()
        finally:
            self._viewers -= 1

    async def stop(self) -> None:
        """Look no more, because the store is about to be closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look_on(self) -> None:
        try:
            is_first = True
            while self._viewers:
                if await run_in_threadpool(self._look_at.look, is_first=is_first):
                    self._pieces.clear()
                    self._changed.set()
                    self._changed = asyncio.Event()
                if not self._look_at.is_failing:
                    is_first = False
                    self._is_begun.set()
                await asyncio.sleep(self._every_s)
        finally:
            self._task = None

    async def _piece(self, audience: Audience, tick: int | None) -> _Piece:
        """The piece for all of an audience who have seen the same so far, written once."""
        key = audience, tick
        if key not in self._pieces:
            self._pieces[key] = asyncio.create_task(run_in_threadpool(self._write, audience, tick))
        # Shielded: one who leaves meanwhile takes nothing away from the others.
        return await asyncio.shield(self._pieces[key])

    def _write(self, audience: Audience, tick: int | None) -> _Piece:
        now_ms, to_tick, changes = self._look_at.changes(tick, audience.offices)
        if not changes:
            return _Piece(to_tick, None)
        said = changes_json(changes, now_ms, self._directory(), may_name=audience.may_name)
        cursor = f"{self._epoch}.{to_tick}"
        return _Piece(to_tick, Written.event("positions", cursor, said))

    def _tick_of(self, cursor: str | None) -> int | None:
        """The tick of a cursor of this server; None of any other."""
        epoch, _, tick = (cursor or "").partition(".")
        return int(tick) if epoch == self._epoch and tick.isdecimal() else None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What an audience is told, None where nothing concerns it, and the tick it then knows."""

    tick: int
    written: Written | None


class _Look:
    """The store's positions as they were at the last look, for several threads."""

    def __init__(
        self, positions: PositionStore, directory: Callable[[], SiteDirectory], now_ms: Callable[[], int]
    ) -> None:
        self._directory = directory
        self.places = CurrentPlaces(directory())
        self.is_failing = False
        self._positions = positions
        self._clock = now_ms
        self._lock = threading.Lock()
        self._newest_ms: int | None = None
        self._looks = 0

    def look(self, *, is_first: bool) -> bool:
        """Whether anything changed. A store that cannot be read is told of once and looked at again."""
        is_whole = is_first or self._looks % _WHOLE_EACH_LOOKS == 0
        now_ms = self._clock()
        try:
            rows = self._positions.since(None if is_whole else self._newest_ms)
        except Exception:  # whatever a database may raise
            if not self.is_failing:
                _log.exception("positions cannot be read; whoever looks at the map waits")
            self.is_failing = True
            return False
        self.is_failing = False
        self._looks += 1
        self._newest_ms = max((row.arrival_ms for row in rows), default=self._newest_ms)
        with self._lock:
            self.places.follow(self._directory())
            return self.places.update(rows, now_ms, is_all=is_whole)

    def changes(self, tick: int | None, offices: frozenset[str]) -> tuple[int, int, Changes]:
        """The time now, the tick that is reached, and what happened within offices since another."""
        with self._lock:
            return self._clock(), self.places.tick, self.places.since(tick, offices)


def changes_json(
    changes: Changes, now_ms: int, site_directory: SiteDirectory, *, may_name: bool
) -> dict[str, Any]:
    """Changes as a viewer reads them.

    Who has moved is told in columns and without what stays as it was: that is a quarter of the bytes.
    """
    moved = [moving_json(position) for position in changes.moved]
    return {
        "now": instant_text(now_ms),
        "all": changes.is_all,
        "items": [
            {
                "device_id": position.device_id,
                "person_id": position.person_id,
                "person_name": site_directory.name(position.person_id, now_ms) if may_name else None,
                "office_id": position.office_id,
                **moving_json(position),
            }
            for position in changes.new
        ],
        "moved": {
            "device_id": [position.device_id for position in changes.moved],
            **({name: [one[name] for one in moved] for name in moved[0]} if moved else {}),
        },
        "gone": changes.gone,
    }
