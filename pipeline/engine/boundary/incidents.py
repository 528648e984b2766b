"""Boundary violation and zone entry: how sides in judged order become incidents (contract §4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from pipeline.engine.boundary.fix import Fix
from pipeline.sites.policies import Policies
from sinks.alert import EVIDENCE_MOST

_ENDS = EVIDENCE_MOST // 2


class Verdict(Enum):
    """What one fix says of one scope; UNSURE also stands for a fix the scope is not judged by."""

    RIGHT = 1
    UNSURE = 0
    WRONG = -1


@dataclass(frozen=True, slots=True)
class Sighting:
    """A fix judged at an instant: its own event time, or the opening that looked at it again.

    Leaves count for it as for a fix that arrives at ``arrival_ms``.
    """

    at_ms: int
    arrival_ms: int
    fix: Fix
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Wrong-side sightings going on: how many, since when, and those an alert would show."""

    onset_ms: int
    count: int
    head: tuple[Sighting, ...]
    tail: tuple[Sighting, ...]

    def evidence(self) -> tuple[Sighting, ...]:
        """All sightings, or the first and last ten of many."""
        if self.count <= EVIDENCE_MOST:
            return self.head
        return self.head[:_ENDS] + self.tail


@dataclass(frozen=True, slots=True)
class Incident:
    """What an alert is made of; ``cleared_ms`` by a streak of fixes, ``ended_ms`` by an end."""

    onset_ms: int
    raised: Sighting
    evidence: tuple[Sighting, ...]
    cleared_ms: int | None = None
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a scope stands between two sightings. While an incident is open no run matters:
    nothing raises, and only right-side fixes, which end a run, or an end close it."""

    run: Run | None = None
    open: Incident | None = None
    streak: int = 0
    streak_ms: int = 0

    @property
    def idle(self) -> bool:
        """Nothing going on: as if no fix had ever been seen."""
        return self.run is None and self.open is None


IDLE = RunState()


@dataclass(frozen=True, slots=True)
class RunRule:
    """How long a run must be to raise, and how many right-side fixes clear."""

    fixes: int
    dwell_ms: int
    clear_fixes: int


class RunRules:
    """The rules of keep_in or keep_out fences by the instant at which a sighting is judged."""

    def __init__(self, policies: Policies, keep_in: bool) -> None:
        self._policies = policies
        self._rules = [
            RunRule(rule.fixes, rule.dwell_ms, policy.clear_fixes)
            for policy in policies.all
            for rule in (policy.keep_in if keep_in else policy.keep_out,)
        ]
        #: The same as columns by policy number: fixes, dwell in ms, fixes that clear; shape (policies, 3).
        self.columns = np.array([(r.fixes, r.dwell_ms, r.clear_fixes) for r in self._rules], np.int64)

    def at(self, at_ms: int) -> RunRule:
        """The rule in force at an instant."""
        return self._rules[self._policies.number_at(at_ms)]


def step(
    state: RunState, sighting: Sighting, verdict: Verdict, rule: RunRule
) -> tuple[RunState, Incident | None]:
    """The state after one sighting, and the incident it raised or cleared."""
    if verdict is Verdict.UNSURE:
        return state, None
    if verdict is Verdict.RIGHT:
        return _right(state, sighting, rule)
    if state.open is not None:
        return replace(state, streak=0) if state.streak else state, None
    run = _longer(state.run, sighting)
    long_enough = run.count >= rule.fixes and sighting.at_ms - run.onset_ms >= rule.dwell_ms
    if not (sighting.confirmed or long_enough):
        return RunState(run=run), None
    incident = Incident(run.onset_ms, sighting, run.evidence())
    return RunState(open=incident), incident


def end(state: RunState, at_ms: int) -> tuple[RunState, Incident | None]:
    """An end of the scope, the binding or the supervision: all is forgotten, what is open cleared."""
    return IDLE, None if state.open is None else replace(state.open, ended_ms=at_ms)


def _right(state: RunState, sighting: Sighting, rule: RunRule) -> tuple[RunState, Incident | None]:
    if state.open is None:
        return IDLE, None
    since_ms = state.streak_ms if state.streak else sighting.at_ms
    if state.streak + 1 < rule.clear_fixes:
        return RunState(open=state.open, streak=state.streak + 1, streak_ms=since_ms), None
    return IDLE, replace(state.open, cleared_ms=since_ms)


def _longer(run: Run | None, sighting: Sighting) -> Run:
    if run is None:
        return Run(sighting.at_ms, 1, (sighting,), (sighting,))
    head = run.head if run.count >= EVIDENCE_MOST else (*run.head, sighting)
    return Run(run.onset_ms, run.count + 1, head, (*run.tail, sighting)[-_ENDS:])
