"""Follows one binding fix by fix, in judged order, while an incident is open or may begin."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import replace

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.boundary.family import (
    ACTUAL,
    Activity,
    Family,
    FamilyKey,
    OpeningVerdicts,
    TrackerContext,
    Written,
    clearing_ms,
    settled_ms,
)
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.incidents import Incident, Verdict
from pipeline.engine.boundary.machine import OPENING, Changes, Machine, fix_entry, moment_entry
from pipeline.engine.boundary.raised import Onset
from sinks.alert import Alert


class Follower:
    """Everything that can still change about one binding's boundary alerts.

    ``window`` holds the live fixes from ``from_ms`` on, which a late one may come before, and the
    newest older one; ``backfill`` the backfill fixes within the horizon. Moments up to ``done_ms``
    are in. A scope without a family was idle from ``from_ms`` on.
    """

    #: What a checkpoint holds of it.
    KEPT = (
        "binding", "person", "due_ms", "_context", "_done_ms", "_upto_row", "_backfill", "_families",
        "_leaves", "_written", "_window", "_newest_ms", "_from_ms",
    )  # fmt: skip

    def __init__(self, context: TrackerContext, binding: int, backfill: list[Fix]) -> None:
        self.binding = binding
        self.person = int(context.writer.subjects.binding_person[binding])
        self.due_ms = END_MS
        self._context = context
        self._done_ms = BEGIN_MS
        self._upto_row = 0
        self._backfill = backfill
        self._families: dict[tuple[int, bool], Family] = {}
        self._leaves = context.writer.later_leaves(self.person)
        self._written: dict[Onset, Written] = {}
        self.rejoin([], BEGIN_MS, BEGIN_MS)

    @property
    def scopes(self) -> set[int]:
        """The scopes that something is going on with."""
        return {scope for scope, _ in self._families}

    @property
    def live_scopes(self) -> list[int]:
        """The same without backfill; while it is at rest each has an open incident."""
        return sorted(scope for scope, backfill in self._families if not backfill)

    @property
    def scopes_told(self) -> set[int]:
        """The same, and those of which something was written."""
        return self.scopes | {scope for scope, _, _ in self._written}

    @property
    def onsets(self) -> tuple[set[Onset], set[Onset]]:
        """Of what was written: the alerts of leaving an area that stand, and those that are withdrawn."""
        keeps_in = self._context.classifier.keeps_in
        written = [(key, each.facts is not None) for key, each in self._written.items() if keeps_in(key[0])]
        return {key for key, stands in written if stands}, {key for key, stands in written if not stands}

    @property
    def _awaits_approval(self) -> bool:
        return any(at_ms > self._done_ms for at_ms, _ in self._leaves)

    @property
    def at_rest(self) -> bool:
        """Do live fixes matter only where they may be on the right side of a scope with an open incident?"""
        live = (family for family in self._families.values() if not family.backfill)
        return not self._awaits_approval and all(family.at_rest for family in live)

    def rejoin(self, window: list[Fix], newest_ms: int, clock_ms: int) -> None:
        """Begin to follow live fixes with those there are: at first, or after a rest."""
        self._window = window
        self._newest_ms = newest_ms
        self._from_ms = settled_ms(self._context.policies, newest_ms, clock_ms)
        for family in self._families.values():
            if not family.backfill:
                self._resume(family)

    def _resume(self, family: Family) -> None:
        fixes, before = self._joinable(self._from_ms)
        for leave, machine in family.machines.items():
            verdicts = ((fix, self._verdict(family.scope, fix, leave)) for fix in fixes)
            machine.resume(before, [fix_entry(fix, verdict) for fix, verdict in verdicts])

    def _joinable(self, from_ms: int) -> tuple[list[Fix], Fix | None]:
        """The live fixes from an instant on, and the newest of the others that is known."""
        fixes = [fix for fix in self._window if fix.event_ms >= from_ms]
        return fixes, None if len(fixes) == len(self._window) else self._window[-len(fixes) - 1]

    def add(self, fix: Fix, row: int, backfill: bool, suspects: Iterable[int]) -> list[Alert]:
        """One fix at its arrival, with its log row and the scopes it may be on the wrong side of."""
        alerts = self.advance(fix.arrival_ms, row)
        self._upto_row = row + 1
        known = self._backfill if backfill else self._window
        if not known or known[-1].key <= fix.key:
            known.append(fix)
        else:
            insort(known, fix, key=lambda fix: fix.key)
        changed = {
            key: self._insert(family, fix) for key, family in self._families.items() if key[1] == backfill
        }
        opened = [(scope, backfill) for scope in suspects if (scope, backfill) not in self._families]
        changed |= {key: self._open(*key) for key in opened}
        if not backfill:
            self._newest_ms = max(self._newest_ms, fix.event_ms)
        self._note_rights(fix, changed)
        alerts += self._write(changed, fix.arrival_ms)
        if opened:
            self._plan()
        return alerts

    def watch(self, scope: int, row: int) -> list[Alert]:
        """Begin with a scope because an opening that is already in may have seen a wrong side."""
        if (scope, False) in self._families:
            return []
        self._upto_row = row
        alerts = self._write({(scope, False): self._open(scope, False)}, self._done_ms)
        self._plan()
        return alerts

    def advance(self, past_ms: int, row: int) -> list[Alert]:
        """Take in all moments before an instant, one after another; log rows before ``row`` are in."""
        self._upto_row = row
        alerts: list[Alert] = []
        while self.due_ms < past_ms:
            at_ms = self.due_ms
            changed = {key: self._moments(family, at_ms) for key, family in self._families.items()}
            self._done_ms = at_ms
            alerts += self._write(changed, at_ms)
            self._plan()
        self._done_ms = max(self._done_ms, past_ms - 1)
        return alerts

    def settle(self, horizon_ms: int) -> Activity:
        """Forget what nothing can change any more, and say what is left to do."""
        policies = self._context.policies
        self._from_ms = max(self._from_ms, settled_ms(policies, self._newest_ms, self._done_ms + 1))
        older = sum(fix.event_ms < self._from_ms for fix in self._window)
        del self._window[: max(0, older - 1)]
        del self._backfill[: sum(fix.event_ms < horizon_ms for fix in self._backfill)]
        unapproved = self._awaits_approval
        for key, family in list(self._families.items()):
            from_ms = horizon_ms if family.backfill else self._from_ms
            # A leave still to be approved may authorise alerts long cleared.
            family.actual.prune(from_ms, family.actual.incidents if unapproved else ())
            for machine in family.machines.values():
                machine.prune(from_ms, family.actual.incidents)
            at_ease = all(machine.at_ease for machine in family.machines.values())
            if (
                at_ease
                and self._cleared_for_good(family, horizon_ms)
                and not (unapproved and family.actual.incidents)
            ):
                del self._families[key]
        if not self._families:
            return Activity.OVER
        if self.at_rest and all(self._cleared_for_good(f, horizon_ms) for f in self._families.values()):
            return Activity.AT_REST
        return Activity.ALL

    @staticmethod
    def _cleared_for_good(family: Family, horizon_ms: int) -> bool:
        """No live fix can move the clearing of a backfill incident any more."""
        if not family.backfill:
            return True
        cleared = [clearing_ms(i, family.rights.get(onset)) for onset, i in family.actual.incidents.items()]
        return all(cleared_ms is not None and cleared_ms < horizon_ms for cleared_ms in cleared)

    def _plan(self) -> None:
        timeline = self._context.timeline
        moments = [timeline.next_ms(f.scope, self.binding, self._done_ms) for f in self._families.values()]
        approvals = [at_ms for at_ms, _ in self._leaves if at_ms > self._done_ms]
        self.due_ms = min([*moments, *approvals], default=END_MS) if self._families else END_MS

    def _insert(self, family: Family, fix: Fix) -> Changes:
        return {
            leave: machine.insert(fix_entry(fix, self._verdict(family.scope, fix, leave)))
            for leave, machine in family.machines.items()
        }[ACTUAL]

    def _verdict(self, scope: int, fix: Fix, leave: int = ACTUAL) -> Verdict:
        return self._context.classifier.verdict(scope, self.person, fix, fix.event_ms, fix.arrival_ms, leave)

    def _open(self, scope: int, backfill: bool) -> Changes:
        """A scope's machines from what is known: all idle before the first entry."""
        fixes, before = (self._backfill, None) if backfill else self._joinable(self._from_ms)
        family = self._families[scope, backfill] = self._family(scope, backfill, before)
        for fix in fixes:
            self._insert(family, fix)
        since_ms = self._earliest_ms(backfill)
        for at_ms, kind in self._context.timeline.moments(scope, self.binding, since_ms - 1, self._done_ms):
            self._enter(family, at_ms, kind)
        return dict(family.actual.incidents)

    def _earliest_ms(self, backfill: bool) -> int:
        """Nothing before this can have anything put before it any more."""
        policies = self._context.policies
        if backfill:
            horizon_ms = policies.kept_from_ms(self._done_ms)
            self._context.timeline.cover(horizon_ms, self._done_ms)
            return horizon_ms
        newest_ms = max(fix.event_ms for fix in self._window)
        return max(self._from_ms, settled_ms(policies, newest_ms, self._done_ms))

    def _family(self, scope: int, backfill: bool, before: Fix | None) -> Family:
        keep_in = self._context.classifier.keeps_in(scope)
        leaves = [ACTUAL, *(number for _, number in self._leaves)] if keep_in else [ACTUAL]
        rules = self._context.rules[keep_in]
        machines = {leave: Machine(rules, OpeningVerdicts(self, scope, leave), before) for leave in leaves}
        return Family(scope, backfill, machines, {})

    def _moments(self, family: Family, at_ms: int) -> Changes:
        changes: Changes = {}
        for moment_ms, kind in self._context.timeline.moments(family.scope, self.binding, at_ms - 1, at_ms):
            changes |= self._enter(family, moment_ms, kind)
        return changes

    def _enter(self, family: Family, at_ms: int, kind: int) -> Changes:
        if family.backfill and kind == OPENING:  # an opening looks at the last known fix: a live one
            return {}
        entered = {leave: m.insert(moment_entry(at_ms, kind)) for leave, m in family.machines.items()}
        return entered[ACTUAL]

    def judge_opening(self, scope: int, leave: int, at_ms: int, fix: Fix) -> Verdict:
        """What the last known fix says of a scope that opens, as if a leave counted (ACTUAL: none more)."""
        if at_ms - fix.event_ms > self._context.writer.first_silence_ms(self.binding, at_ms):
            return Verdict.UNSURE
        return self._context.classifier.verdict(scope, self.person, fix, at_ms, at_ms, leave)

    def _note_rights(self, fix: Fix, changed: dict[FamilyKey, Changes]) -> None:
        """Keep the earliest right-side fix after each backfill incident; what that changes joins in."""
        for key, family in self._families.items():
            if not family.backfill:
                continue
            changes = changed.setdefault(key, {})
            incidents = family.actual.incidents
            for onset in changes.keys() & incidents.keys():
                family.rights[onset] = self._search_right(family.scope, incidents[onset])
            for onset in self._earlier_rights(family, fix, set(changes)):
                family.rights[onset] = fix.event_ms
                changes[onset] = incidents[onset]

    def _earlier_rights(self, family: Family, fix: Fix, changed: set[int]) -> set[int]:
        """Onsets whose earliest right-side fix this one is now."""
        candidates = {
            onset
            for onset, incident in family.actual.incidents.items()
            if onset not in changed
            and incident.raised.fix.key < fix.key
            and ((known := family.rights.get(onset)) is None or fix.event_ms < known)
        }
        if candidates and self._verdict(family.scope, fix) is Verdict.RIGHT:
            return candidates
        return set()

    def _search_right(self, scope: int, incident: Incident) -> int | None:
        raised = incident.raised.fix
        for fix in self._context.writer.log.since(self.binding, raised.event_ms, self._upto_row):
            if fix.key > raised.key and self._verdict(scope, fix) is Verdict.RIGHT:
                return fix.event_ms
        return None

    def _write(self, changed: dict[FamilyKey, Changes], at_ms: int) -> list[Alert]:
        alerts: list[Alert] = []
        for key, family in self._families.items():
            onsets = set(changed.get(key, ()))
            if len(family.machines) > 1:  # another machine may have changed what authorises
                onsets |= set(family.actual.incidents)
            if not onsets:
                continue
            written = (self._alert(family, onset, at_ms) for onset in sorted(onsets))
            alerts += [alert for alert in written if alert is not None]
        return alerts

    def _alert(self, family: Family, onset: int, at_ms: int) -> Alert | None:
        """The alert of an onset as it is now; None where it is as it was last written."""
        key = family.scope, family.backfill, onset
        written = self._written.get(key)
        incident = family.actual.incidents.get(onset)
        if incident is None:
            if written is None or written.facts is None:
                return None
            alert, facts = replace(written.alert, withdrawn_ms=at_ms), None
        else:
            cleared_ms = clearing_ms(incident, family.rights.get(onset) if family.backfill else None)
            facts = incident.raised, incident.evidence, cleared_ms, self._authorised_by(family, onset)
            if written is not None and written.facts == facts:
                return None
            alert = self._context.writer.boundary(self.binding, family.scope, incident, family.backfill)
            alert = replace(alert, cleared_ms=cleared_ms, authorised_by=facts[-1])
            if written is not None and written.facts is not None and written.alert == alert:
                self._written[key] = Written(facts, alert)
                return None  # told of other fixes that say the same
        self._written[key] = Written(facts, alert)
        return alert

    def _authorised_by(self, family: Family, onset: int) -> str | None:
        names = [
            self._context.writer.leave_id(number)
            for approved_ms, number in self._leaves
            if approved_ms <= self._done_ms
            and number in family.machines
            and onset not in family.machines[number].incidents
        ]
        return min(names, key=str.encode, default=None)
