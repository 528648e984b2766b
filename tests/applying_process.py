"""Applies a made-up story to a queue until it is killed; run as a program it forks such processes on demand.

``python applying_process.py PLACE ACKS SEED``: each line ``FIRST END`` on standard input begins one, for
these batches; answered are its process id and, once it is gone, ``ended``. A process appends the number of
each batch to ACKS once the queue took it, and waits to be killed if that was not the story's end.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from disposal_alerts import NOW_MS, alert

from sinks.disposal import AlertChange, DisposalQueue

ALERTS, BATCHES = 12, 400


def story(seed: int) -> list[list[AlertChange]]:
    """Batches of changes; the revision is the place in the story, as with positions of a log."""
    chance = random.Random(seed)
    states: dict[int, Any] = {}
    batches = []
    for batch in range(BATCHES):
        changes = []
        for place in range(chance.randint(1, 3)):
            n = chance.randrange(ALERTS)
            known = states.get(n)
            states[n] = alert(n) if known is None else replace(known, **_turn(chance, known))
            changes.append(AlertChange(states[n], 10 * batch + place, at_ms=NOW_MS + batch))
        batches.append(changes)
    return batches


def _turn(chance: random.Random, known: Any) -> dict[str, Any]:
    moment_ms = NOW_MS + chance.randrange(1000)
    return chance.choice(
        [
            {"cleared_ms": None if known.cleared_ms else moment_ms},
            {"withdrawn_ms": None if known.withdrawn_ms else moment_ms},
            {"level": known.level % 3 + 1},
            {"authorised_by": f"L{moment_ms % 3}"},
        ]
    )


def apply_some(first: int, end: int, place: str, acks: Path, seed: int) -> None:
    """Apply a part of the story, noting each batch that is durable."""
    with DisposalQueue.open(place) as queue, acks.open("a") as noted:
        for number, batch in list(enumerate(story(seed)))[first:end]:
            queue.apply(batch)
            noted.write(f"{number}\n")
            noted.flush()
        if end < BATCHES:
            signal.pause()


def _orders() -> Iterator[list[int]]:
    while line := sys.stdin.readline():
        yield [int(number) for number in line.split()]


if __name__ == "__main__":
    for first_batch, end_batch in _orders():
        child = os.fork()
        if child == 0:
            apply_some(first_batch, end_batch, sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)
