"""Connections behind a doorkeeper: who is let in, and who has kept us waiting for too long."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from enum import IntEnum
from functools import partial
from itertools import chain
from typing import Any, cast

import httptools
import uvicorn
from anyio.to_thread import current_default_thread_limiter
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fencewatch.connection_limits import Limits
from fencewatch.joined_writes import JoinedWrites
from fencewatch.listening import BACKLOG

#: Real seconds between two looks at all connections, and for which one may be idle between two requests.
_SWEEP_S = 1.0
_KEEP_ALIVE_S = 75
#: Of a request's line and headers, and requests that are read before the one in front of them is answered.
_HEAD_BYTES_MOST = 1 << 16
_PIPELINED_MOST = 64
_NO_REQUEST = PlainTextResponse("Invalid HTTP request received.", 400, {"Connection": "close"})
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


class Phase(IntEnum):
    """What a connection is about; the lower ones are hung up on first where there are too many."""

    HEAD = 0  # nothing, or a part of a request's head, has come
    IDLE = 1  # between two requests
    LINGERING = 2  # the answer is given, and the body goes on
    BODY = 3
    ANSWERING = 4


class Doorkeeper:
    """All connections of one server: lets them in, and looks after them once a second."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.turned_away = 0
        #: In the order they came; the busy ones, which nobody hangs up on, are kept apart.
        self._waiting: dict[GuardedProtocol, None] = {}
        self._busy: dict[GuardedProtocol, None] = {}
        self._of_address: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def let_in(self, newcomer: GuardedProtocol) -> bool:
        """Whether there is room for one more, after hanging up on the one that has waited longest."""
        address, limits = newcomer.address, self.limits
        is_crowd = address not in limits.trusted and self._of_address[address] >= limits.per_address
        if (is_crowd or len(self) >= limits.connections) and not self._hang_up(address if is_crowd else None):
            self.turned_away += 1
            return False
        self._waiting[newcomer] = None
        self._of_address[address] += 1
        if self._timer is None:
            self._timer = newcomer.loop.call_later(_SWEEP_S, self._sweep, newcomer.loop)
        return True

    def forget(self, gone: GuardedProtocol) -> None:
        """A connection that is no more; nothing where it was not let in, or is forgotten already."""
        if gone in self._waiting or gone in self._busy:
            self._waiting.pop(gone, None)
            self._busy.pop(gone, None)
            self._of_address[gone.address] -= 1
            if not self._of_address[gone.address]:
                del self._of_address[gone.address]

    def _hang_up(self, address: str | None) -> bool:
        """Hangs up on the connection that has sent no request for longest, of an address or of all."""
        found: GuardedProtocol | None = None
        turned_busy = []
        for connection in chain(self._waiting, self._busy):
            phase = connection.phase()
            if phase >= Phase.BODY:
                turned_busy.append(connection)
            elif address in (None, connection.address):
                found = found or connection
                if phase == Phase.HEAD:
                    found = connection
                    break
        for connection in turned_busy:
            self._waiting.pop(connection, None)
            self._busy[connection] = None
        if found is not None:
            found.drop()
        return found is not None

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        for connection in [*self._waiting, *self._busy]:
            if connection.is_overdue(now_s, self.limits):
                connection.drop()
            elif connection in self._busy and connection.phase() < Phase.BODY:
                self._busy.pop(connection)
                self._waiting[connection] = None
        self._timer = loop.call_later(_SWEEP_S, self._sweep, loop) if len(self) else None


