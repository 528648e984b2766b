"""Any course of changes, steps, time and reopening leaves the queue as a model of a few lines has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from disposal_alerts import MINUTE_MS, NOW_MS, OFFICES, alert, take
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sinks.alert import Alert
from sinks.disposal import (
    AlertChange,
    DisposalError,
    DisposalQueue,
    QueueItem,
    Settlement,
    State,
    TimelineEvent,
)

NUMBERS = st.integers(0, 2)
ACTORS = st.sampled_from(["wang", "li"])
STEPS = st.sampled_from(
    ["claim", "claim", "renew", "release", "verify", "verify", "dispose", "dispose", "close"]
)
#: What a verdict is corrected to.
CORRECTIONS = st.sampled_from([("true", None), ("false", "gps_drift"), ("false", "other")])
LEASE_MS = MINUTE_MS


@dataclass
class Work:
    """One alert as the model has it; ``until_ms`` is the end of the lease."""

    alert: Alert
    revision: int
    state: str = "open"
    holder: str | None = None
    until_ms: int = 0
    steps: int = 0
    verdict: tuple[str, str | None] | None = None

    def held_by(self, now_ms: int) -> str | None:
        return self.holder if self.until_ms > now_ms else None

    def shown(self, now_ms: int) -> str:
        idle = self.state == "open" or (self.state == "claimed" and not self.held_by(now_ms))
        if not idle:
            return self.state
        return "open" if self.alert.cleared_ms is None else "self_cleared"

    def take(self, step: str, actor: str, now_ms: int) -> bool:
        """Whether the step was allowed."""
        shown, mine = self.shown(now_ms), self.held_by(now_ms) in (None, actor)
        if step == "claim" and shown in ("open", "self_cleared"):
            self.state, self.holder, self.until_ms = "claimed", actor, now_ms + LEASE_MS
        elif step == "renew" and shown in ("claimed", "verified") and mine:
            self.holder, self.until_ms = actor, now_ms + LEASE_MS
        elif step == "release" and shown == "claimed" and mine:
            self.state, self.holder = "open", None
        elif step == "verify" and shown == "claimed" and mine:
            self.state, self.verdict = "verified", ("true", None)
        elif step == "dispose" and shown == "verified" and mine:
            self.state, self.holder = "disposed", None
        elif step == "close" and shown == "disposed":
            self.state = "closed"
        else:
            return False
        self.steps += 1
        return True

    def correct(self, verdict: tuple[str, str | None], actor: str, now_ms: int) -> bool:
        """Whether the verdict could be replaced by this one."""
        mine = self.held_by(now_ms) in (None, actor)
        if self.state != "verified" or not mine or verdict == self.verdict:
            return False
        self.verdict = verdict
        self.steps += 1
        return True

    def settle(self, together: int, actor: str, now_ms: int) -> bool:
        """Whether the alert could be settled at once, alone or together with others."""
        waits = self.shown(now_ms) in ("open", "self_cleared")
        passed = self.alert.cleared_ms is not None or self.alert.withdrawn_ms is not None
        is_mine = self.shown(now_ms) == "claimed" and self.held_by(now_ms) == actor
        if not (waits and passed if together > 1 else waits or is_mine):
            return False
        self.steps += 4 if waits else 3
        self.state, self.holder, self.verdict = "closed", None, ("false", "duplicate")
        return True


class QueueAgainstModel(RuleBasedStateMachine):
    """Three alerts, two people, one clock."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.queue = DisposalQueue.open(place)
        self.queue.set_offices(OFFICES)
        self.works: dict[int, Work] = {}
        self.now_ms = NOW_MS

    @rule(n=NUMBERS, newer=st.integers(-1, 2), cleared=st.booleans(), withdrawn=st.booleans())
    def tell(self, n: int, newer: int, cleared: bool, withdrawn: bool) -> None:
        known = self.works.get(n)
        revision = max(0, newer + (5 if known is None else known.revision))
        changed = {"cleared_ms": NOW_MS if cleared else None, "withdrawn_ms": NOW_MS if withdrawn else None}
        state = alert(n, **changed)
        taken = self.queue.apply([AlertChange(state, revision)])
        if known is None:
            self.works[n] = Work(state, revision)
        elif revision > known.revision:
            known.alert, known.revision = state, revision
        else:
            assert taken == 0

    @rule(n=NUMBERS, step=STEPS, actor=ACTORS)
    def step(self, n: int, step: str, actor: str) -> None:
        work = self.works.get(n)
        allowed = work is not None and work.take(step, actor, self.now_ms)
        try:
            take(self.queue, step, alert(n).alert_key, actor, self.now_ms)
            assert allowed
        except DisposalError:
            assert not allowed

    @rule(n=NUMBERS, verdict=CORRECTIONS, actor=ACTORS)
    def correct(self, n: int, verdict: tuple[str, str | None], actor: str) -> None:
        work = self.works.get(n)
        allowed = work is not None and work.correct(verdict, actor, self.now_ms)
        who: dict[str, Any] = {"actor": actor, "office": "C1", "now_ms": self.now_ms}
        try:
            self.queue.correct(
                alert(n).alert_key, **who, verdict=verdict[0], reason=verdict[1], because="seen"
            )
            assert allowed
        except DisposalError:
            assert not allowed

    @rule(n=NUMBERS, together=st.sampled_from([1, 2]), actor=ACTORS)
    def settle(self, n: int, together: int, actor: str) -> None:
        work = self.works.get(n)
        allowed = work is not None and work.settle(together, actor, self.now_ms)
        said = Settlement("false", "duplicate", "false_alarm", None, together)
        try:
            self.queue.settle(alert(n).alert_key, said, actor=actor, office="C1", now_ms=self.now_ms)
            assert allowed
        except DisposalError:
            assert not allowed

    @rule(minutes=st.sampled_from([0.5, 1, 2]))
    def pass_time(self, minutes: float) -> None:
        self.now_ms += int(minutes * MINUTE_MS)

    @rule()
    def reopen(self) -> None:
        self.queue.disconnect()
        self.queue = DisposalQueue.open(self.place)

    @invariant()
    def the_queue_is_as_the_model_has_it(self) -> None:
        items = {item.alert.person_id: item for item in self.queue.alerts(now_ms=self.now_ms).items}
        shown = {
            f"P{n}": (
                work.alert,
                work.revision,
                work.shown(self.now_ms),
                work.held_by(self.now_ms),
                work.verdict,
            )
            for n, work in self.works.items()
        }
        assert shown == {
            person: (item.alert, item.revision, item.state, item.holder, _verdict(item))
            for person, item in items.items()
        }

    @invariant()
    def every_step_stands_in_the_timeline_once(self) -> None:
        events = self.queue.watch(0)
        assert [entry.seq for entry in events] == list(range(1, len(events) + 1))
        for n, work in self.works.items():
            own = [entry for entry in events if entry.alert_key == alert(n).alert_key]
            assert sum(entry.actor is not None for entry in own) == work.steps
            assert _folded(alert(n), own) == replace(work.alert, alert_key=own[0].alert_key)
        counts = self.queue.counts(now_ms=self.now_ms)
        assert counts == {
            state: sum(work.shown(self.now_ms) == state for work in self.works.values()) for state in State
        }

    def teardown(self) -> None:
        self.queue.disconnect()


def _verdict(item: QueueItem) -> tuple[str, str | None] | None:
    return None if item.verdict is None else (item.verdict.value, item.reason)


def _folded(raised: Alert, timeline: Sequence[TimelineEvent]) -> Alert:
    """What the timeline alone says of an alert's facts."""
    for entry in timeline:
        if entry.kind in ("cleared", "resumed", "withdrawn", "reinstated"):
            raised = replace(raised, **{name: after for name, (_, after) in entry.details.items()})
    return raised


def test_any_course_of_events(new_place: Callable[[], str]) -> None:
    class Here(QueueAgainstModel):
        def __init__(self) -> None:
            super().__init__(new_place())

    effort = settings(
        max_examples=8,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Here, settings=effort)
