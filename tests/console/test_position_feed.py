"""Positions as changes: whoever adds them up has at every moment what asking for everything would say."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, violation
from minimal_site import WHOLE, write_site
from starlette.testclient import TestClient
from uvicorn import Config, Server

from console.app import create_app
from console.current_places import CurrentPlaces
from console.position_feed import Audience, PositionFeed
from console.site_directory import SiteDirectory
from geofences.instant import instant_ms
from pipeline.sites.load import load_site
from sinks.positions import Position, PositionStore

PATIENCE_S = 60.0
HOUR_MS = 60 * MINUTE_MS

OFFICES = "office_id,parent_id,name,level\nC1,,C,county\nO1,C1,A,judicial_office\nO2,C1,B,judicial_office\n"
#: P1 moves to another office, P2's supervision ends, P3's begins, P4 hands a device on to P5.
PEOPLE = """\
person_id,name,office_id,class,valid_from,valid_to
P1,One,O1,general,,2025-07-14T14:00:00+08:00
P1,One,O2,general,2025-07-14T14:00:00+08:00,
P2,Two,O1,general,,2025-07-14T15:00:00+08:00
P3,Three,O2,general,2025-07-14T16:00:00+08:00,
P4,Four,O1,general,,
P5,Five,O2,general,,
"""
DEVICES = """\
device_id,person_id,kind,valid_from,valid_to
D1,P1,phone,,
D2,P2,phone,,
D3,P3,phone,,
D4,P4,phone,,2025-07-14T17:00:00+08:00
D4,P5,phone,2025-07-14T17:00:00+08:00,
D5,P5,wristband,,
"""
BEARERS = {"D1": ["P1"], "D2": ["P2"], "D3": ["P3"], "D4": ["P4", "P5"], "D5": ["P5"]}


@pytest.fixture(scope="module")
def site_directory(tmp_path_factory: pytest.TempPathFactory) -> SiteDirectory:
    site = tmp_path_factory.mktemp("site")
    edits = (
        ("offices.csv", WHOLE, OFFICES),
        ("people.csv", WHOLE, PEOPLE),
        ("devices.csv", WHOLE, DEVICES),
    )
    write_site(site, *edits)
    return SiteDirectory(load_site(site))


@dataclass
class Viewer:
    """One who adds changes up."""

    offices: frozenset[str]
    tick: int | None = None
    known: dict[str, Position] = field(default_factory=dict)

    def look(self, places: CurrentPlaces) -> None:
        changes = places.since(self.tick, self.offices)
        if changes.is_all:
            self.known.clear()
        for position in changes.moved:
            before = self.known[position.device_id]
            assert before != position or self.tick != places.tick - 1, "what has not changed is not told"
            assert (before.person_id, before.office_id) == (position.person_id, position.office_id)
        for position in changes.new + changes.moved:
            self.known[position.device_id] = position
        for device in changes.gone:
            self.known.pop(device, None)  # it may have come and gone since the last look
        self.tick = places.tick


def seen_by(
    site_directory: SiteDirectory, rows: dict[str, Position], offices: frozenset[str], now_ms: int
) -> dict[str, Position]:
    """What asking for everything says."""
    found = {}
    for device, row in rows.items():
        bearer = site_directory.bearer(device, row.person_id, now_ms)
        if bearer is not None and {bearer.office_id, row.office_id} <= offices:
            found[device] = row
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("departures_most", [2, 1000], ids=["forgets soon", "remembers"])
def test_changes_add_up_to_what_is_there(
    site_directory: SiteDirectory, seed: int, departures_most: int
) -> None:
    """Random days: reports, rows taken out, hours that pass, people who come, go and change their office."""
    chance = random.Random(seed)
    places = CurrentPlaces(site_directory, departures_most=departures_most)
    sets = [site_directory.within("C1"), frozenset({"O1"}), frozenset({"O2"})]
    viewers = [Viewer(offices) for offices in sets for _ in range(2)]
    rows: dict[str, Position] = {}
    now_ms = instant_ms("2025-07-14T12:00:00+08:00")
    for _ in range(120):
        now_ms += chance.choice([0, MINUTE_MS, 20 * MINUTE_MS])
        news = {device: moved(chance, device, now_ms) for device in BEARERS if chance.random() < 0.3}
        rows |= news
        is_all = chance.random() < 0.2
        if is_all and rows and chance.random() < 0.5:
            del rows[chance.choice(sorted(rows))]
        places.update((rows if is_all else news).values(), now_ms, is_all=is_all)
        for viewer in viewers:
            if chance.random() < 0.4:  # each at a pace of their own
                viewer.look(places)
                assert viewer.known == seen_by(site_directory, rows, viewer.offices, now_ms)


def moved(chance: random.Random, device: str, at_ms: int) -> Position:
    person = chance.choice(BEARERS[device])
    office = chance.choice(["O1", "O2"])
    return Position(device, person, office, at_ms, at_ms, chance.choice([106.5, 106.6]), 29.5, None, "gnss")


def test_a_viewer_who_was_away_for_long_gets_everything(site_directory: SiteDirectory) -> None:
    places = CurrentPlaces(site_directory, departures_most=1)
    row = Position("D1", "P1", "O1", NOW_MS, NOW_MS, 106.5, 29.5, None, None)
    for rows in ([row], [], [row], []):
        places.update(rows, NOW_MS, is_all=True)
    changes_json = [places.since(tick, frozenset({"O1"})) for tick in (1, 2, 3)]
    assert [(one.is_all, one.gone) for one in changes_json] == [(True, []), (False, ["D1"]), (False, ["D1"])]
    assert places.since(99, frozenset({"O1"})).is_all, "a tick that never was"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path) as world:
        world.parts.positions.put([place("D1"), place("D2", person="P2", office="O2")])
        yield world


def place(device: str, step: int = 0, *, person: str = "P1", office: str = "O1") -> Position:
    at_ms = NOW_MS + step
    return Position(device, person, office, at_ms, at_ms, 106.5 + step / 1000, 29.5, 12.0, "gnss")


def test_one_look_and_one_writing_serve_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty viewers of one office and fifty of another: each step is written twice, not a hundred times."""
    written: list[object] = []

    async def watch(feed: PositionFeed, audience: Audience) -> list[bytes]:
        async with aclosing(feed.written(lambda: audience, None)) as pieces:
            first = (await anext(pieces)).plain
            ready.append(audience)
            return [first, (await anext(pieces)).plain]

    async def run() -> list[list[bytes]]:
        directory = SiteDirectory(world.parts.site)
        feed = PositionFeed(world.parts.positions, lambda: directory, lambda: NOW_MS, every_s=0.01)
        real = feed._write

        def counted(audience: Audience, tick: int | None) -> Any:
            written.append((audience, tick))
            return real(audience, tick)

        monkeypatch.setattr(feed, "_write", counted)
        audiences = [Audience(frozenset({office}), True) for office in ("O1", "O2")]
        tasks = [asyncio.create_task(watch(feed, audiences[n % 2])) for n in range(100)]
        while len(ready) < 100:
            await asyncio.sleep(0.01)
        steps = [place("D1", 1), place("D2", 1, person="P2", office="O2")]
        await asyncio.to_thread(world.parts.positions.put, steps)
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.gather(*tasks)

    ready: list[Audience] = []
    found = asyncio.run(run())
    assert len(written) == 4
    assert {text for text, _ in found[::2]} != {text for text, _ in found[1::2]}
    assert len({tuple(texts) for texts in found}) == 2


