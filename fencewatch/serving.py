"""`fencewatch serve`: the gateway, the disposal API and the console."""

from __future__ import annotations

import uvicorn

from console.app import create_app
from fencewatch.config import Settings
from fencewatch.opened import opened_console


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted is durable by then."""
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
