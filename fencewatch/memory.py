"""Whether there is memory enough to begin: told in a line, before libraries fail of it in their own ways."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

#: What the engine takes before the first row, measured on two cores and rounded up: of addresses, of memory.
ADDRESSES_MIB, MEMORY_MIB = 1024, 384
#: Fixes of the backfill horizon are held in memory, so many bytes each; a phone makes one in so many seconds.
_BYTES_PER_FIX, _SECONDS_PER_FIX = 160, 300
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Room:
    """How much may still be taken of something that is limited, and by what."""

    mib: int
    limited_by: str
    least_mib: int


def rooms(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> list[Room]:
    """What limits this process; without a limit nothing."""
    found = []
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    if addresses != resource.RLIM_INFINITY:
        pages = int((proc / "statm").read_text().split()[0])
        left = addresses - pages * os.sysconf("SC_PAGE_SIZE")
        found.append(Room(max(0, left) // _MIB, "the limit of addresses (ulimit -v)", ADDRESSES_MIB))
    if (memory := _of_control_group(proc, cgroups)) is not None:
        found.append(Room(memory // _MIB, "the control group's memory.max", MEMORY_MIB))
    return found


def require_memory(found: list[Room]) -> None:
    """Exits with status 1 where not even a beginning can be made."""
    for room in found:
        if room.mib < room.least_mib:
            sys.exit(
                f"fencewatch: {room.mib} MiB can be taken, by {room.limited_by}; expected at least "
                f"{room.least_mib} MiB, and more for many devices"
            )


def memory_warning(found: list[Room], devices: int, horizon_ms: int) -> str | None:
    """What to say where a fleet that reports as phones do would need more than there is."""
    need_mib = MEMORY_MIB + devices * (horizon_ms // 1000 // _SECONDS_PER_FIX) * _BYTES_PER_FIX // _MIB
    short = [room for room in found if room.mib < need_mib]
    if not short:
        return None
    least = min(short, key=lambda room: room.mib)
    return (
        f"warning: {devices:,} devices that report every {_SECONDS_PER_FIX // 60} minutes take about "
        f"{need_mib:,} MiB over the backfill horizon, and {least.mib:,} MiB can be taken, by "
        f"{least.limited_by}; expected more memory, or a shorter backfill_horizon_s"
    )


def _of_control_group(proc: Path, cgroups: Path) -> int | None:
    """The bytes that the group of this process may still take; None where it has no limit."""
    try:
        line = next(line for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::"))
        group = cgroups / line.removeprefix("0::").lstrip("/")
        if not (group / "memory.max").exists():
            group = cgroups  # within a container the path is that of outside
        most = (group / "memory.max").read_text().strip()
        taken = _unreclaimable(group)
    except (OSError, StopIteration, ValueError):
        return None
    return None if most == "max" else max(0, int(most) - taken)


def _unreclaimable(group: Path) -> int:
    """What the group holds and cannot give back: files that are read again do not count."""
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    held = int((group / "memory.current").read_text())
    return max(0, held - int(stat.get("inactive_file", 0)) - int(stat.get("active_file", 0)))