def test_a_store_that_cannot_be_read_for_a_while_costs_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, failures = PositionStore.since, [3]

    def failing(store: PositionStore, arrival_ms: int | None) -> list[Position]:
        if failures[0]:
            failures[0] -= 1
            raise OSError("no disk")
        return real(store, arrival_ms)

    async def run() -> bytes:
        directory = SiteDirectory(world.parts.site)
        feed = PositionFeed(world.parts.positions, lambda: directory, lambda: NOW_MS, every_s=0.01)
        async with aclosing(feed.written(lambda: Audience(frozenset({"O1"}), True), None)) as pieces:
            return (await anext(pieces)).plain

    monkeypatch.setattr(PositionStore, "since", failing)
    assert b'"device_id":"D1"' in asyncio.run(run())
    assert [record.message for record in caplog.records] == [
        "positions cannot be read; whoever looks at the map waits"
    ]


@contextmanager
def served(world: World) -> Iterator[int]:
    """The port of a real server whose feed looks a hundred times a second."""
    app = create_app(world.parts)
    app.state.position_feed._every_s = 0.01
    server = Server(Config(app, port=0, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


class Stream:
    """A viewer over HTTP: what came, by events."""

    def __init__(self, port: int, token: str, last: str | None = None, *, packed: bool = True) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        headers = {"Authorization": f"Bearer {token}"} | ({} if last is None else {"Last-Event-ID": last})
        headers |= {"Accept-Encoding": "gzip"} if packed else {}
        self._connection.request("GET", "/v1/positions/stream", headers=headers)
        self.answer = self._connection.getresponse()
        self._inflating = zlib.decompressobj(16 + zlib.MAX_WBITS) if packed else None
        self._text = ""
        self.bytes = 0

    def event(self) -> tuple[str, dict[str, Any]]:
        """The id and the content of the next event."""
        while True:
            while "\n\n" not in self._text:
                came = self.answer.read1(65_536)
                assert came, "the stream ended"
                self.bytes += len(came)
                self._text += (self._inflating.decompress(came) if self._inflating else came).decode()
            block, _, self._text = self._text.partition("\n\n")
            lines = dict(line.split(": ", 1) for line in block.split("\n"))
            if "data" in lines:
                assert lines["event"] == "positions"
                return lines["id"], json.loads(lines["data"])

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@pytest.mark.parametrize("packed", [True, False])
def test_a_stream_goes_on_where_it_was_cut_off(world: World, packed: bool) -> None:
    """Over a real connection: all, a move, a break with a move in it, then the rest; only of one's office."""
    with served(world) as port:
        stream = Stream(port, world.tokens["officer"], packed=packed)
        assert stream.answer.getheader("Content-Encoding") == ("gzip" if packed else None)
        _, first = stream.event()
        assert first["all"] is True
        (item,) = first["items"]
        assert (item["device_id"], item["person_name"], item["lon"]) == ("D1", "Person One", 106.5)
        world.parts.positions.put([place("D2", 1, person="P2", office="O2")])
        world.parts.positions.put([place("D1", 2)])
        cursor, second = stream.event()
        assert (second["all"], second["items"], second["gone"]) == (False, [], [])
        assert (second["moved"]["device_id"], second["moved"]["lon"]) == (["D1"], [106.502])
        stream.close()
        world.parts.positions.put([place("D1", 3)])
        for last, is_all in ((cursor, False), ("1234.5", True), ("?", True)):
            resumed = Stream(port, world.tokens["officer"], last, packed=packed)
            _, third = resumed.event()
            assert third["all"] is is_all, last
            changes_json = third["items"][0]["lon"] if is_all else third["moved"]["lon"][0]
            assert changes_json == 106.503, last
            resumed.close()


def test_what_does_not_change_sends_nothing(world: World) -> None:
    """Rows that are put again, and other offices' moves, are no events: the next one is the next move."""
    with served(world) as port:
        stream = Stream(port, world.tokens["officer"])
        stream.event()
        before = stream.bytes
        for step in range(1, 30):
            world.parts.positions.put([place("D1"), place("D2", step, person="P2", office="O2")])
            time.sleep(0.01)
        world.parts.positions.put([place("D1", 77)])
        _, changes_json = stream.event()
        assert changes_json["moved"]["lon"] == [106.577]
        assert stream.bytes - before < 500
        stream.close()


def test_a_prosecutor_sees_no_names(world: World) -> None:
    with served(world) as port:
        stream = Stream(port, world.tokens["prosecutor"])
        _, changes_json = stream.event()
        assert [item["person_name"] for item in changes_json["items"]] == [None]
        stream.close()


def test_the_stream_says_what_asking_for_everything_says(world: World) -> None:
    with served(world) as port:
        stream = Stream(port, world.tokens["county"])
        _, changes_json = stream.event()
        stream.close()
    with TestClient(create_app(world.parts)) as client:
        asked = client.get("/v1/positions", headers=world.bearer("county")).json()["items"]
    assert changes_json["items"] == [{k: v for k, v in item.items() if k != "age_s"} for item in asked]


@pytest.mark.parametrize("who", ["operator", "device"])
def test_who_may_see_nobody_gets_no_stream(world: World, who: str) -> None:
    with TestClient(create_app(world.parts)) as client:
        assert client.get("/v1/positions/stream", headers=world.bearer(who)).status_code == 403


def test_long_answers_are_compressed(world: World) -> None:
    apply(world, *[violation(number) for number in range(20)])
    with TestClient(create_app(world.parts), headers=world.bearer("officer")) as client:
        said = client.get("/v1/alerts")
        plain = client.get("/v1/alerts", headers={"Accept-Encoding": "identity"})
    assert said.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert said.json() == plain.json()
    assert 5 * int(said.headers["Content-Length"]) < int(plain.headers["Content-Length"])
