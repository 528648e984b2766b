"""What happens to alerts, told as it happens; whoever was cut off goes on where they were."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from console.alert_feed import AlertFeed
from console.gate import Parts, People, Reader, Right
from console.masking import NameMask
from console.token_watch import TokenWatch
from sinks.disposal import DisposalQueue

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

#: A comment now and then keeps what lies between us and the client from hanging up.
_PING_S = 15


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    parts: Parts,
    people: People,
    caller: Reader,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> EventSourceResponse:
    """Server-sent events: `alert` with a timeline entry and its `seq` as id; `reset` where the id is unknown.

    Without `Last-Event-ID` it begins with what is yet to come. It ends when the token counts no longer.
    """
    feed: AlertFeed = request.app.state.feed
    watch: TokenWatch = request.app.state.watch
    mask = None if caller.may(Right.NAME) else people.mask
    events = watch.while_in_force(caller.name, _events(feed, parts.queue, caller.office, last_event_id, mask))
    return EventSourceResponse(events, ping=_PING_S, headers={"Cache-Control": "no-store"})


async def _events(
    feed: AlertFeed, queue: DisposalQueue, office: str, last: int | None, mask: NameMask | None
) -> AsyncIterator[ServerSentEvent]:
    async with feed.listening(office) as listener:
        tail = await run_in_threadpool(queue.last_seq)
        after = tail if last is None else min(last, tail)
        # Tells the client at once that it is connected, and where it would resume.
        yield ServerSentEvent(event="hello", id=str(after), data="{}")
        if last is not None and last > tail:
            # The client saw a queue that is no longer there: only reading all of it again helps.
            yield ServerSentEvent(event="reset", id=str(tail), data="{}")
        async for entry in listener.entries(after, is_tail=after == tail):
            data = entry.data if mask is None else _masked(entry.data, mask)
            yield ServerSentEvent(event="alert", id=str(entry.seq), data=data)


def _masked(data: str, mask: NameMask) -> str:
    return msgspec.json.encode(mask.event(msgspec.json.decode(data))).decode()
