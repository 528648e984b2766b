"""The console as a forked process (``fork_server``) over a directory; it prints its address and tokens."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import uvicorn
from console_world import console_world

from console.app import create_app
from pipeline.host.clock import system_now_ms


def main(directory: str) -> None:
    """Serves until the end of the process."""
    with (
        console_world(Path(directory), now_ms=system_now_ms) as world,
        socket.create_server(("127.0.0.1", 0)) as door,
    ):
        address = f"http://127.0.0.1:{door.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(create_app(world.parts), log_level="warning"))
        print(json.dumps({"url": address, "tokens": world.tokens}), flush=True)
        server.run([door])
