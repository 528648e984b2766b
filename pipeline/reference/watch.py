"""One binding before one scope: its live fixes, its backfill, and the alerts both raise."""

from __future__ import annotations

from dataclasses import replace

from pipeline.reference.authorise import Authority
from pipeline.reference.lane import Entry, Found, Lane, Stepper
from pipeline.reference.machine import Rules, State, Step, end, judge_fix, rules_of
from pipeline.reference.row import END_RANK, OPENING_RANK, ReferenceRow
from pipeline.reference.scope import Scope, moments
from pipeline.reference.side import SideFinder
from pipeline.reference.subjects import Tie
from pipeline.rules.catalogue import BOUNDARY_VIOLATION, ZONE_ENTRY
from pipeline.sites.records import Leave
from sinks.alert import Alert, alert_key


class Watch:
    """Alerts of one (binding, scope) as a pure function of the rows taken and the clock passed.

    An alert that the judged order no longer gives stays, withdrawn at the arrival or moment that undid
    it, with the fields it had; one that it gives (again) is as the order has it now.
    """

    def __init__(self, finder: SideFinder, tie: Tie, scope: Scope) -> None:
        self._finder, self._tie, self._scope = finder, tie, scope
        self._right = rules_of(scope.rule, finder.policies.all[0]).right
        self._moments = moments(scope, finder.subjects, finder.active, tie)
        self._moments_done = 0
        self._live, self._backfill = Lane(self._stepper()), Lane(self._stepper())
        self._withdrawn: dict[str, Alert] = {}

    def add(self, row: ReferenceRow, *, live: bool) -> None:
        """Judge a fix of the binding that comes in now."""
        self.pass_moments(row.arrival_ms)
        look = self._finder.look(self._scope, row, at_ms=row.event_ms, arrival_ms=row.arrival_ms)
        self._insert(self._live if live else self._backfill, Entry(row.order(), row, look), row.arrival_ms)

    def pass_moments(self, before_ms: int) -> None:
        """Let the clock come to an instant: openings and ends before it take effect."""
        while self._moments_done < len(self._moments):
            at_ms, rank = self._moments[self._moments_done]
            if at_ms >= before_ms:
                return
            self._moments_done += 1
            self._insert(self._live, Entry((at_ms, rank)), at_ms)
            if rank == END_RANK:
                self._insert(self._backfill, Entry((at_ms, rank)), at_ms)

    def alerts(self, until_ms: int) -> list[Alert]:
        """Every alert there ever was, as it stands once everything at ``until_ms`` has happened."""
        now: dict[str, Alert] = {}
        for lane in (self._live, self._backfill):
            authority = self._authority(lane.entries, until_ms + 1)
            for found in lane.found().values():
                alert = self._alert(lane, found, authority)
                now[alert.alert_key] = alert
        return list((self._withdrawn | now).values())

    def _insert(self, lane: Lane, entry: Entry, now_ms: int) -> None:
        for gone in lane.insert(entry).values():
            entries = [other for other in lane.entries if other is not entry]
            alert = self._alert(lane, gone, self._authority(entries, now_ms))
            self._withdrawn[alert.alert_key] = replace(alert, withdrawn_ms=now_ms)

    def _authority(self, entries: list[Entry], before_ms: int) -> Authority:
        return Authority(self._finder.leaves, entries, self._stepper, before_ms=before_ms)

    def _stepper(self, also: Leave | None = None) -> Stepper:
        """The judge of entries; with a leave that counts for every fix, whenever approved."""

        def step(state: State, entry: Entry) -> Step:
            at_ms = int(entry.key[0])
            if entry.key[1] == END_RANK:
                return end(state, at_ms)
            if entry.key[1] == OPENING_RANK:
                return self._open(state, at_ms, also)
            assert entry.row is not None, "only openings and ends are without a row"
            look = entry.look
            if also is not None:
                look = self._finder.look(
                    self._scope, entry.row, at_ms=at_ms, arrival_ms=entry.row.arrival_ms, also=also
                )
            state = state._replace(last=entry.row)
            if look is None:
                return Step(state)
            return judge_fix(state, entry.row, look, self._rules_at(at_ms), at_ms, plain=False)

        return step

    def _open(self, state: State, at_ms: int, also: Leave | None) -> Step:
        """The last known fix judged once at an opening, unless it is too old."""
        row = state.last
        if row is None:
            return Step(state)
        oldest_ms = at_ms - self._finder.policies.at(at_ms).silence_ms[self._tie.kind_at(at_ms)][0]
        look = self._finder.look(self._scope, row, at_ms=at_ms, arrival_ms=at_ms, also=also)
        if row.event_ms < oldest_ms or look is None:
            return Step(state)
        return judge_fix(state, row, look, self._rules_at(at_ms), at_ms, plain=True)

    def _rules_at(self, at_ms: int) -> Rules:
        """The rules by which a fix judged at an instant raises or clears; a run goes on under others."""
        return rules_of(self._scope.rule, self._finder.policies.at(at_ms))

    def _alert(self, lane: Lane, found: Found, authority: Authority) -> Alert:
        """The record of an alert of a lane, not withdrawn."""
        raised, tie = found.raised, self._tie
        retrospective = lane is self._backfill
        keep_in = self._scope.rule == "keep_in"
        rule = BOUNDARY_VIOLATION if keep_in else ZONE_ENTRY
        severity = raised.look.severity
        return Alert(
            alert_key=alert_key(rule.kind, tie.device_id, self._scope.name, raised.onset_ms, retrospective),
            kind=rule.kind,
            severity=rule.severity_at() if severity is None else severity,
            person_id=tie.person_id,
            device_id=tie.device_id,
            office_id=self._finder.subjects.office_at(tie.person_id, raised.raised_ms),
            group=self._scope.name if keep_in else None,
            fence_id=raised.look.fence_id,
            onset_ms=raised.onset_ms,
            raised_ms=raised.raised_ms,
            cleared_ms=self._backfill_clear(found) if retrospective else found.cleared_ms,
            withdrawn_ms=None,
            authorised_by=authority.of(raised.onset_ms) if keep_in else None,
            level=1,
            lon=raised.row.lon,
            lat=raised.row.lat,
            distance_m=raised.look.distance_m,
            retrospective=retrospective,
            policy_version=self._finder.policies.at(raised.raised_ms).version,
            evidence=raised.evidence,
        )

    def _backfill_clear(self, found: Found) -> int | None:
        """By its own streak, else by any right-side fix of the binding behind it or by an end."""
        if found.cleared_ms is not None and not found.ended:
            return found.cleared_ms
        lanes = (self._live, self._backfill)
        rows = (lane.first_after(found.key, self._right) for lane in lanes)
        times = [row.event_ms for row in rows if row is not None]
        return min(times + [ms for ms in (found.cleared_ms,) if ms is not None], default=None)
