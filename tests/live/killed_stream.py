"""A stream through engine and server while both are killed at any moment, as if nobody had been."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from forked import run_forked
from live.eventful_hours import Step, write_streams
from live.officers import Officers
from live_system import RUN, SERVE, LiveSystem, settled, until

from sinks.alert import instant_text
from sinks.disposal import QueueItem

Victims = list[tuple[str, ...]]
#: Who is killed, twenty times; the order is the seed's.
VICTIMS: Victims = [(RUN,)] * 9 + [(SERVE,)] * 7 + [(RUN, SERVE)] * 4
Moment = Literal["start", "work", "kept"]
MOMENTS: tuple[Moment, ...] = ("start", "work", "work", "work", "kept")
#: So fast a clock is meant that no lease lapses within the hours of the stream.
SPEED = 60.0
#: What is past: the log's last mark is this far behind the last step, and all before it has taken effect.
AFTERMATH_MS = 1000


@dataclass(frozen=True)
class Replayed:
    """What `replay` makes of the stream."""

    lines: list[bytes]
    accepted: int


class Killer:
    """Kills with SIGKILL and starts again at once, in a thread beside the stream."""

    def __init__(self, system: LiveSystem, seed: int, victims: Victims) -> None:
        self._system = system
        self._chance = random.Random(seed)
        self._victims = self._chance.sample(victims, len(victims))
        self._done, self._is_over = 0, False

    def run(self) -> int:
        """Until all have been: in a start, in the midst of work, or after the engine kept its state."""
        try:
            for victims in self._victims:
                self._await(victims, self._chance.choice(MOMENTS))
                time.sleep(self._chance.uniform(0, 0.6))
                self._system.kill(*victims)
                self._system.start(*victims)
                self._done += 1
        finally:
            self._is_over = True
        return self._done

    @property
    def kills(self) -> int:
        """How many there are to be; where both are killed at once it counts as one."""
        return len(self._victims)

    def pace(self, share: float) -> None:
        """Holds the stream back, so that it lasts as long as the kills."""
        time.sleep(0.03)
        while share * len(self._victims) > self._done + 1 and not self._is_over:
            time.sleep(0.01)

    def _await(self, victims: tuple[str, ...], moment: Moment) -> None:
        if SERVE in victims and moment != "start":
            # On a slow machine it could be killed before it is there, again and again: rows must get in.
            until(lambda: self._system.is_at_work(SERVE), "the server")
        # With nothing to read an engine shows no sign of life, so nobody waits for ever.
        given_up = time.monotonic() + 7
        kept = self._system.checkpoints()

        def has_come() -> bool:
            if moment == "kept" and RUN in victims:
                return self._system.checkpoints() != kept
            return moment == "start" or all(map(self._system.is_at_work, victims))

        while not has_come() and time.monotonic() < given_up:
            time.sleep(0.02)


def lived(system: LiveSystem, steps: list[Step], expected: Replayed, killer: Killer | None) -> None:
    """The stream through a system while officers work; at the end all has been judged and worked off."""
    officers = Officers(system)
    system.start(SERVE, RUN)
    with ThreadPoolExecutor() as pool:
        kills = pool.submit(killer.run) if killer else None
        for number, step in enumerate(steps):
            system.send(step.at_ms, step.pings, step.confirmations)
            if number % 4 == 3:
                officers.work(6)
            if killer:
                killer.pace(number / len(steps))
            elif number % 8 == 0:
                system.await_judged(step.at_ms)
        if kills and killer:
            assert kills.result() == killer.kills
    system.send(steps[-1].at_ms + AFTERMATH_MS)
    assert settled(system.lines, expected.lines) == expected.lines
    while officers.work():
        pass
    system.stop(SERVE, RUN)
    assert system.lines() == expected.lines
    assert system.figures().accepted == expected.accepted, "no row was lost, none counts twice"
    for item in system.items():
        officers.check(item)
        check_facts(item)


def check_facts(item: QueueItem) -> None:
    """The engine told each thing once: what was raised is raised once, and so on."""
    told = Counter(entry.kind for entry in item.timeline if entry.actor is None)
    alert = item.alert
    assert told["raised"] == 1
    # What is judged again for late fixes may be cleared at another time than was told before.
    assert (told["cleared"] > told["resumed"]) == (alert.cleared_ms is not None)
    assert told["withdrawn"] - told["reinstated"] == (alert.withdrawn_ms is not None)


def replayed(folder: Path, site: Path, steps: list[Step]) -> Replayed:
    """The alerts of the same rows with the same arrivals, as files."""
    until, alerts = instant_text(steps[-1].at_ms + AFTERMATH_MS - 1), folder / "alerts.ndjson"
    words = ["--site", site, *write_streams(steps, folder), "--until", until, "--alerts", alerts, "--json"]
    done = run_forked("replay", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return Replayed(alerts.read_bytes().splitlines(keepends=True), json.loads(done.stdout)["accepted"])
