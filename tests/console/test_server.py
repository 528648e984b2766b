"""A real server on loopback: many at once, streams that resume, and kill -9 between two requests."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import console_server
import httpx2
import pytest
from console_world import World, apply, console_world, violation
from fork_server import INSTEAD
from forked import PIPE, ForkedCommand
from replay.command_line import surroundings
from uvicorn import Config, Server

from console.app import create_app
from pipeline.host.clock import system_now_ms
from pipeline.log.journal.journal import Journal
from pipeline.log.record import PINGS
from pipeline.log.rows import RowDecoder
from pipeline.reading import Challenges, DeviceIds
from sinks.alert import instant_text

CLIENTS = 40
KILLS = 3


@dataclass(frozen=True, slots=True)
class Served:
    """A console that answers on loopback, in a thread of this process."""

    world: World
    url: str

    def client(self, who: str) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers=self.world.bearer(who), timeout=30, trust_env=False)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with console_world(tmp_path, now_ms=system_now_ms) as world:
        server = Server(Config(create_app(world.parts), port=0, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(world, f"http://127.0.0.1:{port}")
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "open streams keep no server from its end"


def test_of_forty_who_claim_at_once_one_wins(served: Served) -> None:
    (key,) = apply(served.world, violation(1))
    tokens = [
        served.world.parts.tokens.create("officer", office_id="O1", now_ms=0, name=f"officer {number}")
        for number in range(CLIENTS)
    ]
    at_once = threading.Barrier(CLIENTS)

    def claim(token: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=served.url, headers=headers, timeout=30, trust_env=False) as client:
            client.get("/healthz")
            at_once.wait()
            return client.post(f"/v1/alerts/{key}/claim")

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(claim, tokens))
    won = [number for number, said in enumerate(answers) if said.status_code == 200]
    assert len(won) == 1
    lost = [said for said in answers if said.status_code == 409]
    assert len(lost) == CLIENTS - 1
    assert {(said.json()["state"], said.json()["holder"]) for said in lost} == {
        ("claimed", f"officer {won[0]}")
    }


def told(lines: Iterator[str], events: int) -> list[tuple[str, int, dict[str, Any]]]:
    """The next events of a stream: name, id and data."""
    found = []
    event: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name in ("event", "id", "data"):
            event[name] = value
        if not line and event:
            found.append((event["event"], int(event["id"]), json.loads(event["data"])))
            event = {}
            if len(found) == events:
                return found
    raise AssertionError(f"the stream ended after {found}")


@contextmanager
def listening(served: Served, who: str, last: int | None = None) -> Iterator[Iterator[str]]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with (
        served.client(who) as client,
        client.stream("GET", "/v1/alerts/stream", headers=headers) as stream,
    ):
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        yield stream.iter_lines()


def test_a_stream_goes_on_where_it_was_cut_off(served: Served) -> None:
    apply(served.world, violation(1))
    with listening(served, "officer") as lines:
        assert told(lines, 1)[0][0] == "hello"
        second, third = apply(served.world, violation(2), violation(3))
        seen = told(lines, 1)
    with served.client("officer") as client:
        client.post(f"/v1/alerts/{third}/claim")
    apply(served.world, violation(4, person="P2", office="O2"))  # another office's
    with listening(served, "officer", last=seen[-1][1]) as lines:
        seen += told(lines, 3)[1:]
        (fourth,) = apply(served.world, violation(5))
        seen += told(lines, 1)
    assert [(name, data["alert_key"], data["kind"]) for name, _, data in seen] == [
        ("alert", second, "raised"),
        ("alert", third, "raised"),
        ("alert", third, "claimed"),
        ("alert", fourth, "raised"),
    ]
    assert [data["seq"] for _, _, data in seen] == [number for _, number, _ in seen] == [2, 3, 4, 6]


def test_a_stream_that_saw_another_queue_is_told_to_begin_anew(served: Served) -> None:
    apply(served.world, violation(1))
    with listening(served, "county", last=99) as lines:
        assert [(name, number) for name, number, _ in told(lines, 2)] == [("hello", 1), ("reset", 1)]
    with served.client("county") as client:
        said = client.get("/v1/alerts/stream", headers={"Last-Event-ID": "x"})
        assert said.status_code == 422
        assert client.get("/v1/alerts/stream", headers={"Authorization": ""}).status_code == 401


@contextmanager
def process(directory: Path, who: str) -> Iterator[tuple[ForkedCommand, httpx2.Client]]:
    environment = {**surroundings(), INSTEAD: console_server.__name__}
    with ForkedCommand(directory, environment=environment, stdout=PIPE) as server:
        assert server.stdout is not None
        try:
            said = json.loads(server.stdout.readline())
            headers = {"Authorization": f"Bearer {said['tokens'][who]}"}
            with httpx2.Client(base_url=said["url"], headers=headers, timeout=30, trust_env=False) as client:
                yield server, client
        finally:
            server.kill()


def test_every_acknowledged_row_is_in_the_log_after_kill_9(tmp_path: Path) -> None:
    sent_ms = system_now_ms() - 86_400_000
    acknowledged = sent = 0
    for kill in range(KILLS):
        with process(tmp_path, "operator") as (server, client):
            # Somewhere between two requests, or in the middle of one.
            threading.Timer(0.1 + 0.3 * kill, server.kill).start()
            with suppress(httpx2.TransportError):
                while True:
                    sent = acknowledged + 3
                    rows = [row_at(sent_ms + number) for number in range(acknowledged, sent)]
                    assert client.post("/v1/pings", json=rows).json() == {"accepted": 3, "rejected": []}
                    acknowledged = sent
    with Journal(tmp_path / "data" / "journal") as journal:
        records = [record for record in journal.reader().poll(1 << 20) if record.kind == PINGS]
    batch = RowDecoder(DeviceIds(("D1",)), Challenges()).batch(records)
    found = Counter(batch.rows.event_ms.tolist())
    assert acknowledged > 0
    assert found.keys() >= {sent_ms + number for number in range(acknowledged)}
    assert found.keys() <= {sent_ms + number for number in range(sent)}
    # A request that was cut off may have been written all the same, and was then sent again: once a kill.
    assert len(batch) <= acknowledged + 3 * KILLS
    assert (batch.rows.given_arrival_ms[1:] >= batch.rows.given_arrival_ms[:-1]).all()


def test_an_open_stream_keeps_no_server_from_its_end(tmp_path: Path) -> None:
    with (
        process(tmp_path, "officer") as (server, client),
        client.stream("GET", "/v1/alerts/stream") as stream,
    ):
        assert told(stream.iter_lines(), 1)[0][0] == "hello"
        server.terminate()
        server.wait(15)
    with Journal(tmp_path / "data" / "journal") as journal:
        assert journal.cut is None


def row_at(at_ms: int) -> dict[str, Any]:
    return {"device_id": "D1", "event_time": instant_text(at_ms), "lon": 106.5, "lat": 29.5}
