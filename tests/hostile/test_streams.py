"""Streams: a bounded number for each token, and those that nobody reads slow nobody else down."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from console_world import World, apply, console_world, violation
from guarded_console import Guarded, guarded, until

from console.errors import TooManyStreams
from console.places import Places
from fencewatch.connection_limits import limits_here
from pipeline.host.clock import system_now_ms


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path, now_ms=system_now_ms, streams_per_token=3) as world:
        yield world


def listening(console: Guarded, token: str, opened: ExitStack) -> str:
    """Opens a stream that is never read any further; the first line of the answer."""
    head = f"GET /v1/alerts/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    door = opened.enter_context(console.connect(head.encode()))
    return door.recv(1000).decode().partition("\r\n")[0]


def test_a_token_has_so_many_streams_and_no_more(world: World) -> None:
    with guarded(world) as console, ExitStack() as opened:
        officer, county = world.tokens["officer"], world.tokens["county"]
        said = [listening(console, officer, opened) for _ in range(3)]
        assert said == ["HTTP/1.1 200 OK"] * 3
        refused = httpx2.get(f"{console.url}/v1/alerts/stream", headers=world.bearer("officer"))
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
        assert "3 streams open" in refused.json()["detail"]
        assert listening(console, county, opened) == "HTTP/1.1 200 OK"
        assert httpx2.get(f"{console.url}/v1/alerts", headers=world.bearer("officer")).status_code == 200
        opened.pop_all().close()
        # A place is free again once the server has noticed.
        again = ExitStack()
        until(lambda: listening(console, officer, again) == "HTTP/1.1 200 OK")
        again.close()


def test_streams_have_a_limit_in_all() -> None:
    places = Places(per_token=10, in_all=2)
    with places.taken("a"), places.taken("b"), pytest.raises(TooManyStreams, match="2 streams") as refused:
        places.check("c")
    assert refused.value.status == 503
    places.check("c")


@pytest.mark.parametrize("listeners", [150, pytest.param(1000, marks=pytest.mark.soak)])
def test_listeners_who_never_read_slow_nobody(tmp_path: Path, listeners: int) -> None:
    limits_here()  # as many files as there may be
    with (
        console_world(tmp_path, now_ms=system_now_ms, streams_per_token=2000) as world,
        guarded(world, connections=3000, per_address=3000) as console,
        ExitStack() as opened,
        httpx2.Client(
            base_url=console.url, headers=world.bearer("officer"), trust_env=False, timeout=60
        ) as client,
    ):
        alone = steps_s(world, client, range(1, 30))
        for _ in range(listeners):
            assert listening(console, world.tokens["officer"], opened) == "HTTP/1.1 200 OK"
        among = steps_s(world, client, range(31, 90))
        print(f"alone {statistics.median(alone):.3f} s, among {listeners}: {statistics.median(among):.3f} s, "
              f"longest {max(among):.3f} s")  # fmt: skip
        assert statistics.median(among) < 0.25 + 5 * statistics.median(alone)
        assert max(among) < 2.0 + 5 * max(alone)


def steps_s(world: World, client: httpx2.Client, numbers: range) -> list[float]:
    """How long each claim of a new alert takes, in seconds; every claim is told to all listeners."""
    keys = [apply(world, violation(number))[0] for number in numbers]
    found = []
    for key in keys:
        begun = time.perf_counter()
        assert client.post(f"/v1/alerts/{key}/claim").status_code == 200
        found.append(time.perf_counter() - begun)
    return found
