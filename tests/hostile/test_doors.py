"""The doors hold: nothing before the key, and nobody who dawdles, drips or floods stops anybody else."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from console_world import World, console_world, ping
from guarded_console import guarded, is_hung_up, until
from live_system import LiveSystem
from minimal_site import write_site
from replay.command_line import fencewatch_words, surroundings
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from console.app import create_app
from console.ingest_routes import PATHS
from fencewatch.connection_limits import limits_here
from pipeline.host.clock import system_now_ms

HUGE = 600 << 20


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path, now_ms=system_now_ms) as world:
        yield world


def routes(world: World) -> list[tuple[str, str]]:
    """Every route that may be sent a body, and some that are none."""
    paths = create_app(world.parts).openapi()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return [(method, path) for method, path in found if method != "GET"] + [("POST", path) for path in PATHS]


def status(said: str) -> int:
    return int(said.split()[1]) if said.startswith("HTTP/1.1 ") else 0


def test_without_a_key_no_body_is_waited_for(world: World) -> None:
    """The answer comes to the head alone, though it promises 600 MB."""
    with guarded(world) as console:
        asked = routes(world)
        assert len(asked) > 8
        for method, path in asked:
            for framing in (f"Content-Length: {HUGE}", "Transfer-Encoding: chunked"):
                said = console.said(f"{method} {path} HTTP/1.1\nHost: x\n{framing}")
                assert status(said) == 401, (method, path, framing, said)
        for path in ("/", "/healthz", "/nothing", "/openapi.json"):
            assert status(console.said(f"POST {path} HTTP/1.1\nHost: x\nContent-Length: {HUGE}")) in (
                404,
                405,
            )


def test_with_a_key_a_body_has_a_limit_on_every_route(world: World) -> None:
    with guarded(world) as console:
        for who, wanted in (("officer", lambda path: path not in PATHS), ("operator", PATHS.__contains__)):
            key = f"Authorization: Bearer {world.tokens[who]}"
            for method, path in filter(lambda route: wanted(route[1]), routes(world)):
                head = f"{method} {path} HTTP/1.1\nHost: x\n{key}"
                said = console.said(f"{head}\nContent-Length: {HUGE}")
                assert status(said) == 413, (method, path, said)
                said = console.said(f"{head}\nContent-Length: {'9' * 4000}")
                assert status(said) in (400, 413), (method, path, said)


def test_a_body_of_unknown_length_has_the_same_limit(world: World) -> None:
    """In pieces, by somebody who never says how much is to come."""
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with guarded(world) as console:
        key = f"Authorization: Bearer {world.tokens['officer']}"
        head = f"POST /v1/alerts/{'0' * 32}/verify HTTP/1.1\nHost: x\n{key}\nTransfer-Encoding: chunked\n\n"
        with console.connect(head.replace("\n", "\r\n").encode()) as door:
            for _ in range(17):
                door.sendall(piece)
            assert status(door.recv(1000).decode()) == 413


def test_two_lengths_at_once_are_refused(world: World) -> None:
    """What a proxy takes for a body would else be a request of its own here."""
    key = f"Authorization: Bearer {world.tokens['operator']}"
    hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    bodies = {
        "Content-Length: 5\nTransfer-Encoding: chunked": f"0\r\n\r\n{hidden}",
        "Transfer-Encoding: chunked\nContent-Length: 5": f"0\r\n\r\n{hidden}",
        "Content-Length: 5\nContent-Length: 6": "12345",
        "Content-Length: +5": "12345",
        "Transfer-Encoding: gzip, chunked": "0\r\n\r\n",
        "Transfer-Encoding: chunked\nTransfer-Encoding: identity": "0\r\n\r\n",
        "Content-Length : 5": "12345",
    }
    with guarded(world) as console:
        for path in ("/v1/pings", "/", "/v1/alerts"):
            for framing, body in bodies.items():
                said = console.said(f"POST {path} HTTP/1.1\nHost: x\n{key}\n{framing}", body.encode())
                assert status(said) in (400, 501), (path, framing, said)
                assert "alive" not in said


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"POST /v1/pings HTTP/1.1\r\n"]
)
def test_half_open_connections_stop_nobody(world: World, sent: bytes) -> None:
    with guarded(world, connections=8, per_address=8) as console, ExitStack() as opened:
        for _ in range(60):
            opened.enter_context(console.connect(sent))
            assert status(console.said("GET /healthz HTTP/1.1\nHost: x")) == 200
        assert len(console.keeper) <= 8


def test_idle_connections_give_way(world: World) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with guarded(world, connections=8, per_address=8) as console, ExitStack() as opened:
        for _ in range(30):
            door = opened.enter_context(console.connect(whole))
            assert door.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_head_must_come_in_time(world: World) -> None:
    """Drop by drop, at the beginning of a connection and behind a first request."""
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with guarded(world, head_s=0.3) as console:
        with console.connect() as silent, console.connect(b"GET / HT") as dripping:
            assert is_hung_up(silent)
            assert is_hung_up(dripping)
        with console.connect(whole) as later:
            assert later.recv(1000).startswith(b"HTTP/1.1 200")
            later.sendall(whole[:20])
            assert is_hung_up(later)
        until(lambda: not len(console.keeper))


def test_a_body_must_come_in_time(world: World) -> None:
    key = f"Authorization: Bearer {world.tokens['operator']}"
    head = f"POST /v1/pings HTTP/1.1\nHost: x\n{key}\nContent-Length: 1000\n\n".replace("\n", "\r\n").encode()
    with guarded(world, body_s=0.3) as console, console.connect(head) as door:
        with pytest.raises((ConnectionError, AssertionError)):  # noqa: PT012 - the connection ends at some drop
            for _ in range(600):
                door.sendall(b"[")
                time.sleep(0.05)
            raise AssertionError("thirty seconds of drops were put up with")  # pragma: no cover
        until(lambda: not len(console.keeper))


def test_what_is_sent_after_the_answer_is_not_read_for_ever(world: World) -> None:
    head = b"POST /v1/pings HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
    with guarded(world, linger_s=0.3) as console, console.connect(head) as door:
        assert door.recv(1000).startswith(b"HTTP/1.1 401")
        until(lambda: not len(console.keeper))


def test_each_address_has_its_share_and_a_trusted_one_all(world: World) -> None:
    key = f"Authorization: Bearer {world.tokens['officer']}".encode()
    stream = b"GET /v1/alerts/stream HTTP/1.1\r\nHost: x\r\n" + key + b"\r\n\r\n"
    for trusted, most in (((), 3), (("127.0.0.1",), 6)):
        with guarded(world, connections=6, per_address=3, trusted=trusted) as console, ExitStack() as opened:
            for _ in range(most):  # at work, and so nobody hangs up on them
                assert opened.enter_context(console.connect(stream)).recv(1000).startswith(b"HTTP/1.1 200")
            said = console.said("GET /healthz HTTP/1.1\nHost: x")
            assert (status(said), "Retry-After" in said) == (503, True)
            assert console.keeper.turned_away == 1


def test_an_address_is_believed_of_trusted_proxies_alone(world: World) -> None:
    """What a request says of where it came from is taken over only from whom the operator named."""
    seen = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.append(scope["client"][0])
            await PlainTextResponse("noted")(scope, receive, send)

    for trusted in ((), ("127.0.0.1",), ("192.0.2.1",)):
        with guarded(world, noting, trusted=trusted) as console:
            console.said("GET / HTTP/1.1\nHost: x\nX-Forwarded-For: 203.0.113.9")
    assert seen == ["127.0.0.1", "203.0.113.9", "127.0.0.1"]


def test_an_operator_may_want_fewer_connections() -> None:
    assert limits_here().connections > limits_here(connections=5).connections == 5


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """`serve` where 64 files may be open, its address and an operator's token."""
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site")
    system = LiveSystem(tmp_path / "home", tmp_path / "site", system_now_ms())
    process = subprocess.Popen(
        fencewatch_words("serve", "--config", tmp_path / "home" / "fencewatch.toml"),
        env=surroundings(),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )
    assert process.stdout is not None
    try:
        said = next(line for line in process.stdout if line.startswith("serving on"))
        yield process, said.split()[2].rstrip(","), system.operator
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_sixty_four_files_are_enough(narrow: tuple[subprocess.Popen[str], str, str]) -> None:
    """Twice as many connections, half open, and a body of 64 MB without a key, while others send rows."""
    process, url, token = narrow
    port = int(url.rpartition(":")[2])
    headers = {"Authorization": f"Bearer {token}"}
    used_s = cpu_s(process.pid)
    began_s = time.monotonic()
    with ExitStack() as opened:
        for number in range(150):
            door = opened.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            door.sendall(b"POST /v1/pings HTTP/1.1\r\n" if number % 2 else b"")
            if number % 50 == 49:
                row = ping(event_time=f"2026-01-01T00:00:00.{number:03d}Z")
                with httpx2.Client(trust_env=False, timeout=60, headers=headers) as client:
                    said = client.post(f"{url}/v1/pings", content=json.dumps([row]))
                    assert (said.status_code, said.json()["accepted"] + len(said.json()["rejected"])) == (
                        202,
                        1,
                    )
                    assert client.get(f"{url}/readyz").status_code in (200, 503)
        before = memory_kb(process.pid)
        head = b"POST /v1/alerts/x/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        door = opened.enter_context(socket.create_connection(("127.0.0.1", port), 60))
        door.sendall(head)
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            for _ in range(1024):
                door.sendall(piece)
        except OSError:
            pass  # hung up on, which is as well
        assert memory_kb(process.pid) - before < 32_000
        # With connections still half open nothing goes round and round.
        used_s, began_s = cpu_s(process.pid), time.monotonic()
        time.sleep(2)
        assert cpu_s(process.pid) - used_s < 0.5 * (time.monotonic() - began_s)
    assert process.poll() is None


def memory_kb(pid: int) -> int:
    """The most memory the process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100