class _Reading(IntEnum):
    """Which part of a request the parser is in."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class GuardedProtocol(HttpToolsProtocol):
    """A connection that a doorkeeper has let in; the rest is uvicorn's."""

    def __init__(self, keeper: Doorkeeper, **named: Any) -> None:
        super().__init__(**named)
        self.keeper = keeper
        self.address = ""
        self._is_in = False
        self._reading = _Reading.NOTHING
        self._unbounded_bytes = 0
        self._received = 0
        self._seen: tuple[Phase, object] = (Phase.HEAD, None)
        self._since_s = self.loop.time()
        self._received_then = 0
        self._unread_since_s: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Uvicorn's, where there is room."""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        self._is_in = self.keeper.let_in(self)
        if not self._is_in:
            self.transport.write(_REFUSAL)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Uvicorn's, and there is room for another."""
        self.keeper.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Uvicorn's, but for who was not let in, and for requests that are none or too much at once."""
        if not self._is_in:
            return
        self._received += len(data)
        self._unbounded_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._hear_no_more()
        except httptools.HttpParserError:
            self._refuse()
        else:
            # Of a head, or of what may stand around the pieces of a body, the parser holds all that has come.
            if self._reading != _Reading.NOTHING and self._unbounded_bytes > _HEAD_BYTES_MOST:
                self._refuse()

    def on_message_begin(self) -> None:
        """Uvicorn's; the parser has come to another request."""
        self._unset_keepalive_if_required()  # empty lines before it are no sign of one
        super().on_message_begin()
        self._reading = _Reading.HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        """Uvicorn's; what stands behind a body is no header, and nobody here asks for it."""
        if self._reading == _Reading.HEAD:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Uvicorn's; of bodies others say how long they may be."""
        self._unbounded_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Uvicorn's, for so many requests at a time that nobody makes us hold many."""
        head_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head_bytes > _HEAD_BYTES_MOST:
            raise ValueError("too long a head")
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]):
            raise ValueError("a body of unknown coding: nobody knows where it ends")
        if len(self.pipeline) >= _PIPELINED_MOST:
            raise ValueError("too many requests that wait for their turn")
        super().on_headers_complete()
        self._reading, self._unbounded_bytes = _Reading.BODY, 0

    def on_message_complete(self) -> None:
        """Uvicorn's; the parser is behind a request."""
        super().on_message_complete()
        self._reading = _Reading.NOTHING

    @property
    def _is_answering(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def _refuse(self) -> None:
        """What came is no request, or too much of one: its sender is told so in its turn, and hung up on."""
        is_body = self._reading == _Reading.BODY
        if is_body and self.pipeline:
            self.pipeline[0] = (self.pipeline[0][0], cast("ASGI3Application", _NO_REQUEST))
        if self._is_answering and (self.pipeline or not is_body):
            self._hear_no_more()
            return
        self._is_in = False
        if is_body and self.cycle.response_started:
            self.transport.close()
        else:
            self.send_400_response("Invalid HTTP request received.")

    def _hear_no_more(self) -> None:
        """Hangs up once the last request that was taken has its answer."""
        self._is_in = False
        last = self.pipeline[0][0] if self.pipeline else self.cycle
        last.keep_alive = False

    def phase(self) -> Phase:
        """What the connection is about at this moment."""
        if self._is_answering:
            is_first = self._reading == _Reading.BODY and not self.pipeline
            return Phase.BODY if is_first else Phase.ANSWERING
        if self._reading == _Reading.BODY:
            return Phase.LINGERING
        return Phase.IDLE if self._reading == _Reading.NOTHING and self.cycle is not None else Phase.HEAD

    def is_overdue(self, now_s: float, limits: Limits) -> bool:
        """Whether the other side has had its time."""
        if not self.flow.write_paused:
            self._unread_since_s = None
        elif self._unread_since_s is None:
            self._unread_since_s = now_s
        elif now_s - self._unread_since_s > limits.unread_s:
            return True
        seen = (self.phase(), self.cycle)
        if seen != self._seen or self.flow.read_paused:  # what we do not read is not late
            self._seen, self._since_s, self._received_then = seen, now_s, self._received
            return False
        waited_s = now_s - self._since_s
        if seen[0] == Phase.HEAD:
            return waited_s > limits.head_s
        if seen[0] == Phase.LINGERING:
            return waited_s > limits.linger_s
        came = self._received - self._received_then
        return seen[0] == Phase.BODY and waited_s > limits.body_s + came / limits.body_bytes_per_s

    def drop(self) -> None:
        """Hangs up at once: whatever was still to be sent is of no use."""
        self.keeper.forget(self)
        self.transport.abort()


class GuardedServer(uvicorn.Server):
    """Uvicorn's server behind a doorkeeper."""

    def __init__(self, app: ASGIApp, keeper: Doorkeeper, **settings: Any) -> None:
        """``settings`` are uvicorn's; requests by a trusted address are taken for whom they name."""
        limits = keeper.limits
        config = uvicorn.Config(
            app,
            http=cast("type[asyncio.Protocol]", partial(GuardedProtocol, keeper)),
            ws="none",
            backlog=limits.accepted_at_once,
            # Longer than a proxy keeps a connection for, so that it never sends on one that we just closed.
            timeout_keep_alive=_KEEP_ALIVE_S,
            proxy_headers=bool(limits.trusted),
            forwarded_allow_ips=list(limits.trusted),
            server_header=False,
            access_log=False,
            **settings,
        )
        super().__init__(config)
        self._threads = limits.threads

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn's; then as many connections may wait to be taken as the system lets them."""
        current_default_thread_limiter().total_tokens = self._threads
        await super().startup(sockets)
        for door in sockets or ():
            door.listen(BACKLOG)
