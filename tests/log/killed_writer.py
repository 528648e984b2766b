"""A writer that may be killed at any moment: each line on its input begins another life of it.

``python killed_writer.py DIRECTORY`` answers with ``pid N``, then ``ack LIFE THREAD COUNT OFFSET`` for each
append that the journal has acknowledged. A life is a child process, so that libraries are loaded only once.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from pipeline.log.journal import Entry, Journal
from pipeline.log.record import PINGS

THREADS = 3
SEGMENT_BYTES = 1 << 20


def say(line: str) -> None:
    """A line is one write, so that lines of threads stay apart."""
    os.write(1, line.encode() + b"\n")


def live(directory: Path, life: int) -> None:
    """Appends from several threads until the end comes from outside."""
    journal = Journal(directory, segment_bytes=SEGMENT_BYTES)

    def append_on(thread: int) -> None:
        for count in range(1 << 30):
            filling = b"x" * (300_000 if count % 7 == 3 else 40 * (count % 50))
            offset = journal.append([Entry(PINGS, b"%d %d %d " % (life, thread, count) + filling)])
            say(f"ack {life} {thread} {count} {offset}")

    for thread in range(THREADS):
        threading.Thread(target=append_on, args=(thread,)).start()


def main() -> None:
    for life, _ in enumerate(sys.stdin):
        child = os.fork()
        if child == 0:
            live(Path(sys.argv[1]), life)
            return
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main()
