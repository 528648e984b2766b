"""What happens to alerts, for all who listen: one look at the queue at a time, whatever their number."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
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
#: So many listeners are woken before others have their turn.
_WOKEN_AT_ONCE = 25

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a timeline as JSON, and ``written`` as the event of a stream, once for all who get it."""

    seq: int
    data: str
    written: bytes

    @classmethod
    def of(cls, event: TimelineEvent) -> Self:
        """The entry as its listeners read it."""
        data = msgspec.json.encode(event_json(event)).decode()
        return cls(event.seq, data, stream_event("alert", event.seq, data))


def stream_event(name: str, number: int, data: str) -> bytes:
    """A server-sent event; its data has no line ends in it."""
    return f"id: {number}\r\nevent: {name}\r\ndata: {data}\r\n\r\n".encode()


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
        of_office: dict[str, list[Entry]] = defaultdict(list)
        for watched in found:
            entry = Entry.of(watched.event)
            for office in watched.offices:
                of_office[office].append(entry)
        await self._hand_on(of_office)
        if found:
            self._seen = found[-1].event.seq
        return len(found) == _AT_ONCE

    async def _hand_on(self, of_office: Mapping[str, list[Entry]]) -> None:
        """Into every box what belongs there; a few at a time, as all who listen are woken by it.

        Whoever begins to listen meanwhile reads what is handed on now from the queue, which has it.
        """
        boxes = [(box, found) for office, found in of_office.items() for box in self._boxes.get(office, ())]
        for number, (box, found) in enumerate(boxes, 1):
            for entry in found:
                box.put(entry)
            if number % _WOKEN_AT_ONCE == 0:
                await asyncio.sleep(0)


class Listener:
    """One who listens, at a pace of their own."""

    def __init__(self, queue: DisposalQueue, office: str, box: _Box) -> None:
        self._queue = queue
        self._office = office
        self._box = box

    async def batches(self, after: int, *, is_tail: bool) -> AsyncIterator[list[Entry]]:
        """Every entry behind ``after``, each once and in order, without end; as many at once as there are.

        ``is_tail``: ``after`` was the last entry at some moment since this listener began, so all behind it
        comes into the box. Else, and whenever the box overflowed, the queue is read up to its end. The box is
        opened before that: what it then holds was there when the queue was read, or came later.
        """
        while not self._box.is_over:
            if not is_tail:
                self._box.open()
                found = await self._read(after)
                if found:
                    yield found
                    after = found[-1].seq
                if len(found) == _AT_ONCE:
                    continue
            async for waiting in self._box.batches():
                if found := [entry for entry in waiting if entry.seq > after]:
                    yield found
                    after = found[-1].seq
            is_tail = False

    def end(self) -> None:
        """There is nothing more to hear."""
        self._box.end()

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
        self.is_over = False

    def end(self) -> None:
        """Nothing comes into it any more, and nothing out of it."""
        self.is_over = True
        self._changed.set()

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

    async def batches(self) -> AsyncIterator[list[Entry]]:
        """What is in it and comes into it, all at once, until it overflows."""
        while self._is_open and not self.is_over:
            if self._waiting:
                found = list(self._waiting)
                self._waiting.clear()
                yield found
            else:
                self._changed.clear()
                await self._changed.wait()
