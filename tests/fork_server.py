"""A process that has imported all of fencewatch, and forks for each command that it is asked for.

What a command does is not changed by it: it is a process of its own, with its own files, directory and
environment, and can be killed. Only what every process works out alike is not worked out again: imports, the
command line's parsers, the compiler's tables, the borders of the country's counties.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

MESSAGE_MOST, FDS_MOST = 1 << 20, 16
#: What the commands import by themselves, each when it is called.
_PARTS = (
    "commands",
    "serving",
    "running",
    "replaying",
    "opened",
    "opened_registry",
    "queue_desk",
    "site_desk",
)
_FREE_FD = 300
#: In the environment of a command: a module of the tests to import before it begins.
FIRST = "FORKED_FIRST"
#: Likewise: a module of the tests whose ``main`` is given the arguments, instead of a command.
INSTEAD = "FORKED_INSTEAD"


@dataclass(frozen=True)
class Asked:
    """A command: its arguments, directory and environment, and files by the numbers they are to have."""

    arguments: list[str]
    cwd: str
    environment: dict[str, str]
    fds: dict[int, int]


def forked(door: socket.socket) -> Asked:
    """Forks for whoever connects, and tells each the process's id and how it ended.

    Only children return, with what they are to do. The server itself ends when its standard input does.
    """
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    children: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as looked_at:
        for source in (door, woken, sys.stdin):
            looked_at.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in looked_at.select():
                if key.fileobj is sys.stdin:
                    os._exit(0)
                elif key.fileobj is woken:
                    woken.recv(4096)
                    _report_ended(children)
                elif (asked := _answered(door, children)) is not None:
                    for mine in (door, woken, wakes, *children.values()):
                        mine.close()
                    return asked


def _answered(door: socket.socket, children: dict[int, socket.socket]) -> Asked | None:
    caller, _ = door.accept()
    message, fds, _, _ = socket.recv_fds(caller, MESSAGE_MOST, FDS_MOST)
    given: dict[str, Any] = json.loads(message)
    if given["arguments"][:1] == ["serve"]:
        _know_counties()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        numbers = dict(zip(given["numbers"], fds, strict=True))
        caller.close()
        return Asked(given["arguments"], given["cwd"], given["environment"], numbers)
    for fd in fds:
        os.close(fd)
    children[pid] = caller
    caller.send(str(pid).encode())
    return None


def _report_ended(children: dict[int, socket.socket]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        with children.pop(pid) as caller, suppress(OSError):  # whoever asked is gone
            caller.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(asked: Asked) -> None:
    """Takes over files, directory, environment and arguments."""
    # First out of the way of each other's numbers.
    moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, _FREE_FD) for number, fd in asked.fds.items()}
    for fd in asked.fds.values():
        os.close(fd)
    for number, fd in moved.items():
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(asked.cwd)
    os.environ.clear()
    os.environ.update(asked.environment)
    sys.argv = ["fencewatch", *asked.arguments]
    sys.path.insert(0, os.path.dirname(__file__))
    if INSTEAD in os.environ:
        import_module(os.environ[INSTEAD]).main(*asked.arguments)
        sys.exit()
    if FIRST in os.environ:
        import_module(os.environ[FIRST])
    sys.path.pop(0)


@cache
def _know_counties() -> None:
    """What the map of every server is drawn from: seconds, once."""
    from geofences.county import counties

    counties()


def _prepare() -> None:
    """What every command begins with."""
    import typer.main

    from fencewatch.commands import app
    from pipeline.reading.device_ids import DeviceIds

    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(app)
    DeviceIds(["any"])  # numba fills its tables at the first call of a kernel
    gc.collect()
    gc.freeze()  # a look for garbage would make each process copy all of this


def _main() -> None:
    door = socket.socket(fileno=int(sys.argv[1]))
    for part in _PARTS:
        import_module(f"fencewatch.{part}")
    _prepare()
    from fencewatch.cli import main

    become(forked(door))
    main()


if __name__ == "__main__":
    _main()
