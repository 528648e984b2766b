"""`serve` and `run` as processes on a machine whose clock a test sets: theirs only, nobody else's."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import driven_wall
from fork_server import FIRST
from forked import ForkedCommand, run_forked
from live_system import LiveSystem, Process
from replay.command_line import surroundings


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
        return ForkedCommand(*words, environment=self._environment, stdout=subprocess.DEVNULL)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``fencewatch …`` on that clock and this data, to its end."""
        return run_forked(*words, "--data", self.data, environment=self._environment)

    @property
    def _environment(self) -> dict[str, str]:
        return {**surroundings(), FIRST: driven_wall.__name__, driven_wall.FILE: str(self._wall)}

    def set_wall(self, ahead_s: float) -> None:
        """From now on the machine's clock is so far ahead of the true time; at once, for every process."""
        scratch = os.open(self._wall, os.O_WRONLY | os.O_CREAT)
        os.pwrite(scratch, f"{round(ahead_s * 1000):<31}\n".encode(), 0)  # one write: nobody reads a half
        os.close(scratch)

    @staticmethod
    def true_ms() -> int:
        """What time it really is."""
        return time.time_ns() // 1_000_000
