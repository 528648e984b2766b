"""`serve` and `run` as processes on a machine whose clock a test sets: theirs only, nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from live_system import LiveSystem, Process
from replay.command_line import surroundings

#: Runs `fencewatch` with the wall clock of this machine set by so many milliseconds as a file says.
_PROGRAM = """\
import os, sys, time
import pipeline.host.clock
handle = os.open(sys.argv.pop(1), os.O_RDONLY)
class Driven:
    def __getattr__(self, name):
        return getattr(time, name)
    def time_ns(self):
        return time.time_ns() + int(os.pread(handle, 32, 0)) * 1_000_000
pipeline.host.clock.time = Driven()
from fencewatch.cli import main
main()
"""


class DrivenSystem(LiveSystem):
    """A system in real time; ``set_wall`` moves the machine's clock under its feet."""

    def __init__(self, home: Path, site: Path, more: str = "") -> None:
        super().__init__(home, site, 0, more=more)
        (self.data / "clock").unlink()
        self._wall = home / "wall"
        self.set_wall(0)

    def __enter__(self) -> DrivenSystem:
        return self

    def begun(self, *words: str | Path) -> Process:
        return subprocess.Popen(self._called(words), env=surroundings(), stdout=subprocess.DEVNULL, text=True)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``fencewatch …`` on that clock and this data, to its end."""
        called = self._called((*words, "--data", self.data))
        return subprocess.run(called, env=surroundings(), capture_output=True, text=True, timeout=240)

    def _called(self, words: Sequence[str | Path]) -> list[str]:
        return [sys.executable, "-P", "-c", _PROGRAM, str(self._wall), *map(str, words)]

    def set_wall(self, ahead_s: float) -> None:
        """From now on the machine's clock is so far ahead of the true time; at once, for every process."""
        scratch = os.open(self._wall, os.O_WRONLY | os.O_CREAT)
        os.pwrite(scratch, f"{round(ahead_s * 1000):<31}\n".encode(), 0)  # one write: nobody reads a half
        os.close(scratch)

    @staticmethod
    def true_ms() -> int:
        """What time it really is."""
        return time.time_ns() // 1_000_000
