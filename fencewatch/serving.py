"""`fencewatch serve`: the gateway, the disposal API and the console."""

from __future__ import annotations

import time
from collections.abc import Callable

import uvicorn

from console.app import create_app
from fencewatch.config import Settings
from fencewatch.opened import opened_console
from geofences.instant import instant_ms
from pipeline.clock import system_now_ms


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted is durable by then."""
    now_ms, speed = clock(settings)
    with opened_console(settings, now_ms, speed) as parts:
        # Streams stay open as long as somebody listens; nobody waits for them at the end.
        config = uvicorn.Config(
            create_app(parts),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=2,
            lifespan="on",
        )
        print(f"serving on http://{settings.host}:{settings.port}, {parts.clock_text}", flush=True)
        uvicorn.Server(config).run()


def clock(settings: Settings) -> tuple[Callable[[], int], float]:
    """The clock of the settings and how much faster than real time it runs."""
    if settings.clock_start is None:
        return system_now_ms, 1.0
    start_ms, begun_s, speed = instant_ms(settings.clock_start), time.monotonic(), settings.clock_speed
    return lambda: start_ms + int((time.monotonic() - begun_s) * 1000 * speed), speed
