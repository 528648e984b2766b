"""An open stream ends soon after its token counts no longer, and nobody else's does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from console_world import World, apply, console_world, violation
from uvicorn import Config, Server

from console.app import create_app
from console.token_watch import LOOK_EVERY_S
from pipeline.host.clock import system_now_ms

PATIENCE_S = 60.0


@dataclass(slots=True)
class RealTime:
    """Real time that a test may put forward."""

    ahead_ms: int = 0

    def now_ms(self) -> int:
        return system_now_ms() + self.ahead_ms


@dataclass(slots=True)
class Stream:
    """A stream read in a thread of its own."""

    lines: list[str] = field(default_factory=list)
    ended_s: float | None = None


@contextmanager
def served(world: World) -> Iterator[str]:
    server = Server(Config(create_app(world.parts), port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def reading(url: str, token: str) -> Stream:
    """Begin to read the stream of alerts; comes back once it is open."""
    stream = Stream()

    def follow() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with (
            suppress(httpx2.TransportError),  # the server's end, where the stream was still open
            httpx2.Client(trust_env=False, timeout=PATIENCE_S, headers=headers) as client,
            client.stream("GET", f"{url}/v1/alerts/stream") as said,
        ):
            for line in said.iter_lines():
                stream.lines.append(line)
        stream.ended_s = time.monotonic()

    threading.Thread(target=follow, daemon=True).start()
    until(lambda: "event: hello" in stream.lines)
    return stream


def until(true: Callable[[], bool]) -> None:
    """Wait for what comes soon."""
    ends_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends_s
        time.sleep(0.01)


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_stream_ends_when_its_token_does(tmp_path: Path, how: str) -> None:
    time_there = RealTime()
    with console_world(tmp_path, real_now_ms=time_there.now_ms) as world:
        tokens = world.parts.tokens
        expires_ms = system_now_ms() + 3_600_000
        token = tokens.create(
            "officer", office_id="O1", name="leaving", now_ms=system_now_ms(), expires_ms=expires_ms
        )
        with served(world) as url:
            leaving, staying = reading(url, token), reading(url, world.tokens["officer"])
            apply(world, violation(1))
            until(lambda: all("event: alert" in stream.lines for stream in (leaving, staying)))
            if how == "revoked":
                assert tokens.revoke("leaving", now_ms=system_now_ms())
            else:
                time_there.ahead_ms = 3_600_001
            began_s = time.monotonic()
            until(lambda: leaving.ended_s is not None)
            heard = len(leaving.lines)
            apply(world, violation(2))
            until(lambda: staying.lines.count("event: alert") == 2)
            assert (staying.ended_s, len(leaving.lines)) == (None, heard)
            # A second where the machine is idle; the test waits for the end itself, not for the second.
            assert (leaving.ended_s or 0) - began_s < 20 * LOOK_EVERY_S
            said = httpx2.get(f"{url}/v1/alerts", headers={"Authorization": f"Bearer {token}"})
            assert said.status_code == 401


def test_tokens_that_cannot_be_read_end_every_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with console_world(tmp_path) as world, served(world) as url:
        stream = reading(url, world.tokens["officer"])

        def broken(**_: object) -> None:
            raise OSError("gone")

        monkeypatch.setattr(world.parts.tokens.__class__, "identities", broken)
        until(lambda: stream.ended_s is not None)
