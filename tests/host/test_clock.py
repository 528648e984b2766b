"""The simulated clock: one program sets it, others follow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.host.clock import FILE, SimulatedClock, clock_of, system_now_ms


def test_a_directory_without_a_clock_lives_by_the_machines(tmp_path: Path) -> None:
    clock = clock_of(tmp_path)
    assert (clock.speed, clock.is_simulated) == (1.0, False)
    before_ms = system_now_ms()
    assert before_ms <= clock.now_ms() + 1
    assert clock.now_ms() <= system_now_ms() + 1


def test_another_process_follows_each_setting(tmp_path: Path) -> None:
    clock = SimulatedClock.make(tmp_path / FILE, 1_000, 600.0)
    program = (
        "import sys; from pathlib import Path; from pipeline.host.clock import clock_of\n"
        "clock = clock_of(Path(sys.argv[1]))\n"
        "for _ in sys.stdin: print(clock.now_ms(), clock.speed, flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdin is not None
        assert follower.stdout is not None
        for now_ms in (1_000, 61_000, 1_752_444_000_123):
            clock.set(now_ms)
            follower.stdin.write("?\n")
            follower.stdin.flush()
            assert follower.stdout.readline() == f"{now_ms} 600.0\n"


def test_a_clock_does_not_go_backwards(tmp_path: Path) -> None:
    clock = SimulatedClock.make(tmp_path / FILE, 1_000, 1.0)
    with pytest.raises(AssertionError, match="backwards"):
        clock.set(999)


def test_a_file_that_is_no_clock_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"noon")
    with pytest.raises(InputError, match="clock: is no clock; expected a file of 16 bytes"):
        clock_of(tmp_path)
