"""The rule of boundary violations and zone entries as a machine that takes one entry at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pipeline.ping import CONFIRMATION
from pipeline.reference.row import ReferenceRow
from pipeline.reference.side import Look
from pipeline.sites.policy import Policy
from sinks.alert import EVIDENCE_MOST, EvidenceFix

_HALF = EVIDENCE_MOST // 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What raises and clears in a scope: sides, fixes, dwell in milliseconds, the clear streak."""

    wrong: str
    right: str
    fixes: int
    dwell_ms: int
    clear_fixes: int


def rules_of(rule: str, policy: Policy) -> Rules:
    """The rules of keep_in or keep_out fences by a policy."""
    bounds = policy.keep_in if rule == "keep_in" else policy.keep_out
    wrong, right = ("out", "in") if rule == "keep_in" else ("in", "out")
    return Rules(wrong, right, bounds.fixes, bounds.dwell_ms, policy.clear_fixes)


class Run(NamedTuple):
    """Wrong-side fixes since it began: how many, and the first and last ten of them."""

    onset_ms: int
    length: int
    head: tuple[EvidenceFix, ...]
    tail: tuple[EvidenceFix, ...]


class Raised(NamedTuple):
    """An alert at the moment it is raised."""

    onset_ms: int
    raised_ms: int
    row: ReferenceRow
    look: Look
    evidence: tuple[EvidenceFix, ...]


class State(NamedTuple):
    """All that is known after an entry; ``last`` is the last known fix, whatever it was judged."""

    run: Run | None = None
    streak: int = 0
    streak_ms: int = 0
    open: bool = False
    last: ReferenceRow | None = None


class Step(NamedTuple):
    """What an entry did: the state after it, an alert it raised, the time it cleared one at."""

    state: State
    raised: Raised | None = None
    cleared_ms: int | None = None


def end(state: State, at_ms: int) -> Step:
    """The end of a scope, a supervision or a binding: clears, forgets the run and the streak."""
    return Step(State(last=state.last), cleared_ms=at_ms if state.open else None)


def judge_fix(state: State, row: ReferenceRow, look: Look, rules: Rules, at_ms: int, plain: bool) -> Step:
    """A fix judged at ``at_ms``; ``plain`` where a confirmation counts as any other fix."""
    if look.side == rules.wrong:
        return _wrong(state, row, look, rules, at_ms, plain or row.kind != CONFIRMATION)
    if look.side == rules.right:
        return _right(state, rules, at_ms)
    return Step(state)


def _wrong(state: State, row: ReferenceRow, look: Look, rules: Rules, at_ms: int, plain: bool) -> Step:
    run = _grown(state.run, row, look, at_ms)
    long_enough = run.length >= rules.fixes and at_ms - run.onset_ms >= rules.dwell_ms
    if state.open or (plain and not long_enough):
        return Step(state._replace(run=run, streak=0))
    raised = Raised(run.onset_ms, at_ms, row, look, run.head + run.tail)
    return Step(state._replace(run=run, streak=0, open=True), raised=raised)


def _right(state: State, rules: Rules, at_ms: int) -> Step:
    streak = state.streak + 1
    streak_ms = at_ms if streak == 1 else state.streak_ms
    clears = state.open and streak >= rules.clear_fixes
    after = State(None, streak, streak_ms, state.open and not clears, state.last)
    return Step(after, cleared_ms=streak_ms if clears else None)


def _grown(run: Run | None, row: ReferenceRow, look: Look, at_ms: int) -> Run:
    assert row.position is not None, "a heartbeat has no side"
    seen = EvidenceFix(at_ms, *row.position, row.accuracy_m, look.distance_m, look.side)
    if run is None:
        return Run(at_ms, 1, (seen,), ())
    if run.length < _HALF:
        return Run(run.onset_ms, run.length + 1, (*run.head, seen), ())
    return Run(run.onset_ms, run.length + 1, run.head, (*run.tail, seen)[-_HALF:])
