"""What a binding tracker is made of: the machines of each scope, and what all trackers of a shard share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.alert_writer import AlertWriter
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.incidents import Incident, RunRules, Sighting, Verdict
from pipeline.engine.boundary.machine import EntryKey, Machine, fix_entry, moment_entry
from pipeline.engine.boundary.side_classifier import SideClassifier
from pipeline.engine.boundary.timeline import Timeline
from pipeline.engine.policy_table import PolicyTable
from pipeline.sites.policies import Policies
from sinks.alert import Alert

Ints = NDArray[np.int64]

ACTUAL = -1

#: A scope and whether it is its backfill that is judged.
FamilyKey = tuple[int, bool]


@dataclass(slots=True, eq=False)
class Family:
    """A scope's machine and, per leave approved later, the machine as if that leave had counted.

    ``rights`` holds, for a backfill incident by onset, the earliest right-side fix known after it.
    """

    scope: int
    backfill: bool
    machines: dict[int, Machine]
    rights: dict[int, int | None]

    @property
    def actual(self) -> Machine:
        """The machine that alerts come from."""
        return self.machines[ACTUAL]

    @property
    def at_rest(self) -> bool:
        """Does it only wait for a fix that may be on the right side?"""
        return all(machine.at_rest for machine in self.machines.values())

    def begin_with(self, incident: Incident | None) -> None:
        """Begin all machines with an incident that is open already."""
        for machine in self.machines.values():
            machine.begin_with(incident)

    def remember(self, incidents: dict[int, Incident], fresh: Family, since_ms: int) -> None:
        """Take in incidents that were forgotten, and the machines of leaves that are new.

        Of what began before ``since_ms``, the earliest that is known, no new leave is found to prevent it. Of
        what was not forgotten the machines that are there know more: the fresh ones began in its midst.
        """
        older = {onset: found for onset, found in self.actual.incidents.items() if onset < since_ms}
        for leave, machine in fresh.machines.items():
            if leave not in self.machines:
                machine.incidents = older | machine.incidents
            elif leave != ACTUAL:
                known, held = self.machines[leave], self.actual.incidents
                forgotten = {onset: found for onset, found in machine.incidents.items() if onset not in held}
                known.incidents = forgotten | known.incidents
        self.actual.incidents = incidents | self.actual.incidents
        self.machines = fresh.machines | self.machines


@dataclass(frozen=True, slots=True)
class History:
    """Fixes of one kind since an instant, in judged order, and the newest before it.

    ``is_complete``: there is nothing that is not known any more.
    """

    since_ms: int
    before: Fix | None
    fixes: list[Fix]
    is_complete: bool


def in_judged_order(
    fixes: Iterable[Fix], moments: Iterable[tuple[int, int]]
) -> list[tuple[Fix | None, int, int]]:
    """Fixes and moments as a machine has them: (fix, or None at a moment; instant; kind)."""
    entries: list[tuple[EntryKey, Fix | None]] = [(fix_entry(fix, Verdict.UNSURE).key, fix) for fix in fixes]
    entries += [(moment_entry(at_ms, kind).key, None) for at_ms, kind in moments]
    return [(fix, key[0], key[1]) for key, fix in sorted(entries, key=lambda entry: entry[0])]


def settled_ms(policies: Policies, newest_ms: int, clock_ms: int) -> int:
    """No live fix and, with the clock here, no moment can come before this any more.

    A device's clock may be fast: then moments still come before fixes that are there already.
    """
    return min(newest_ms - policies.lateness_from_ms(clock_ms), clock_ms)


class TrackerContext:
    """What all trackers of a shard share: how to classify fixes, when moments come, how to write alerts."""

    def __init__(
        self, table: PolicyTable, classifier: SideClassifier, timeline: Timeline, writer: AlertWriter
    ) -> None:
        self.table = table
        self.policies = table.policies
        self.classifier = classifier
        self.timeline = timeline
        self.writer = writer
        self.rules = {keep_in: RunRules(table.policies, keep_in) for keep_in in (True, False)}

    def rule_columns(self, scope: Ints, at_ms: Ints) -> tuple[Ints, Ints, Ints]:
        """The rules of scopes at instants: fixes, dwell in ms, and fixes that clear; shape (n,) each."""
        every, place = np.unique(scope, return_inverse=True)
        keeps_in = np.array([self.classifier.keeps_in(one) for one in every.tolist()], np.bool_)[place]
        policy = self.table.numbers_at(at_ms)
        of_kind = [self.rules[keep_in].columns[policy] for keep_in in (False, True)]
        fixes, dwell_ms, clear_fixes = np.where(keeps_in[:, None], of_kind[1], of_kind[0]).T
        return fixes, dwell_ms, clear_fixes


@dataclass(frozen=True, slots=True)
class Written:
    """An alert as it was last written, and the facts it was made of (None: it is withdrawn)."""

    facts: tuple[Sighting, tuple[Sighting, ...], int | None, str | None] | None
    alert: Alert


class Activity(Enum):
    """What a tracker still has to do with the fixes of its binding."""

    OVER = 0
    #: Backfill, moments, and what may be on the right side of a scope with an open incident.
    AT_REST = 1
    ALL = 2


class OpeningJudge(Protocol):
    """What a machine asks at an opening, by way of ``OpeningVerdicts``."""

    def judge_opening(self, scope: int, leave: int, at_ms: int, fix: Fix) -> Verdict:
        """The verdict on the last known fix."""


@dataclass(frozen=True, slots=True, eq=False)
class OpeningVerdicts:
    """How a machine asks its tracker for the verdict at an opening."""

    tracker: OpeningJudge
    scope: int
    leave: int

    def __call__(self, at_ms: int, fix: Fix) -> Verdict:
        return self.tracker.judge_opening(self.scope, self.leave, at_ms, fix)


def clearing_ms(incident: Incident, right_ms: int | None) -> int | None:
    """When an incident was cleared: by its streak, else by an end or the earliest right-side fix."""
    if incident.cleared_ms is not None:
        return incident.cleared_ms
    known = [ms for ms in (incident.ended_ms, right_ms) if ms is not None]
    return min(known, default=None)
