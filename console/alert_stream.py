"""What happens to alerts, told as it happens; whoever was cut off goes on where they were."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from console.alert_feed import AlertFeed, Entry, Listener, stream_event
from console.gate import Parts, Reader, Right
from console.live_site import LiveSite
from console.masking import NameMask
from console.places import Places
from console.token_watch import TokenWatch
from sinks.disposal import DisposalQueue

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

#: A comment now and then keeps what lies between us and the client from hanging up.
_PING_S = 15
#: No number of an entry is greater than the database holds.
_SEQ_MOST = 2**63 - 1


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    parts: Parts,
    caller: Reader,
    last_event_id: Annotated[int | None, Header(ge=0, le=_SEQ_MOST)] = None,
) -> EventSourceResponse:
    """Server-sent events: `alert` with a timeline entry and its `seq` as id; `reset` where the id is unknown.

    Without `Last-Event-ID` it begins with what is yet to come. It ends when the token counts no longer.
    """
    feed: AlertFeed = request.app.state.feed
    watch: TokenWatch = request.app.state.watch
    places: Places = request.app.state.places
    places.check(caller.name)
    live_site: LiveSite = request.app.state.live_site
    mask = None if caller.may(Right.NAME) else lambda: live_site.directory().mask
    room = Room(places, watch, caller.name, caller.office, mask)
    events = _events(feed, parts.queue, last_event_id, room)
    return EventSourceResponse(events, ping=_PING_S, headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class Room:
    """A place among the streams, for as long as the token of a name counts.

    It is told of an office's alerts, without names where there is a ``mask``, which is asked for each time.
    """

    places: Places
    watch: TokenWatch
    name: str
    office: str
    mask: Callable[[], NameMask] | None


async def _events(
    feed: AlertFeed, queue: DisposalQueue, last: int | None, room: Room
) -> AsyncIterator[bytes]:
    """Events as they are sent; those that wait for a listener go out in one piece."""
    with room.places.taken(room.name):
        async with feed.listening(room.office) as listener:
            with room.watch.telling(room.name, listener.end):
                async for piece in _pieces(listener, queue, last, room.mask):
                    yield piece


async def _pieces(
    listener: Listener, queue: DisposalQueue, last: int | None, mask: Callable[[], NameMask] | None
) -> AsyncIterator[bytes]:
    tail = await run_in_threadpool(queue.last_seq)
    after = tail if last is None else min(last, tail)
    # Tells the client at once that it is connected, and where it would resume.
    yield stream_event("hello", after, "{}")
    if last is not None and last > tail:
        # The client saw a queue that is no longer there: only reading all of it again helps.
        yield stream_event("reset", tail, "{}")
    async for entries in listener.batches(after, is_tail=after == tail):
        now = None if mask is None else mask()
        yield b"".join(_written(entry, now) for entry in entries)


def _written(entry: Entry, mask: NameMask | None) -> bytes:
    if mask is None:
        return entry.written
    return stream_event("alert", entry.seq, _masked(entry.data, mask))


def _masked(data: str, mask: NameMask) -> str:
    return msgspec.json.encode(mask.event(msgspec.json.decode(data))).decode()
