"""Where everybody is, told as it changes; whoever was cut off goes on where they were."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from console.errors import NotRecorded
from console.gate import Right
from console.live_site import LiveSite
from console.places import Places
from console.position_feed import GZIP_HEAD, Audience, PositionFeed, Written
from console.token_watch import TokenWatch
from console.visits import OnRecord, Purpose, Visitor

router = APIRouter(prefix="/v1/positions", tags=["places"])

#: A comment now and then keeps what lies between us and the client from hanging up.
_PING_S = 15
_PING = Written(": still here\n\n")


class _Ready(ServerSentEvent):
    """Bytes that are sent as they are."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content

    def encode(self) -> bytes:
        """The bytes."""
        return self._content


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    caller: Visitor,
    visits: OnRecord,
    purpose: Purpose,
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> EventSourceResponse:
    """Server-sent events `positions`: everything there is (`all`), then what changes, at most once a second.

    With `Last-Event-ID` it goes on after that event, or sends everything where the id is no longer known.
    The visit is on record as for `GET /v1/positions`, and again each half hour. The stream ends when that
    cannot be, or when the token counts no longer.
    """
    feed: PositionFeed = request.app.state.position_feed
    watch: TokenWatch = request.app.state.watch
    live_site: LiveSite = request.app.state.live_site

    def audience() -> Audience:
        return Audience(live_site.directory().within(caller.office), caller.may(Right.NAME))

    is_packed = "gzip" in accept_encoding
    places: Places = request.app.state.places
    places.check(caller.name)
    written = feed.written(audience, last_event_id)
    lasting = _on_record(written, partial(visits.enter, caller, purpose))
    pieces = _bytes(lasting, places.taken(caller.name), is_packed=is_packed)
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    return EventSourceResponse(
        watch.while_in_force(caller.name, pieces),
        ping=_PING_S,
        ping_message_factory=lambda: _Ready(_PING.deflated if is_packed else _PING.plain),
        headers=headers | ({"Content-Encoding": "gzip"} if is_packed else {}),
    )


async def _on_record(written: AsyncGenerator[Written], enter: Callable[[], None]) -> AsyncGenerator[Written]:
    async with aclosing(written):
        async for piece in written:
            try:
                await run_in_threadpool(enter)  # writes only where the last entry has grown old
            except NotRecorded:
                return
            yield piece


async def _bytes(
    written: AsyncGenerator[Written], taken: AbstractContextManager[None], *, is_packed: bool
) -> AsyncIterator[bytes]:
    with taken:
        # At once: the client knows that it is connected, and a stream of packed pieces has its head.
        yield GZIP_HEAD + _PING.deflated if is_packed else _PING.plain
        async with aclosing(written):
            async for piece in written:
                yield piece.deflated if is_packed else piece.plain
