"""`fencewatch serve`: the gateway, the disposal API and the console."""

from __future__ import annotations

import signal
from typing import NoReturn

import uvicorn

from console.app import create_app
from fencewatch.config import Settings
from fencewatch.opened import opened_console


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted is durable by then."""
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them once more when it is done
        signal.signal(number, _leave)
    with opened_console(settings) as parts:
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


def _leave(*_: object) -> NoReturn:
    """A wished-for end is no failure."""
    raise SystemExit(0)
