"""The console as a process of its own: ``console_server.py DIRECTORY`` prints its address and tokens."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import uvicorn
from console_world import console_world

from console.app import create_app
from pipeline.host.clock import system_now_ms


def main(directory: Path) -> None:
    """Serves until the end of the process."""
    with (
        console_world(directory, now_ms=system_now_ms) as world,
        socket.create_server(("127.0.0.1", 0)) as door,
    ):
        address = f"http://127.0.0.1:{door.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(create_app(world.parts), log_level="warning"))
        print(json.dumps({"url": address, "tokens": world.tokens}), flush=True)
        server.run([door])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
