"""One look at the queue for all who listen: everybody gets exactly theirs, in order, at their own pace."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from console_world import World, apply, console_world, violation
from uvicorn import Config, Server

from console.alert_feed import LOOK_EVERY_S, AlertFeed, Entry, Listener, _Box
from console.app import create_app
from pipeline.host.clock import system_now_ms
from sinks.disposal import DisposalQueue

LISTENERS = 200
#: Who listens, and the office whose alerts, with those below, they get.
OFFICES = {"officer": "O1", "county": "C1", "elsewhere": "O2", "prosecutor": "C1"}
PATIENCE_S = 60.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path, now_ms=system_now_ms) as world:
        yield world


class Looks:
    """How often a method of the queue was called."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self.count = 0
        real = getattr(DisposalQueue, name)

        def counted(*words: object, **named: object) -> object:
            self.count += 1
            before()
            found = real(*words, **named)
            after()
            return found

        monkeypatch.setattr(DisposalQueue, name, counted)


def told(world: World, numbers: range, office: str = "O1") -> None:
    """The engine raises alerts, one transaction each."""
    for number in numbers:
        apply(world, violation(number, office=office))


def seqs(world: World, office: str, after: int = 0) -> list[int]:
    """What an office is to get, as the queue itself says."""
    return [event.seq for event in world.parts.queue.watch(after, office=office, limit=100_000)]


async def one_by_one(batches: AsyncIterator[list[Entry]]) -> AsyncIterator[Entry]:
    async for batch in batches:
        for entry in batch:
            yield entry


async def next_of(entries: AsyncIterator[Entry], count: int) -> list[int]:
    """The numbers of the next entries."""
    async with asyncio.timeout(PATIENCE_S):
        return [(await anext(entries)).seq for _ in range(count)]


@asynccontextmanager
async def begun(feed: AlertFeed, world: World) -> AsyncIterator[tuple[Listener, int]]:
    """A listener and the queue's tail."""
    world.parts.queue.set_offices({"C1": None, "O1": "C1", "C2": None, "O2": "C2"})
    async with feed.listening("O1") as listener:
        yield listener, world.parts.queue.last_seq()


@pytest.mark.parametrize("after", [0, 3, 9], ids=["all", "some", "none"])
def test_nothing_is_lost_or_doubled_between_catching_up_and_live(
    world: World, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Alerts are raised at the worst moments: right behind each look, so that only the feed can tell of them,
    and right before a listener's own, when the feed has already told of them.
    """
    numbers = iter(range(100, 10_000))
    left = [12]

    def raise_one() -> None:
        if left[0] > 0:
            left[0] -= 1
            told(world, range(n := next(numbers), n + 1))

    def raise_one_and_be_told() -> None:
        raise_one()
        time.sleep(0.05)  # in a thread of its own; the feed looks on

    async def listen() -> list[int]:
        feed = AlertFeed(world.parts.queue, every_s=0.001)
        async with begun(feed, world) as (listener, tail):
            Looks(monkeypatch, "watch", before=raise_one_and_be_told, after=raise_one)
            Looks(monkeypatch, "watch_all", after=raise_one)
            found = await next_of(one_by_one(listener.batches(after, is_tail=after == tail)), 9 + 12 - after)
        monkeypatch.undo()
        return found

    told(world, range(1, 10))
    found = asyncio.run(listen())
    assert found == seqs(world, "O1", after)
    assert left == [0]


def test_who_is_too_slow_reads_from_the_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box for five overflows while its listener does something else; another gets everything at once."""
    reads = Looks(monkeypatch, "watch")

    async def listen() -> tuple[list[int], list[int]]:
        feed = AlertFeed(world.parts.queue, every_s=0.001, waiting_most=5)
        async with begun(feed, world) as (slow, tail), feed.listening("O1") as quick:
            slow_entries = one_by_one(slow.batches(tail, is_tail=True))
            quick_entries = one_by_one(quick.batches(tail, is_tail=True))
            got_slow = asyncio.create_task(next_of(slow_entries, 1))
            got_quick: list[int] = []
            for number in range(1, 31):
                await asyncio.to_thread(told, world, range(number, number + 1))
                got_quick += await next_of(quick_entries, 1)
            assert reads.count == 0
            caught_up = await got_slow + await next_of(slow_entries, 29)
            await asyncio.to_thread(told, world, range(31, 34))
            live = await next_of(slow_entries, 3)
            assert reads.count == 1, "once for all that was missed, and then it is told again"
            return caught_up + live, got_quick + await next_of(quick_entries, 3)

    got_slow, got_quick = asyncio.run(listen())
    assert got_slow == got_quick == seqs(world, "O1")


def test_nobody_looks_where_nobody_listens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch, "watch_all")

    async def listen() -> None:
        feed = AlertFeed(world.parts.queue, every_s=0.005)
        for _ in range(2):  # who comes again is told again
            async with begun(feed, world) as (listener, tail):
                await asyncio.to_thread(told, world, range(tail + 1, tail + 2))
                assert await next_of(one_by_one(listener.batches(tail, is_tail=True)), 1) == [tail + 1]
            await asyncio.sleep(0.1)
            before = looks.count
            await asyncio.sleep(0.1)
            assert looks.count == before

    asyncio.run(listen())


