"""`fencewatch serve`: the gateway, the disposal API and the console."""

from __future__ import annotations

import signal
import socket
from threading import Thread
from typing import NoReturn

from console.app import create_app
from console.county_lines import county_lines
from console.parts import ConsoleParts
from fencewatch.config import Settings
from fencewatch.connection_limits import limits_here
from fencewatch.connections import Doorkeeper, GuardedServer
from fencewatch.listening import listening
from fencewatch.opened import opened_console
from pipeline.ingest.warming import compile_kernels
from pipeline.reading import DeviceIds
from pipeline.sites.rows import as_rows
from sinks.access import Identity


def serve(settings: Settings, socket_fd: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted is durable by then.

    ``socket_fd``: a socket that whoever started us listens on, in place of one of our own.
    """
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them once more when it is done
        signal.signal(number, _leave)
    with opened_console(settings) as parts:
        keeper = Doorkeeper(limits_here(settings.trusted_proxies, settings.connections))
        # Streams stay open as long as somebody listens; nobody waits for them at the end.
        server = GuardedServer(
            create_app(parts), keeper, log_level="warning", timeout_graceful_shutdown=2, lifespan="on"
        )
        for identity in strangers(parts):
            print(f"warning: the token of {identity.name} is for {_whose(identity)}, which the site lacks")
        if parts.log_writer is not None:  # rows are taken here
            compile_kernels(DeviceIds([]))
        handed = None if socket_fd is None else [socket.socket(fileno=socket_fd)]
        doors = handed or listening(settings.host, settings.port)
        # Reading all county lines takes seconds, for which the first page would wait in vain.
        Thread(target=county_lines, args=(parts.site.fences,), name="county lines", daemon=True).start()
        print(f"serving on http://{settings.host}:{settings.port}, {parts.clock_text}", flush=True)
        server.run(doors)


def strangers(parts: ConsoleParts) -> list[Identity]:
    """Tokens whose office or device the site lacks: they open nothing."""
    offices = {office.office_id for office in parts.site.offices}
    bindings = as_rows(parts.site.bindings, "device_id")
    return [
        identity
        for identity in parts.tokens.identities(now_ms=parts.real_now_ms())
        if (identity.office_id and identity.office_id not in offices)
        or (identity.device_id and not bindings.about(identity.device_id))
    ]


def _whose(identity: Identity) -> str:
    return f"office {identity.office_id}" if identity.office_id else f"device {identity.device_id}"


def _leave(*_: object) -> NoReturn:
    """A wished-for end is no failure."""
    raise SystemExit(0)
