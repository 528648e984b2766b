"""Processes that the demonstration starts: begun again when they die, ended with it however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from pipeline.errors import PipelineError

#: A child that dies so soon after its start, so often in a row, is broken and not merely killed.
_SOON_S, _SOON_MOST = 5.0, 3
_ENDS_IN_S = 20.0


class ChildFailed(PipelineError):  # noqa: N818 - the name says what is the matter
    """A process cannot be kept running."""


class Child:
    """One `fencewatch` command as a process; what it says goes to a file."""

    def __init__(self, name: str, arguments: list[str], log: Path, door: socket.socket | None = None) -> None:
        """``door``: a socket that it listens on; connections wait there while it is begun again."""
        self.name = name
        self._command = [sys.executable, "-P", "-m", "fencewatch", *arguments, "--ends-with-stdin"]
        self._doors = []
        if door is not None:
            self._command += ["--socket-fd", str(door.fileno())]
            self._doors = [door.fileno()]
        self._log = log
        self._soon = 0
        self._start()

    def keep(self) -> None:
        """Begin it again where it has died. Raises ChildFailed where that is of no use."""
        code = self._process.poll()
        if code is None:
            return
        self._soon = self._soon + 1 if time.monotonic() - self._begun_s < _SOON_S else 0
        if code in (1, 2) or self._soon >= _SOON_MOST:
            raise ChildFailed(f"{self.name} ended with {code}; its last words:\n{self.last_words()}")
        self._start()

    def last_words(self, lines: int = 5) -> str:
        """The end of what it said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def end(self) -> None:
        """Let it drain and end; nothing where it has ended already."""
        self._process.terminate()
        try:
            self._process.wait(_ENDS_IN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            # Its own session: Ctrl-C is for us, and we end it. Should we be killed, its input ends.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self._doors,
            )
        self._begun_s = time.monotonic()


def end_with_stdin() -> None:
    """From now on the end of standard input is a SIGTERM: whoever started us is no more."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1 << 12):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stdin-watch", daemon=True).start()
