"""The console behind its doorkeeper, in a thread of this process, and raw requests to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from console_world import World
from starlette.types import ASGIApp

from console.app import create_app
from fencewatch.connection_limits import Limits
from fencewatch.connections import Doorkeeper, GuardedServer
from fencewatch.listening import listening

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Guarded:
    """A console that answers on loopback."""

    world: World
    keeper: Doorkeeper
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection of its own that has sent something."""
        door = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        if sent:
            door.sendall(sent)
        return door

    def said(self, head: str, body: bytes = b"") -> str:
        """The beginning of the answer to a raw request, as far as it comes in one piece."""
        with self.connect(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body) as door:
            return door.recv(65_536).decode(errors="replace")


@contextmanager
def guarded(world: World, app: ASGIApp | None = None, **limits: Any) -> Iterator[Guarded]:
    """A server on a port of its own, until the block is left; of another application where one is given."""
    keeper = Doorkeeper(Limits(**{"connections": 1000, "per_address": 1000, **limits}))
    lifespan = "on" if app is None else "off"
    app = app or create_app(world.parts)
    server = GuardedServer(app, keeper, log_level="critical", timeout_graceful_shutdown=1, lifespan=lifespan)
    doors = listening("127.0.0.1", 0)
    port = doors[0].getsockname()[1]
    thread = threading.Thread(target=server.run, args=(doors,))
    thread.start()
    until(lambda: server.started)
    try:
        yield Guarded(world, keeper, port)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def until(true: Callable[[], object]) -> None:
    """Wait for what comes soon."""
    ends_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends_s, "waited in vain"
        time.sleep(0.01)


def is_hung_up(door: socket.socket) -> bool:
    """Reads what still comes, and whether the other side then ends the connection."""
    try:
        while door.recv(65_536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True
