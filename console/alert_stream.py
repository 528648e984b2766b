"""What happens to alerts, told as it happens; whoever was cut off goes on where they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from console.gate import Caller, Parts, Reader
from console.parts import ConsoleParts
from sinks.disposal import TimelineEvent, event_json

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

#: Real seconds between two looks at the queue.
LOOK_EVERY_S = 0.25
_AT_ONCE = 500
#: A comment now and then keeps what lies between us and the client from hanging up.
_PING_S = 15


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    parts: Parts,
    caller: Reader,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> EventSourceResponse:
    """Server-sent events: `alert` with a timeline entry and its `seq` as id; `reset` where the id is unknown.

    Without `Last-Event-ID` it begins with what is yet to come.
    """
    tail = await run_in_threadpool(parts.queue.last_seq)
    after = tail if last_event_id is None else last_event_id
    events = _events(request, parts, caller, after, tail)
    return EventSourceResponse(events, ping=_PING_S, headers={"Cache-Control": "no-store"})


async def _events(
    request: Request, parts: ConsoleParts, caller: Caller, after: int, tail: int
) -> AsyncIterator[ServerSentEvent]:
    # Tells the client at once that it is connected, and where it would resume.
    yield ServerSentEvent(event="hello", id=str(min(after, tail)), data="{}")
    if after > tail:
        # The client saw a queue that is no longer there: only reading all of it again helps.
        yield ServerSentEvent(event="reset", id=str(tail), data="{}")
        after = tail
    while not await request.is_disconnected():
        found: tuple[TimelineEvent, ...] = await run_in_threadpool(
            parts.queue.watch, after, office=caller.office, limit=_AT_ONCE
        )
        for entry in found:
            data = msgspec.json.encode(event_json(entry)).decode()
            yield ServerSentEvent(event="alert", id=str(entry.seq), data=data)
            after = entry.seq
        if len(found) < _AT_ONCE:
            await asyncio.sleep(LOOK_EVERY_S)
