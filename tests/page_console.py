"""A console on a port of this machine with a few alerts of every kind, for the page to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, violation

from console.app import create_app
from console.county_lines import county_lines
from console.gazetteer import Gazetteer
from pipeline.sites.named_places import NamedPlace
from sinks.alert import Alert, EvidenceFix, alert_key
from sinks.disposal import AlertChange
from sinks.positions import Position

SPEED = 60.0
_START_S = 10.0


@dataclass(frozen=True, slots=True)
class PageConsole:
    """Where the page is and who may enter; ``second`` is somebody else who works on the same alerts.

    ``clear`` lets the engine say that the cause of an alert has ended, ``world`` holds the parts behind it
    (None: the console is not ours).
    """

    url: str
    token: str
    second: str
    clear: Callable[[str], None] | None = None
    world: World | None = None


@contextmanager
def page_console(directory: Path, *, is_moving: bool = True, **more: Any) -> Iterator[PageConsole]:
    """The console over real parts; it ends with the block. People walk about, or nobody does."""
    began = time.monotonic()

    def now_ms() -> int:
        return NOW_MS + int((time.monotonic() - began) * 1000 * SPEED)

    settings: dict[str, Any] = {"speed": SPEED, "is_simulated": True, "lease_ms": 8 * 60 * MINUTE_MS}
    settings["gazetteer"] = Gazetteer([NamedPlace("渡口村", 106.53, 29.5)])
    with console_world(directory, now_ms, **settings, **more) as world:
        _fill(world)
        county_lines(world.parts.site.fences)  # read once; a busy machine takes longer than the page waits
        with served(world) as url, _moving(world, now_ms) if is_moving else nullcontext():
            clear = partial(_clear, world)
            yield PageConsole(url, world.tokens["officer"], world.tokens["county"], clear, world)


def _clear(world: World, alert_key: str) -> None:
    item = world.parts.queue.alert(alert_key, now_ms=NOW_MS)
    cleared = replace(item.alert, cleared_ms=item.alert.raised_ms + MINUTE_MS)
    world.parts.queue.apply([AlertChange(cleared, item.revision + 1, NOW_MS)])


@contextmanager
def served(world: World) -> Iterator[str]:
    """The console of a world on a port of this machine; its address."""
    # Streams stay open as long as somebody listens; nobody waits for them at the end.
    settings = uvicorn.Config(
        create_app(world.parts), port=0, log_level="warning", timeout_graceful_shutdown=1, lifespan="on"
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started, "the console did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(_START_S)


@contextmanager
def _moving(world: World, now_ms: Callable[[], int]) -> Iterator[None]:
    """Two people walk about, or the page would rightly say that its data are old."""
    ended = threading.Event()

    def move() -> None:
        step = 0
        while not ended.wait(1.0):
            step += 1
            there = (("D1", 106.512 + step / 5_000, 29.531), ("D2", 106.55, 29.56 + step / 5_000))
            world.parts.positions.put([_position(device, lon, lat, now_ms()) for device, lon, lat in there])

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _fill(world: World) -> None:
    crossings = [_crossing(number) for number in (10, 20, 30, 40)]
    apply(world, *crossings, _silence(), _missed(), replace(violation(50), severity=1))


def _crossing(number: int) -> Alert:
    """Three fixes ever farther out, as a run has them."""
    onset_ms = NOW_MS - number * MINUTE_MS
    far = ((0, 120.0), (60_000, 640.0), (130_000, 1_180.0))
    fixes = tuple(
        EvidenceFix(onset_ms + ms, 106.5 + metres / 96_500, 29.5, 12.0, metres, "out") for ms, metres in far
    )
    last = fixes[-1]
    raised = violation(number, raised_ms=onset_ms + far[-1][0], evidence=fixes)
    return replace(raised, lon=last.lon, lat=last.lat, distance_m=last.distance_m)


def _silence() -> Alert:
    onset_ms = NOW_MS - 90 * MINUTE_MS
    key = alert_key("silent_device", "D1", "", onset_ms, False)
    return _placeless("silent_device", key, onset_ms, 60 * MINUTE_MS, severity=4)


def _missed() -> Alert:
    onset_ms = NOW_MS - 300 * MINUTE_MS
    key = alert_key("missed_confirmation", "P1", "", onset_ms, False)
    return replace(
        _placeless("missed_confirmation", key, onset_ms, 130 * MINUTE_MS, severity=3), device_id=None
    )


def _placeless(kind: str, key: str, onset_ms: int, after_ms: int, severity: int) -> Alert:
    alert = violation(0, alert_key=key, kind=kind, severity=severity, onset_ms=onset_ms)
    nowhere = replace(alert, group=None, fence_id=None, lon=None, lat=None, distance_m=None, evidence=())
    return replace(nowhere, raised_ms=onset_ms + after_ms)


def _position(device: str, lon: float, lat: float, at_ms: int) -> Position:
    return Position(device, device.replace("D", "P"), "O1", at_ms, at_ms, lon, lat, 12.0, "gnss")
