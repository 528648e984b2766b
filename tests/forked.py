"""Commands of fencewatch as processes that need not import everything first; see ``fork_server``."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from fork_server import MESSAGE_MOST
from replay.command_line import surroundings

PIPE = subprocess.PIPE
_SERVER = Path(__file__).with_name("fork_server.py")


class ForkedCommand:
    """``fencewatch …`` in a process of its own, with as much of ``subprocess.Popen`` as tests need."""

    def __init__(
        self,
        *words: str | float | Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> None:
        """``stdout`` and ``stderr``: a file, None for ours, or PIPE for one to read from."""
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self.returncode: int | None = None
        ours: list[int] = []
        fds = [os.open(os.devnull, os.O_RDONLY), -1, -1]
        ours.append(fds[0])
        for number, (name, given) in enumerate((("stdout", stdout), ("stderr", stderr)), 1):
            if given == PIPE:
                reading, fds[number] = os.pipe()
                ours.append(fds[number])
                setattr(self, name, os.fdopen(reading, encoding="utf-8"))
            elif given == subprocess.DEVNULL:
                fds[number] = os.open(os.devnull, os.O_WRONLY)
                ours.append(fds[number])
            else:
                fds[number] = number if given is None else given if isinstance(given, int) else given.fileno()
        asked = {
            "arguments": [str(word) for word in words],
            "cwd": str(cwd or Path.cwd()),
            "environment": dict(environment or surroundings()),
            "numbers": [0, 1, 2],
        }
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.connect(_address())
        socket.send_fds(self._line, [json.dumps(asked).encode()], fds)
        for fd in ours:
            os.close(fd)
        self.pid = int(self._line.recv(MESSAGE_MOST))

    def poll(self) -> int | None:
        """How it ended, as Popen says it; None while it runs."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended. Raises TimeoutExpired."""
        found = self._ended(timeout)
        if found is None:
            raise subprocess.TimeoutExpired("fencewatch", timeout or 0.0)
        return found

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> ForkedCommand:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        self.wait()

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and _is_readable(self._line, timeout):
            said = self._line.recv(MESSAGE_MOST)
            assert said, "the fork server is gone"
            self.returncode = int(said)
            self._line.close()
        return self.returncode


def run_forked(
    *words: str | float | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 240.0,
) -> subprocess.CompletedProcess[str]:
    """A command to its end, with what it printed."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = ForkedCommand(*words, cwd=cwd, environment=environment, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read())
        return subprocess.CompletedProcess(list(map(str, words)), code, *said)


def _is_readable(line: socket.socket, timeout: float | None) -> bool:
    # Not select(): a test that holds thousands of connections has numbers past the 1,024 that it can look at.
    looked_at = select.poll()
    looked_at.register(line, select.POLLIN)
    return bool(looked_at.poll(None if timeout is None else timeout * 1_000))


@cache
def _address() -> str:
    """Where the server of these tests listens; it is started with the first command."""
    home = Path(tempfile.mkdtemp(prefix="fork-server-"))
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.bind(str(home / "door"))
    door.listen(64)
    words = [sys.executable, "-P", str(_SERVER), str(door.fileno())]
    server = subprocess.Popen(
        words, env=surroundings(), stdin=PIPE, pass_fds=[door.fileno()], cwd=tempfile.gettempdir()
    )
    door.close()

    def end() -> None:
        server.kill()
        server.wait()
        if server.stdin is not None:
            server.stdin.close()
        (home / "door").unlink()
        home.rmdir()

    atexit.register(end)
    return str(home / "door")
