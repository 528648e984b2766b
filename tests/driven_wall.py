"""The wall clock of a forked command, ahead of this machine's by so many milliseconds as a file says.

Imported by the command before it begins (``fork_server``), which is told by its environment:

    DRIVEN_WALL=FILE      the milliseconds are read there each time
"""

from __future__ import annotations

import os
import time
from typing import Any

import pipeline.host.clock

#: In the environment of a command: the file.
FILE = "DRIVEN_WALL"


class _Driven:
    def __init__(self, file: str) -> None:
        self._handle = os.open(file, os.O_RDONLY)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return time.time_ns() + int(os.pread(self._handle, 32, 0)) * 1_000_000


if FILE in os.environ:
    setattr(pipeline.host.clock, "time", _Driven(os.environ[FILE]))  # noqa: B010
