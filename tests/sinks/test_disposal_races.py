"""Many at once, and killed at any moment: one claimant wins, nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import applying_process
import pytest
from disposal_alerts import KEY, NOW_MS, alert, take, told

from sinks.disposal import AlertUnknown, DisposalQueue, QueueItem, TimelineEvent, TransitionRefused

KILLS, SEED = 20, 7
#: Batches a process may take before it waits for its end; all lives together leave some of the story.
LIFE = 18
assert KILLS * LIFE < applying_process.BATCHES


@pytest.mark.parametrize("same_person", [False, True], ids=["forty people", "one person forty times"])
def test_of_forty_who_claim_at_once_one_wins(place: str, queue: DisposalQueue, same_person: bool) -> None:
    told(queue, 1)
    doors = [DisposalQueue.open(place) for _ in range(4)]  # as four programs would
    start = threading.Barrier(40)
    won: list[QueueItem] = []
    refused: list[TransitionRefused] = []

    def try_it(n: int) -> None:
        start.wait()
        try:
            won.append(take(doors[n % len(doors)], "claim", KEY, "wang" if same_person else f"officer {n}"))
        except TransitionRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=try_it, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for door in doors:
        door.disconnect()
    assert (len(won), len(refused)) == (1, 39)
    assert {(error.state, error.holder) for error in refused} == {("claimed", won[0].holder)}
    assert [entry.kind for entry in queue.alert(KEY, now_ms=NOW_MS).timeline] == ["raised", "claimed"]


def test_killed_while_applying_twenty_times(place: str, queue: DisposalQueue, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    acks = tmp_path / "acks"
    acks.touch()
    done: list[tuple[str, str]] = []
    with forking(place, acks) as begin:
        for killed in range(KILLS):
            # A restart may go back a little, never ahead of what was acknowledged.
            acked = _last(acks)
            process = begin(max(0, acked + 1 - chance.randint(0, 4)), acked + LIFE)
            pause = threading.Event()  # never set: the pauses let the engine get at the queue
            while killed % 2 and _last(acks) == acked:  # the others may die while they open the queue
                done += _steps(queue, chance)
                pause.wait(0.01)
            kill = threading.Timer(chance.uniform(0.0, 0.1), os.kill, (process, signal.SIGKILL))
            kill.start()
            while kill.is_alive():
                done += _steps(queue, chance)
                kill.join(0.01)
            begin.ended()
        begin(max(0, _last(acks) - 3), applying_process.BATCHES)
        begin.ended()
    assert _last(acks) == applying_process.BATCHES - 1
    with DisposalQueue.open(tmp_path / "undisturbed.sqlite") as undisturbed:
        for batch in applying_process.story(SEED):
            undisturbed.apply(batch)
        assert _facts(queue) == _facts(undisturbed)
    events = queue.watch(0, limit=100_000)
    assert [entry.seq for entry in events] == list(range(1, len(events) + 1))
    assert [(entry.alert_key, entry.kind) for entry in events if entry.actor] == done
    assert len({past for _, past in done}) == 4  # people really worked while it was killed


def _steps(queue: DisposalQueue, chance: random.Random) -> list[tuple[str, str]]:
    """Some steps on alerts there are; each exactly once, whatever the engine is at."""
    taken = []
    for n in chance.sample(range(applying_process.ALERTS), 2):
        key = alert(n).alert_key
        for step, past in (
            ("close", "closed"),
            ("dispose", "disposed"),
            ("verify", "verified"),
            ("claim", "claimed"),
        ):
            try:
                take(queue, step, key, "wang")
            except (TransitionRefused, AlertUnknown):
                continue
            taken.append((key, past))
            break
    return taken


def _facts(queue: DisposalQueue) -> dict[str, object]:
    """Every alert as the engine has it, with its facts in order."""
    events = queue.watch(0, limit=100_000)
    return {
        item.alert.alert_key: (item.alert, item.revision, [_fact(e) for e in events if _of(e, item)])
        for item in queue.alerts(now_ms=NOW_MS).items
    }


def _fact(entry: TimelineEvent) -> tuple[int, str, object]:
    return entry.at_ms, entry.kind, entry.details


def _of(entry: TimelineEvent, item: QueueItem) -> bool:
    return entry.actor is None and entry.alert_key == item.alert.alert_key


def _last(acks: Path) -> int:
    whole = [line for line in acks.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return int(whole[-1]) if whole else -1


class Forking:
    """Begins applying processes for some batches, one after another."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        assert program.stdin is not None
        assert program.stdout is not None
        self._orders, self._answers = program.stdin, program.stdout

    def __call__(self, first: int, end: int) -> int:
        self._orders.write(f"{first} {end}\n")
        self._orders.flush()
        return int(self._answers.readline())

    def ended(self) -> None:
        assert self._answers.readline() == "ended\n"


@contextmanager
def forking(place: str, acks: Path) -> Iterator[Forking]:
    """A program that has imported everything once and forks for each run."""
    command = [sys.executable, str(Path(applying_process.__file__)), place, str(acks), str(SEED)]
    roots = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parents[1])])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([roots, os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as program:
        yield Forking(program)
