"""Sends one body over and over on some connections that stay open, each waiting for its answer.

The client shares the machine with the gateway, so it does next to nothing: the request is made once.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Acknowledged:
    """How long each acknowledged request took, and all of them together."""

    latencies_s: list[float] = field(default_factory=list)
    seconds: float = 0.0


def acknowledged(port: int, token: str, body: bytes, connections: int, seconds: float) -> Acknowledged:
    """Requests begun within ``seconds``; the very first is not counted.

    Where the gateway has too much waiting (503) it is sent again. Raises RuntimeError where rows are refused.
    """
    return asyncio.run(_sent(port, request_of(port, token, body), connections, seconds))


def request_of(port: int, token: str, body: bytes) -> bytes:
    """The whole request that brings a body of NDJSON."""
    head = (
        f"POST /v1/pings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _sent(port: int, request: bytes, connections: int, seconds: float) -> Acknowledged:
    found = Acknowledged()
    doors = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    await asked(*doors[0], request)  # so that nothing is compiled or imported while the clock runs
    begun = time.perf_counter()

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked_s = time.perf_counter()
            if await asked(reader, writer, request):
                found.latencies_s.append(time.perf_counter() - asked_s)
            if time.perf_counter() - begun >= seconds:
                return

    await asyncio.gather(*(ask(*door) for door in doors))
    found.seconds = time.perf_counter() - begun
    for _, writer in doors:
        writer.close()
        await writer.wait_closed()
    return found


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
    """Whether it was acknowledged; False where it may be sent again."""
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    answer = await reader.readexactly(length)
    status = int(head.split(" ", 2)[1])
    if status == 202 and answer.endswith(b'"rejected":[]}'):
        return True
    if status == 503:
        return False
    raise RuntimeError(f"the gateway answered {status}: {answer[:300]!r}")
