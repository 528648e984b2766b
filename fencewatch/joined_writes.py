"""A transport that sends what is written in one turn of the loop by one call: an answer's head and body."""

from __future__ import annotations

import asyncio
from typing import Any

#: As much is sent at once, so that whoever writes learns soon enough that nobody reads.
_WAITING_BYTES_MOST = 16_384


class JoinedWrites:
    """A transport before another one, whose everything else it is.

    A system call for each piece costs us as much as a small answer does, and wakes the other side for a head
    whose body is still to come.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        """Sent at the end of this turn of the loop, or at once where it is much."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting += data
        if len(self._waiting) >= _WAITING_BYTES_MOST:
            self.flush()

    def flush(self) -> None:
        """Hands over what waits."""
        if self._waiting:
            waiting, self._waiting = bytes(self._waiting), bytearray()
            self._transport.write(waiting)

    def close(self) -> None:
        """What was written is still sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Nothing more is sent."""
        self._waiting.clear()
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
