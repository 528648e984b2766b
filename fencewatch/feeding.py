"""Lets a made-up fleet report by a simulated clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from pipeline.host.clock import SimulatedClock
from simulators.offices import Offices
from simulators.recorded_fleet import RecordedFleet
from simulators.sender import Sender

#: The clock is set so often, in real seconds, and never by more than this at once: rows are stamped with it.
_STEP_S, _STEP_MOST_MS = 0.1, 60_000

#: Told how many steps of how many are done.
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """The fleet's files, the clock to set, the way to the gateway, and the offices that change the site."""

    pings: RecordedFleet
    confirmations: RecordedFleet
    clock: SimulatedClock
    sender: Sender
    offices: Offices

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Set the clock and send what is due by then, step by step, while ``goes_on``.

        The next step waits for the answer to the last. So the clock slows down where the machine is too slow
        for its speed, and never runs ahead of the rows: nobody falls silent for want of a faster machine.
        """
        step_ms = min(round(_STEP_S * 1000 * self.clock.speed), _STEP_MOST_MS)
        step_s = step_ms / 1000 / self.clock.speed
        due_s = time.monotonic()
        while goes_on():
            self.step(step_ms)
            due_s = max(due_s + step_s, time.monotonic() - 1.0)  # what is lost for longer is not caught up
            time.sleep(max(0.0, due_s - time.monotonic()))

    def run_through(self, until_ms: int, goes_on: Callable[[], bool], report: Advance | None = None) -> None:
        """Set the clock to ``until_ms`` as fast as the gateway takes the rows, while ``goes_on``.

        Each step is on disk, its clock included, before the next: the log is what it would be at any speed.
        """
        steps = ceil((until_ms - self.clock.now_ms()) / _STEP_MOST_MS)
        for done in range(steps):
            if not goes_on():
                return
            self.step(min(_STEP_MOST_MS, until_ms - self.clock.now_ms()))
            self.sender.set_time()
            if report:
                report(done + 1, steps)

    def step(self, step_ms: int) -> None:
        """The clock goes on by so much; the site changes as it should by then, and what arrives is sent."""
        now_ms = self.clock.now_ms() + step_ms
        self.clock.set(now_ms)
        self.offices.work(now_ms)
        self.sender.send("pings", self.offices.reporting(self.pings.due(now_ms)))
        self.sender.send("confirmations", self.offices.reporting(self.confirmations.due(now_ms)))
