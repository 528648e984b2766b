"""Many clients that send rows at a steady rate, some of which must become alerts; and who sees these."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.ingest_client import asked, request_of
from benchmarks.nation import ZONE_LAT, ZONE_LON, Nation
from pipeline.host.clock import system_now_ms
from sinks.alert import instant_text
from sinks.sqlite import sqlite3

#: Every so many posts have a row more, of a device that is in a zone.
MARKED = 5
#: An instant as it stands in a body, before it is known.
_NOW = b"@" * len(instant_text(0))
#: The queue is looked at so often.
_LOOKED_S = 0.002

#: An alert that a row was sent for: its device, and the row's event time in ms.
Mark = tuple[str, int]


@dataclass(slots=True)
class Sent:
    """When marked rows were acknowledged, how long each request took, and what came to be durable."""

    answered_s: dict[Mark, float] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    rows: int = 0
    seconds: float = 0.0


class Fleet:
    """All devices of a nation at home, so many rows a body; each is sent again when all others have been."""

    def __init__(self, nation: Nation, body_rows: int) -> None:
        self.body_rows = body_rows
        self._people = nation.people
        rows = zip(nation.lon.round(6).tolist(), nation.lat.round(6).tolist(), strict=True)
        lines = [_line(person, lon, lat) for person, (lon, lat) in enumerate(rows)]
        parts = [lines[first : first + body_rows] for first in range(0, nation.people, body_rows)]
        # The last may be shorter, and is left out where there is another.
        self._bodies = [b"".join(part) for part in parts if len(part) == body_rows] or [b"".join(lines)]

    def body(self, number: int, mark: int | None) -> tuple[bytes, Mark | None]:
        """Body ``number`` as of now, and with the row of a device in the zone where there is a ``mark``."""
        body, now_ms = self._bodies[number % len(self._bodies)], system_now_ms()
        now = instant_text(now_ms).encode()
        if mark is None:
            return body.replace(_NOW, now), None
        person = mark % self._people
        return (body + _line(person, ZONE_LON, ZONE_LAT)).replace(_NOW, now), (f"D{person}", now_ms)


def _line(person: int, lon: float, lat: float) -> bytes:
    head = f'{{"device_id":"D{person}","event_time":"'.encode()
    return head + _NOW + f'","lon":{lon},"lat":{lat},"accuracy_m":10.0,"source":"gnss"}}\n'.encode()


@dataclass(slots=True)
class Clients:
    """Connections to a gateway; marks go on from one phase to the next."""

    port: int
    token: str
    connections: int
    marks: Iterator[int] = field(default_factory=count)

    def send(self, fleet: Fleet, posts_per_s: float, seconds: float) -> Sent:
        """Posts begun at a steady rate for so long; later where no connection is free."""
        return asyncio.run(self._send(fleet, posts_per_s, round(posts_per_s * seconds)))

    async def _send(self, fleet: Fleet, posts_per_s: float, posts: int) -> Sent:
        sent, numbers = Sent(), iter(range(posts))
        doors = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(self.connections)]
        begun_s = time.monotonic()

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for number in numbers:
                await asyncio.sleep(max(0.0, begun_s + number / posts_per_s - time.monotonic()))
                body, mark = fleet.body(number, next(self.marks) if number % MARKED == 0 else None)
                request, asked_s = request_of(self.port, self.token, body), time.monotonic()
                while not await asked(reader, writer, request):  # too much is waiting there
                    await asyncio.sleep(0.01)
                answered_s = time.monotonic()
                sent.latencies_s.append(answered_s - asked_s)
                sent.rows += fleet.body_rows
                if mark is not None:
                    sent.answered_s[mark] = answered_s

        await asyncio.gather(*(client(*door) for door in doors))
        sent.seconds = time.monotonic() - begun_s
        for _, writer in doors:
            writer.close()
            await writer.wait_closed()
        return sent


def watch_queue(pipe: Connection, queue: Path) -> None:
    """Answers ``("seen",)`` with when each alert of a zone was first seen in the queue, committed."""
    database = sqlite3.connect(f"file:{queue}?mode=ro", uri=True, isolation_level=None)
    seen: dict[Mark, float] = {}
    version, last = None, 0
    pipe.send("ready")
    while True:
        # One number tells that somebody has committed; only then anything is read.
        if (found := database.execute("PRAGMA data_version").fetchone()) != version:
            version = found
            rows = database.execute(
                "SELECT rowid, device_id, onset_ms FROM alert WHERE rowid > ? ORDER BY rowid", (last,)
            ).fetchall()
            now_s = time.monotonic()
            for _, device_id, onset_ms in rows:
                seen.setdefault((device_id, onset_ms), now_s)
            last = rows[-1][0] if rows else last
        if pipe.poll(_LOOKED_S):
            if pipe.recv()[0] == "end":
                return
            pipe.send(seen)
