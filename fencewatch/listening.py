"""The sockets that `serve` listens on, open before it says so."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from pipeline.errors import PipelineError

#: A name such as `localhost` may stand for addresses that this machine has not.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
#: As many connections may wait to be taken.
BACKLOG = 2048
_PORT_MOST = 65_535


class CannotListen(PipelineError):  # noqa: N818 - the name says what is the matter
    """The address is taken, or none of this machine."""


def listening(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of a host; who connects is kept waiting. Raises CannotListen."""
    doors: list[socket.socket] = []
    missing: OSError | None = None
    with ExitStack() as opened:
        try:
            if not 0 <= port <= _PORT_MOST:
                raise OverflowError(f"a port is at most {_PORT_MOST}")
            found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, address in dict.fromkeys((family, address) for family, *_, address in found):
                try:
                    door = socket.create_server(address[:2], family=family, backlog=BACKLOG)
                    # Taken over by every connection: the pieces of an answer do not wait for each other's
                    # acknowledgement, which takes the other side 40 ms.
                    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                except OSError as error:
                    if error.errno not in _NOT_HERE:
                        raise
                    missing = error
                else:
                    doors.append(opened.enter_context(door))
            if not doors and missing is not None:
                raise missing
        except (OSError, OverflowError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise CannotListen(f"{host}:{port}: cannot be listened on: {why}") from None
        opened.pop_all()
    return doors
