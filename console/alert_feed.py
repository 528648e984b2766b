"""What happens to alerts, for all who listen: one look at the queue at a time, whatever their number."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import msgspec
from starlette.concurrency import run_in_threadpool

from sinks.disposal import DisposalQueue, TimelineEvent, event_json

#: Real seconds between two looks at the queue.
LOOK_EVERY_S = 0.25
_AT_ONCE = 500
#: How many entries wait for a listener at most; one who is slower reads them from the queue.
_WAITING_MOST = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a timeline, written once for all who get it."""

    seq: int
    data: str

    @classmethod
    def of(cls, event: TimelineEvent) -> Self:
        """The entry as its listeners read it."""
        return cls(event.seq, msgspec.json.encode(event_json(event)).decode())


class AlertFeed:
    """Looks at the queue while anybody listens, and hands each entry to the offices that may see it.

    Everything but the reading runs in one event loop, so what stands between two awaits happens at once.
    """

    def __init__(
        self, queue: DisposalQueue, *, every_s: float = LOOK_EVERY_S, waiting_most: int = _WAITING_MOST
    ) -> None:
        self._queue = queue
        self._every_s = every_s
        self._waiting_most = waiting_most
        self._boxes: dict[str, set[_Box]] = defaultdict(set)
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._seen = 0
        self._is_failing = False

    @asynccontextmanager
    async def listening(self, office: str) -> AsyncIterator[Listener]:
        """A listener to what happens to an office's alerts, from when this is entered."""
        box = _Box(self._waiting_most)
        async with self._starting:
            if self._task is None:
                self._seen = await run_in_threadpool(self._queue.last_seq)
                self._task = asyncio.create_task(self._look_on())
            # From here on every entry behind `_seen` comes into the box.
            self._boxes[office].add(box)
        try:
            yield Listener(self._queue, office, box)
        finally:
            self._boxes[office].discard(box)
            if not self._boxes[office]:
                del self._boxes[office]

    async def stop(self) -> None:
        """Look no more, because the queue is about to be closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look_on(self) -> None:
        try:
            while self._boxes:
                if not await self._look():
                    await asyncio.sleep(self._every_s)
        finally:
            self._task = None

    async def _look(self) -> bool:
        """Hand on what is new; whether there may be more at once."""
        try:
            found = await run_in_threadpool(self._queue.watch_all, self._seen, limit=_AT_ONCE)
        except Exception:  # whatever a database may raise
            # Listeners stay and miss nothing: the next look that works goes on from the same place.
            if not self._is_failing:
                _log.exception("the queue cannot be read; listeners wait")
            self._is_failing = True
            return False
        self._is_failing = False
        for watched in found:
            self._hand_on(Entry.of(watched.event), watched.offices)
            self._seen = watched.event.seq
        return len(found) == _AT_ONCE

    def _hand_on(self, entry: Entry, offices: Iterable[str]) -> None:
        for office in offices:
            for box in self._boxes.get(office, ()):
                box.put(entry)


class Listener:
    """One who listens, at a pace of their own."""

    def __init__(self, queue: DisposalQueue, office: str, box: _Box) -> None:
        self._queue = queue
        self._office = office
        self._box = box

    async def entries(self, after: int, *, is_tail: bool) -> AsyncIterator[Entry]:
        """Every entry behind ``after``, each once and in order, without end.

        ``is_tail``: ``after`` was the last entry at some moment since this listener began, so all behind it
        comes into the box. Else, and whenever the box overflowed, the queue is read up to its end. The box is
        opened before that: what it then holds was there when the queue was read, or came later.
        """
        while True:
            if not is_tail:
                self._box.open()
                found = await self._read(after)
                for entry in found:
                    yield entry
                    after = entry.seq
                if len(found) == _AT_ONCE:
                    continue
            async for entry in self._box.entries():
                if entry.seq > after:
                    yield entry
                    after = entry.seq
            is_tail = False

    async def _read(self, after: int) -> list[Entry]:
        found = await run_in_threadpool(self._queue.watch, after, office=self._office, limit=_AT_ONCE)
        return [Entry.of(event) for event in found]


class _Box:
    """Entries that wait for one listener: all since it was opened, or none once they were too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: deque[Entry] = deque()
        self._is_open = True
        self._changed = asyncio.Event()

    def open(self) -> None:
        """Empty, and taking entries from now on."""
        self._waiting.clear()
        self._is_open = True

    def put(self, entry: Entry) -> None:
        """One more; the box that it does not fit into closes, and what was in it is gone."""
        if not self._is_open:
            return
        self._waiting.append(entry)
        if len(self._waiting) > self._most:
            self._waiting.clear()
            self._is_open = False
        self._changed.set()

    async def entries(self) -> AsyncIterator[Entry]:
        """What is in it and comes into it, until it overflows."""
        while self._is_open:
            while self._waiting:
                yield self._waiting.popleft()
            if self._is_open:
                self._changed.clear()
                await self._changed.wait()
