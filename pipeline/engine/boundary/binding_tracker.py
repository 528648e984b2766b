"""A follower of one binding that goes on when the site changes under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from functools import partial
from itertools import chain

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.boundary.column_machines import Standing
from pipeline.engine.boundary.family import (
    ACTUAL,
    Family,
    FamilyKey,
    History,
    OpeningVerdicts,
    TrackerContext,
    Written,
    in_judged_order,
)
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.follower import Follower
from pipeline.engine.boundary.incidents import Incident
from pipeline.engine.boundary.machine import Changes, Machine
from pipeline.engine.boundary.raised import Onset
from pipeline.engine.policy_table import UNKNOWN_SOURCE
from pipeline.engine.renumbering import Renumbering
from sinks.alert import Alert


class BindingTracker(Follower):
    """Follows a binding, and judges again what a change of the site leaves otherwise."""

    @property
    def earliest_ms(self) -> int:
        """No fix that it may still look at is older."""
        return min((fix.event_ms for fix in self._held_fixes()), default=END_MS)

    def move(self, numbers: Renumbering, context: TrackerContext) -> None:
        """Go on under the numbers of another site, which differs from an instant on that is not in yet.

        ``binding`` is -1 afterwards where the binding is no more.
        """
        self._context = context
        self.binding, self.person = (
            int(numbers.bindings.to[self.binding]),
            int(numbers.people.to[self.person]),
        )
        if self.binding < 0:
            return
        families = [family for family in self._families.values() if numbers.scopes[family.scope] >= 0]
        for family in families:
            family.scope = int(numbers.scopes[family.scope])
            self._move_machines(family, numbers)
        self._families = {(family.scope, family.backfill): family for family in families}
        self._written = {
            (int(numbers.scopes[scope]), backfill, onset): written
            for (scope, backfill, onset), written in self._written.items()
        }
        self._leaves = context.writer.later_leaves(self.person)
        for fix in self._held_fixes():
            fix.distances.clear()  # they are by number
            fix.reports.clear()
            if fix.source != UNKNOWN_SOURCE:
                fix.radius_m = context.table.radius_of(fix.accuracy_m, fix.source, fix.event_ms)
        self._plan()

    def _move_machines(self, family: Family, numbers: Renumbering) -> None:
        machines = {ACTUAL: family.actual}
        for leave, machine in family.machines.items():
            if leave != ACTUAL and numbers.leaves[leave] >= 0:
                machines[int(numbers.leaves[leave])] = machine
        family.machines = machines
        for leave, machine in family.machines.items():
            rules = self._context.rules[self._context.classifier.keeps_in(family.scope)]
            machine.judge_by(rules, OpeningVerdicts(self, family.scope, leave))

    def take_over(self, standings: Iterable[Standing], clock_ms: int) -> None:
        """Go on with scopes that were judged in columns; moments before the clock are in.

        What was joined must reach back to where they are stepped through from.
        """
        self._done_ms = clock_ms - 1
        for standing in standings:
            known: dict[int, Incident] = {}
            if standing.scope >= 0:
                family = self._families[standing.scope, False] = self._stepped_through(standing)
                known = family.actual.incidents
            for told, alert in standing.told:
                onset = told.onset_ms
                incident = known.get(onset, told)
                if _shown(incident) != _shown(told):  # by another site: it is yet to be told
                    incident = told
                facts = incident.raised, incident.evidence, alert.cleared_ms, None
                self._written[standing.scope, False, onset] = Written(facts, alert)
        self._plan()

    def _stepped_through(self, standing: Standing) -> Family:
        scope, from_ms = standing.scope, standing.from_ms
        fixes, before = self._joinable(from_ms)
        self._context.timeline.cover(from_ms, self._done_ms)
        rules = self._context.rules[self._context.classifier.keeps_in(scope)]
        machine = Machine(rules, OpeningVerdicts(self, scope, ACTUAL), before)
        machine.begin_with(standing.incident)
        if standing.incident is not None:
            machine.incidents[standing.incident.onset_ms] = standing.incident
        family = Family(scope, False, {ACTUAL: machine}, {})
        self._step_through(family, fixes, from_ms)
        return family

    def _step_through(self, family: Family, fixes: Iterable[Fix], from_ms: int) -> None:
        """Take in fixes, and the moments from an instant on, in judged order."""
        moments = self._context.timeline.moments(family.scope, self.binding, from_ms - 1, self._done_ms)
        for fix, at_ms, kind in in_judged_order(fixes, moments):
            if fix is not None:
                self._insert(family, fix)
            else:
                self._enter(family, at_ms, kind)

    def _held_fixes(self) -> Iterator[Fix]:
        machines = (machine for family in self._families.values() for machine in family.machines.values())
        of_machines = (fix for machine in machines for fix in machine.fixes())
        return chain(self._window, self._backfill, of_machines)

    def fixes_since(self, at_ms: int) -> list[tuple[Fix, bool]]:
        """The fixes from an instant on that something may still change of, and whether each is backfill."""
        live = [(fix, False) for fix in self._window if fix.event_ms >= at_ms]
        return live + [(fix, True) for fix in self._backfill if fix.event_ms >= at_ms]

    def judge_again(self, at_ms: int, row: int, suspects: Iterable[FamilyKey]) -> list[Alert]:
        """Judge the fixes from an instant on by the site as it is now; ``suspects`` may see a wrong side."""
        self._upto_row = row
        alerts = self._withdraw_scopes(at_ms)
        changed = {
            key: dict(family.actual.incidents) | self._again(family, at_ms) | self._written_of(family, at_ms)
            for key, family in self._families.items()
        }
        opened = sorted(key for key in suspects if key not in self._families)
        changed |= {key: self._open(*key) for key in opened}
        for key, family in self._families.items():
            if family.backfill:
                changed[key] |= self._rights_again(family, at_ms)
        alerts += self._write(changed, at_ms)
        self._plan()
        return alerts

    def _withdraw_scopes(self, at_ms: int) -> list[Alert]:
        """The same for scopes that are no more."""
        gone = [key for key in self._written if key[0] < 0]
        written = [self._written.pop(key) for key in gone]
        return [replace(each.alert, withdrawn_ms=at_ms) for each in written if each.facts is not None]

    def _again(self, family: Family, at_ms: int) -> Changes:
        changes: dict[int, Changes] = {}
        for leave, machine in family.machines.items():
            verdict = partial(self._verdict, family.scope, leave=leave)
            changes[leave] = machine.judge_again(at_ms, verdict)
        return changes[ACTUAL]

    def _written_of(self, family: Family, at_ms: int) -> Changes:
        """Incidents raised from an instant on: other fences may be what their alerts have to name."""
        incidents: Changes = {o: i for o, i in family.actual.incidents.items() if i.raised.at_ms >= at_ms}
        for (scope, backfill, onset), each in self._written.items():
            is_ahead = each.facts is not None and each.facts[0].at_ms >= at_ms
            if (scope, backfill) == (family.scope, family.backfill) and is_ahead:
                incidents.setdefault(
                    onset, None
                )  # taken over from columns, and not found by the site as it is now
        for onset in incidents:
            key = family.scope, family.backfill, onset
            written = self._written.get(key)
            if written is not None and written.facts is not None:
                self._written[key] = replace(written, facts=(*written.facts[:2], BEGIN_MS, None))
        return incidents

    def _rights_again(self, family: Family, at_ms: int) -> Changes:
        """Incidents of backfill whose earliest right-side fix, where it was of then or later, has changed."""
        incidents = family.actual.incidents
        found = {
            onset: right_ms
            if (right_ms := family.rights.get(onset)) is not None and right_ms < at_ms
            else self._search_right(family.scope, incident)
            for onset, incident in incidents.items()
        }
        changed = [onset for onset, right_ms in found.items() if right_ms != family.rights.get(onset)]
        family.rights = found
        return {onset: incidents[onset] for onset in changed}

    def count_leaves(self, history: History, scopes: Iterable[int], raised: Set[Onset]) -> None:
        """Leaves were entered late: find in what is known of the past what each of them would have prevented.

        It is written at their approval, which is yet to come. ``raised`` is what was written before this
        tracker was.
        """
        stand, withdrawn = self.onsets
        stand |= raised - withdrawn
        for scope in scopes:
            self._count_leaves(scope, False, history, stand)
            if self._backfill:
                of_backfill = replace(history, before=None, fixes=self._backfill)
                self._count_leaves(scope, True, of_backfill, stand)
        self._plan()

    def _count_leaves(self, scope: int, backfill: bool, history: History, stand: Set[Onset]) -> None:
        known, fresh = self._families.get((scope, backfill)), self._family(scope, backfill, history.before)
        if known is not None:
            fresh.begin_with(known.actual.open_before(history.since_ms))
        self._step_through(fresh, history.fixes, history.since_ms)
        certain = fresh.actual.certain_incidents(self._context.table.most_clear_fixes, history.is_complete)
        # Where a run began that an alert was raised by is known, whatever came before: nothing went on then.
        found = fresh.actual.incidents.items()
        certain |= {onset: incident for onset, incident in found if (scope, backfill, onset) in stand}
        if known is not None:
            known.remember(certain, fresh, history.since_ms)
        elif certain and fresh.actual.state.idle:
            fresh.actual.incidents = certain
            known = self._families[scope, backfill] = fresh
        if known is not None and backfill:
            self._rights_again(known, END_MS)

    def withdraw(self, at_ms: int) -> list[Alert]:
        """The binding is no more, before it began: what a fast clock's fixes raised is withdrawn."""
        return [
            replace(written.alert, withdrawn_ms=at_ms)
            for written in self._written.values()
            if written.facts is not None
        ]


def _shown(incident: Incident) -> tuple[int, list[int]]:
    """When it was raised, and by which fixes."""
    return incident.raised.at_ms, [sighting.at_ms for sighting in incident.evidence]
