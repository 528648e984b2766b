"""A writer killed at random moments while others read: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.log.journal import JournalReader, Record

LIVES = 20
SCRIPT = Path(__file__).with_name("killed_writer.py")
CHECKOUT = Path(__file__).resolve().parents[2]

#: Life, thread and count of a record.
Place = tuple[int, int, int]


def place_of(record: Record) -> Place:
    life, thread, count = map(int, record.payload.split(b" ", 3)[:3])
    return life, thread, count


class Follower(threading.Thread):
    """Reads along, opening anew now and then where it was."""

    def __init__(self, directory: Path, reopen_after: int) -> None:
        super().__init__(daemon=True)
        self._directory = directory
        self._reopen_after = reopen_after
        self._is_over = threading.Event()
        self.found: list[tuple[int, Place]] = []

    def run(self) -> None:
        offset, is_last = 0, False
        while not is_last:
            is_last = self._is_over.is_set()
            reader = JournalReader(self._directory, offset)
            for _ in range(self._reopen_after):
                self.found += [(record.number, place_of(record)) for record in reader.poll(records_most=50)]
                time.sleep(0.002)
            while is_last and (records := reader.poll()):
                self.found += [(record.number, place_of(record)) for record in records]
            offset = reader.offset
            reader.close()

    def finish(self) -> None:
        self._is_over.set()
        self.join()


@contextmanager
def writer(directory: Path) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(SCRIPT), str(directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()


def one_life(process: subprocess.Popen[str], acks_most: int) -> dict[Place, int]:
    """Lets the writer live for so many acknowledgements; the offset after each that was given."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("live\n")
    process.stdin.flush()
    child = int(process.stdout.readline().split()[1])
    acknowledged: dict[Place, int] = {}
    for line in process.stdout:
        if line == "dead\n":
            break
        life, thread, count, offset = map(int, line.split()[1:])
        acknowledged[life, thread, count] = offset
        if len(acknowledged) == acks_most:
            os.kill(child, signal.SIGKILL)
    return acknowledged


def test_killed_at_random_moments_with_readers(tmp_path: Path) -> None:
    chance = random.Random(20)
    followers = [Follower(tmp_path, 5), Follower(tmp_path, 1000)]
    acknowledged: dict[Place, int] = {}
    with writer(tmp_path) as process:
        for follower in followers:
            follower.start()
        for _ in range(LIVES):
            acknowledged |= one_life(process, chance.randint(1, 60))
        for follower in followers:
            follower.finish()

    reader, found = JournalReader(tmp_path), list[tuple[int, Place]]()
    while records := reader.poll():
        found += [(record.number, place_of(record)) for record in records]
    numbers = {place: number for number, place in found}
    assert [number for number, _ in found] == list(range(len(found))), "dense"
    assert len(numbers) == len(found), "nothing doubled"
    assert {place: numbers[place] + 1 for place in acknowledged} == acknowledged, "nothing lost, none moved"
    for life, thread in {place[:2] for place in numbers}:
        counts = [place[2] for _, place in found if place[:2] == (life, thread)]
        given = sum(place[:2] == (life, thread) for place in acknowledged)
        assert counts == list(range(len(counts))), "each thread's appends in its order"
        assert given <= len(counts) <= given + 1, "at most the append that was on its way"
    for follower in followers:
        assert follower.found == found, "readers saw the same"
