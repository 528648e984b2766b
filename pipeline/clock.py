"""What time it is: the only module that asks the machine, and the simulated clock of a demonstration."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pipeline.errors import InputError

#: A data directory with a file of this name lives by a simulated clock; every program on it follows that one.
FILE = "clock"


def system_now_ms() -> int:
    """Milliseconds since 1970 UTC by the machine's clock, cut towards the past; it may be set back."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """``now_ms`` says what time it is; ``speed`` how much faster than real time it is meant to go."""

    now_ms: Callable[[], int] = system_now_ms
    speed: float = 1.0
    is_simulated: bool = False


class SimulatedClock:
    """A clock in a file, set by one program and read by any number; it stands still between settings.

    The file is the time in ms (int64) and the speed meant (float64), of this machine's byte order. Each is
    one aligned word in shared memory, so nobody reads half of a setting.
    """

    def __init__(self, path: Path, *, settable: bool = False) -> None:
        """Opens a file that ``make`` has made. Raises InputError where it is no clock."""
        with path.open("r+b" if settable else "rb") as file:
            if path.stat().st_size != _CLOCK.itemsize:
                raise InputError(f"{path}: is no clock; expected a file of {_CLOCK.itemsize} bytes")
            access = mmap.ACCESS_WRITE if settable else mmap.ACCESS_READ
            shared = mmap.mmap(file.fileno(), _CLOCK.itemsize, access=access)
        self._word = np.frombuffer(shared, _CLOCK)

    @classmethod
    def make(cls, path: Path, now_ms: int, speed: float) -> Self:
        """A new clock that shows ``now_ms``."""
        path.write_bytes(np.array([(now_ms, speed)], _CLOCK).tobytes())
        return cls(path, settable=True)

    @property
    def speed(self) -> float:
        """How much faster than real time it is meant to go."""
        return float(self._word["speed"][0])

    def now_ms(self) -> int:
        """What it shows."""
        return int(self._word["now_ms"][0])

    def set(self, now_ms: int) -> None:
        """Show another time; never an earlier one."""
        assert now_ms >= self.now_ms(), "a clock does not go backwards"
        self._word["now_ms"][0] = now_ms


_CLOCK = np.dtype([("now_ms", np.int64), ("speed", np.float64)])


def clock_of(data: Path) -> Clock:
    """The clock that a data directory lives by: the machine's, unless a simulated one lies there."""
    path = data / FILE
    if not path.exists():
        return Clock()
    clock = SimulatedClock(path)
    return Clock(clock.now_ms, clock.speed, is_simulated=True)
