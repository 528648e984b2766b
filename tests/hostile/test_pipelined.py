"""Requests that are sent before the one in front of them is answered: each in its turn, and not too many."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import console_world
from guarded_console import Guarded, guarded, is_hung_up, until
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from fencewatch import connections
from pipeline.host.clock import system_now_ms

GOOD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    home = tmp_path_factory.mktemp("console")
    with console_world(home, now_ms=system_now_ms) as world, guarded(world) as console:
        yield console


@pytest.fixture
def world_of_headers(tmp_path: Path) -> Iterator[tuple[Guarded, list[list[tuple[bytes, bytes]]]]]:
    """A console of nothing but answers, and the headers that came to it, once each request is whole."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        seen.append(list(scope["headers"]))
        await PlainTextResponse("noted")(scope, receive, send)

    with console_world(tmp_path, now_ms=system_now_ms) as world, guarded(world, noted) as console:
        yield console, seen


def statuses(console: Guarded, sent: bytes) -> list[int]:
    """Those of all answers, until the server hangs up."""
    answers = bytearray()
    with console.connect(sent) as door:
        while part := door.recv(65_536):
            answers += part
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


@pytest.mark.parametrize(
    ("sent", "expected", "why"),
    [
        (GOOD * 3 + LAST, [200] * 4, "in the order they came"),
        (b"nonsense\r\n\r\n", [400], "no request"),
        (GOOD + b"nonsense\r\n\r\n", [200], "what is answered first is what came first, and then nothing"),
        (GOOD * 2 + GOOD.replace(b"Host: x", b"Host : x"), [200, 200], "the same of a broken head"),
        (GOOD + b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, [200], "the same of a head without end"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, [400], "a head without end"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", [400], "as much in many pieces"),
        (
            GOOD + b"POST /v1/pings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            [200, 400],
            "a broken body is refused in its turn",
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", [400], "no known length"),
    ],
)
def test_each_in_its_turn(console: Guarded, sent: bytes, expected: list[int], why: str) -> None:
    assert statuses(console, sent) == expected, why


CHUNKED = b"POST /v1/pings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("piece", "why"),
    [
        (b"X-A: " + b"y" * 1_000 + b"\r\n", "trailers without end"),
        (b"", "one trailer without end"),
        (b"1;" + b"x" * 1_000, "an extension without end"),
    ],
)
def test_what_stands_around_a_body_has_a_limit(console: Guarded, piece: bytes, why: str) -> None:
    """Without a key; the refusal is given at once, and what is sent on is held by nobody."""
    begun = CHUNKED if piece.startswith(b"1;") else CHUNKED + b"0\r\n" + (piece or b"X-A: ")
    sent = 0
    with console.connect(begun) as door:
        try:
            while sent < 32 << 20:
                sent += len(more := (piece or b"y" * 1_000) * 50)
                door.sendall(more)
        except OSError:
            pass  # hung up on
    assert sent < 16 << 20, why


def test_a_trailer_is_no_header(world_of_headers: tuple[Guarded, list[list[tuple[bytes, bytes]]]]) -> None:
    console, seen = world_of_headers
    sent = CHUNKED + b"1\r\nx\r\n0\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n" + LAST
    assert statuses(console, sent) == [200, 200]
    assert [name for headers in seen for name, _ in headers if name == b"x-forwarded-for"] == []


def test_nobody_makes_us_hold_many_requests(console: Guarded) -> None:
    answered = statuses(console, GOOD * 5_000)
    assert 1 <= len(answered) < 200
    assert set(answered) == {200}


def test_a_request_for_another_protocol_is_answered_in_ours(console: Guarded) -> None:
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert statuses(console, asked) == [200]


def test_empty_lines_keep_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no request; a connection on which nothing else comes is closed as an idle one is."""
    monkeypatch.setattr(connections, "_KEEP_ALIVE_S", 1)
    with (
        console_world(tmp_path, now_ms=system_now_ms) as world,
        guarded(world) as console,
        console.connect(GOOD) as door,
    ):
        assert door.recv(65_536).startswith(b"HTTP/1.1 200 ")
        until(lambda: not sent_on(door))


def sent_on(door: socket.socket) -> bool:
    """Whether the other side still takes an empty line; waits a moment, as it would between two of them."""
    door.settimeout(0.15)
    try:
        door.sendall(b"\r\n")
    except OSError:
        return False
    return not is_hung_up(door)
