"""Too little memory is told before anything fails of it."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest
from replay.command_line import fencewatch_words, surroundings

from fencewatch.faults import exit_codes
from fencewatch.memory import ADDRESSES_MIB, MEMORY_MIB, Room, memory_warning, require_memory, rooms

MIB = 1 << 20
WEEK_MS = 604_800_000


def of_group(directory: Path, most: str, current: int, files: int = 0, path: str = "/") -> list[Room]:
    """What limits a process in a control group."""
    proc, group = directory / "proc", directory / "cgroups"
    proc.mkdir()
    (group / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    (proc / "cgroup").write_text(f"1:name=systemd:/\n0::{path}\n")
    (group / path.lstrip("/") / "memory.max").write_text(f"{most}\n")
    (group / path.lstrip("/") / "memory.current").write_text(f"{current * MIB}\n")
    (group / path.lstrip("/") / "memory.stat").write_text(
        f"anon 1\ninactive_file {files * MIB}\nactive_file 0\n"
    )
    return rooms(proc, group)


@pytest.mark.parametrize(
    ("most", "current", "files", "left"),
    [
        (str(2048 * MIB), 100, 0, [1948]),
        (str(2048 * MIB), 2000, 1900, [1948]),  # files that were read can be given back
        (str(256 * MIB), 300, 0, [0]),
        ("max", 100, 0, []),
    ],
)
def test_what_a_control_group_leaves(
    tmp_path: Path, most: str, current: int, files: int, left: list[int]
) -> None:
    assert [room.mib for room in of_group(tmp_path, most, current, files)] == left


def test_a_group_below_the_top_and_none_at_all(tmp_path: Path) -> None:
    assert [room.mib for room in of_group(tmp_path, str(512 * MIB), 12, path="/a/b")] == [500]
    assert rooms(tmp_path / "nothing", tmp_path / "cgroups") == []


def test_less_than_a_beginning_takes_ends_in_a_line() -> None:
    require_memory([Room(MEMORY_MIB, "a limit", MEMORY_MIB)])
    with pytest.raises(SystemExit, match=r"100 MiB can be taken, by a limit; expected at least 384 MiB"):
        require_memory([Room(9_999, "another", 1), Room(100, "a limit", MEMORY_MIB)])


def test_a_fleet_that_needs_more_is_warned_of() -> None:
    room = [Room(1000, "the limit of addresses (ulimit -v)", ADDRESSES_MIB)]
    assert memory_warning(room, 100, WEEK_MS) is None
    said = memory_warning(room, 10_000, WEEK_MS)
    assert said is not None
    assert "10,000 devices" in said
    assert "1,000 MiB can be taken, by the limit of addresses" in said
    assert memory_warning(room, 10_000, 3_600_000) is None, "a shorter horizon helps"
    assert memory_warning([], 10**9, WEEK_MS) is None


@pytest.mark.parametrize("name", ["run", "serve", "replay"])
def test_a_command_below_its_need_says_so(tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        fencewatch_words(name, "--config", tmp_path / "none.toml"),
        env=surroundings(),
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 * MIB, 400 * MIB)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "by the limit of addresses (ulimit -v); expected at least 1024 MiB" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_memory_that_ends_later_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], is_wrapped: bool
) -> None:
    fault: Exception = MemoryError("Unable to allocate 7.28 TiB")
    if is_wrapped:  # as the runtime of the dataflow does
        wrapper = RuntimeError("a step failed")
        wrapper.__cause__, fault = fault, wrapper
    with pytest.raises(SystemExit) as ended, exit_codes():
        raise fault
    assert ended.value.code == 1
    assert capsys.readouterr().err == "there is not enough memory; what was durable before is kept\n"
