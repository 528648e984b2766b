"""How many connections there may be, and for how long each may keep us waiting."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from itertools import chain
from typing import Any, cast

import h11
import uvicorn
from anyio.to_thread import current_default_thread_limiter
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from fencewatch.listening import BACKLOG

#: More connections than these are of no use to one process.
CONNECTIONS_MOST = 10_000
#: Files that may be open at once are raised to this, as far as the system lets us.
_FILES_WISHED = 65_536
#: Files that the stores open for each thread that works on them, and some for what comes and goes.
_FILES_PER_THREAD, _FILES_SPARE = 6, 12
_THREADS_MOST = 40
#: A browser alone opens half a dozen.
_PER_ADDRESS_LEAST = 16
#: Real seconds between two looks at all connections, and for which one may be idle between two requests.
_SWEEP_S = 1.0
_KEEP_ALIVE_S = 75
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """``connections`` in all and ``per_address``, but for the ``trusted`` ones, which are proxies of ours.

    A request's head must be whole after ``head_s``; its body may take ``body_s`` and a second for every
    ``body_bytes_per_s`` bytes. Who leaves an answer unread for ``unread_s`` is hung up on, and who goes on
    sending what nobody reads any more, after ``linger_s``. ``threads`` work at once, ``accepted_at_once``
    connections are taken before anything else is done.
    """

    connections: int
    per_address: int
    trusted: Collection[str] = ()
    threads: int = _THREADS_MOST
    accepted_at_once: int = 128
    head_s: float = 10.0
    body_s: float = 30.0
    body_bytes_per_s: int = 8192
    unread_s: float = 60.0
    linger_s: float = 10.0


def limits_here(trusted: Collection[str] = (), connections: int | None = None) -> Limits:
    """As many connections as this process may have files open, after raising that as far as it goes.

    So taking one more never fails for want of a file: where it could, asyncio tries again and again.
    """
    files, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = _FILES_WISHED if hardest == resource.RLIM_INFINITY else min(hardest, _FILES_WISHED)
    if files < wished:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hardest))
            files = wished
    free = files - _open_files() - _FILES_SPARE
    threads = max(1, min(_THREADS_MOST, free // 2 // _FILES_PER_THREAD))
    room = free - threads * _FILES_PER_THREAD
    # A few more than the limit are there for a moment: taken, and not yet hung up on.
    at_once = max(1, min(128, room // 8))
    most = max(1, min(CONNECTIONS_MOST, room - 4 * at_once, *([] if connections is None else [connections])))
    return Limits(most, max(most // 2, min(most, _PER_ADDRESS_LEAST)), trusted, threads, at_once)


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


class GuardedProtocol(H11Protocol):
    """A connection that a doorkeeper has let in; the rest is uvicorn's."""

    def __init__(self, keeper: Doorkeeper, **named: Any) -> None:
        super().__init__(**named)
        self.keeper = keeper
        self.address = ""
        self._is_in = False
        self._received = 0
        self._seen: tuple[Phase, object] = (Phase.HEAD, None)
        self._since_s = self.loop.time()
        self._received_then = 0
        self._unread_since_s: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Uvicorn's, where there is room."""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        super().connection_made(transport)
        self._is_in = self.keeper.let_in(self)
        if not self._is_in:
            transport.write(_REFUSAL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Uvicorn's, and there is room for another."""
        self.keeper.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Uvicorn's, but for who was not let in."""
        if self._is_in:
            self._received += len(data)
            super().data_received(data)

    def phase(self) -> Phase:
        """What the connection is about at this moment."""
        theirs, ours = self.conn.their_state, self.conn.our_state
        if theirs is h11.IDLE:
            return Phase.HEAD if self.cycle is None or self.conn.trailing_data[0] else Phase.IDLE
        if theirs is h11.SEND_BODY:
            return Phase.LINGERING if ours is h11.DONE else Phase.BODY
        return Phase.ANSWERING

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


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 64  # no such directory: more than there are at the start
