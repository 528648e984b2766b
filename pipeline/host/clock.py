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
from pipeline.host.clock_reports import ClockReports, FollowedClock, read_doubt
from pipeline.host.steady_clock import Doubt, SteadyClock

#: A data directory with a file of this name lives by a simulated clock; every program on it follows that one.
FILE = "clock"


def system_now_ms() -> int:
    """Milliseconds since 1970 UTC by the machine's clock, cut towards the past; it may be set back."""
    return time.time_ns() // 1_000_000


def elapsed_ms() -> int:
    """Milliseconds since the machine was started; nobody can set them.

    Where the system knows it, the time in which it was suspended counts.
    """
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


def boot_name() -> str:
    """Names this start of the machine, where the system does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "unknown"


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
    """The clock that a data directory lives by, for all who do not write its log.

    A simulated one where that lies there; else the machine's, but for jumps that the log's writer doubts.
    """
    path = data / FILE
    if not path.exists():
        return Clock(FollowedClock(data, boot_name(), system_now_ms, elapsed_ms).now_ms)
    clock = SimulatedClock(path)
    return Clock(clock.now_ms, clock.speed, is_simulated=True)


def steady_clock_of(data: Path, last_ms: int, hold_ms: int, believe_ms: int) -> SteadyClock | None:
    """The clock of the one who writes the log; None where a simulated one lies there, which may run fast.

    ``last_ms`` is the log's last mark, BEGIN_MS where it has none.
    """
    if (data / FILE).exists():
        return None
    reports = ClockReports(data, boot_name())
    return SteadyClock(
        system_now_ms, elapsed_ms, reports, last_ms=last_ms, hold_ms=hold_ms, believe_ms=believe_ms
    )


def doubt_of(data: Path) -> Doubt | None:
    """The jump of the machine's clock that the log's writer does not believe; None where there is none."""
    return read_doubt(data, boot_name())