def test_a_queue_that_fails_for_a_while_costs_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, failures = DisposalQueue.watch_all, [5]

    def failing(queue: DisposalQueue, after: int, *, limit: int) -> object:
        if failures[0]:
            failures[0] -= 1
            raise OSError("no disk")
        return real(queue, after, limit=limit)

    async def listen() -> list[int]:
        feed = AlertFeed(world.parts.queue, every_s=0.001)
        async with begun(feed, world) as (listener, tail):
            monkeypatch.setattr(DisposalQueue, "watch_all", failing)
            await asyncio.to_thread(told, world, range(1, 4))
            return await next_of(one_by_one(listener.batches(tail, is_tail=True)), 3)

    assert asyncio.run(listen()) == [1, 2, 3]
    assert [record.message for record in caplog.records] == ["the queue cannot be read; listeners wait"]


@contextmanager
def served(world: World, **settings: int) -> Iterator[tuple[int, AlertFeed]]:
    """The port of a real server in a thread, and its feed; its end is awaited."""
    app = create_app(world.parts)
    app.state.feed = AlertFeed(world.parts.queue, **settings)
    server = Server(Config(app, port=0, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1], app.state.feed
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


class Client:
    """A connection that reads only when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def connected(cls, port: int, token: str, last: int | None = None) -> Client:
        door = socket.create_connection(("127.0.0.1", port))
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # who does not read is soon noticed
        reader, writer = await asyncio.open_connection(sock=door, limit=16_384)
        lines = ["GET /v1/alerts/stream HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
        lines += [] if last is None else [f"Last-Event-ID: {last}"]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        client = cls(reader, writer)
        await client.event()  # hello
        return client

    async def event(self) -> int:
        """The id of the next event."""
        name, number = b"", -1
        while True:
            line = (await self._reader.readline()).strip()
            field, _, value = line.partition(b": ")
            if field == b"event":
                name = value
            elif field == b"id":
                number = int(value)
            elif field == b"data" and name == b"alert":
                assert json.loads(value)["seq"] == number
            elif not line and number >= 0:
                return number

    async def events(self, count: int) -> list[int]:
        """The ids of the next events."""
        async with asyncio.timeout(PATIENCE_S):
            return [await self.event() for _ in range(count)]


def test_two_hundred_listeners_cost_no_more_looks_than_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four offices; a fifth of them resume. Each gets exactly its own, in order."""
    whos = [list(OFFICES)[n % len(OFFICES)] for n in range(LISTENERS)]
    lasts = [3 if n % 5 == 0 else None for n in range(LISTENERS)]

    async def listen(port: int) -> list[list[int]]:
        clients = [
            await Client.connected(port, world.tokens[who], last)
            for who, last in zip(whos, lasts, strict=True)
        ]
        await asyncio.to_thread(raise_all)
        wanted = [
            seqs(world, OFFICES[who], before if last is None else last)
            for who, last in zip(whos, lasts, strict=True)
        ]
        got = await asyncio.gather(
            *(client.events(len(seqs)) for client, seqs in zip(clients, wanted, strict=True))
        )
        for client in clients:
            client.writer.close()
        return [list(events) for events in got] if list(got) == wanted else []

    def raise_all() -> None:
        for number in range(10, 310):
            apply(world, violation(number, office="O1" if number % 3 else "O2"))

    told(world, range(1, 6))
    before = world.parts.queue.last_seq()
    looks, reads = Looks(monkeypatch, "watch_all"), Looks(monkeypatch, "watch")
    with served(world) as (port, feed):
        began = time.monotonic()
        got = asyncio.run(listen(port))
        seconds = time.monotonic() - began
        assert sum(map(len, got)) > LISTENERS * 100
        until(lambda: not feed._boxes)
    assert looks.count <= seconds / LOOK_EVERY_S + 1, "what one listener costs"
    catching_up = sum(last is not None for last in lasts)
    assert reads.count == catching_up + LISTENERS, "one for each who resumes; the test's own"


def test_who_never_reads_holds_up_nobody_and_keeps_little(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine megabytes go by somebody who does not read; then that one reads them all."""
    alerts = [violation(number) for number in range(1_500)]
    kept: list[int] = []

    def put(box: _Box, entry: Entry) -> None:
        real_put(box, entry)
        kept.append(len(box._waiting))

    async def listen(port: int) -> None:
        stuck, quick = [await Client.connected(port, world.tokens["officer"]) for _ in range(2)]
        for revision, letter in enumerate("ab", start=1):
            changed = [replace(alert, fence_id=letter * 3_000) for alert in alerts]
            await asyncio.to_thread(apply, world, *changed, revision=revision)
        assert await quick.events(3_000) == list(range(1, 3_001))
        assert await stuck.events(3_000) == list(range(1, 3_001)), "late, and complete"
        stuck.writer.close()
        quick.writer.close()

    real_put = _Box.put
    monkeypatch.setattr(_Box, "put", put)
    with served(world, waiting_most=100) as (port, feed):
        asyncio.run(listen(port))
        until(lambda: not feed._boxes)
    assert 0 < max(kept) <= 100


def until(true: Callable[[], bool]) -> None:
    """Wait for what comes soon."""
    ends_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends_s
        time.sleep(0.01)
