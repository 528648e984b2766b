"""Detectors' findings written as alerts: ids, offices, severities and exact distances."""

from __future__ import annotations

from geofences.instant import BEGIN_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.fix_log import FixLog
from pipeline.engine.boundary.incidents import Incident, Sighting
from pipeline.engine.boundary.side_classifier import Nearest, SideClassifier
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.subject_table import SubjectTable
from pipeline.sites.policy import DEVICE_KINDS
from sinks.alert import (
    BOUNDARY_VIOLATION,
    DEFAULT_SEVERITY,
    LOG_GAP,
    MISSED_CONFIRMATION,
    SILENCE_SEVERITY,
    SILENT_DEVICE,
    ZONE_ENTRY,
    Alert,
    EvidenceFix,
    alert_key,
)


class AlertWriter:
    """Knows the names behind a shard's numbers."""

    def __init__(
        self, compiled: CompiledFences, assignment: Assignment, classifier: SideClassifier, log: FixLog
    ) -> None:
        self.subjects: SubjectTable = assignment.subjects
        self.log = log
        self._compiled = compiled
        self._assignment = assignment
        self._classifier = classifier

    def leave_id(self, leave: int) -> str:
        """The id of a leave by number."""
        return self._assignment.leaves[leave].leave_id

    def later_leaves(self, person: int) -> list[tuple[int, int]]:
        """(approved_ms, number) of a person's leaves that did not always count."""
        numbers = self._assignment.leaves_of(person)
        leaves = self._assignment.leaves
        return sorted(
            (leaves[number].approved_at_ms, number)
            for number in numbers
            if leaves[number].approved_at_ms > BEGIN_MS
        )

    def first_silence_ms(self, binding: int, at_ms: int) -> int:
        """The first silence level of the device kind bound then."""
        kind = self.subjects.kind[self.subjects.kinds.one_at(binding, at_ms)]
        return self._compiled.policy.silence_ms[DEVICE_KINDS[kind]][0]

    def boundary(self, binding: int, scope: int, incident: Incident, retrospective: bool) -> Alert:
        """A boundary violation or a zone entry, not cleared, not withdrawn, by nobody authorised."""
        person = int(self.subjects.binding_person[binding])
        device_id = self.subjects.device_ids[self.subjects.bindings.owner[binding]]
        judged = self._compiled.scopes[scope]
        kind = BOUNDARY_VIOLATION if judged.keep_in else ZONE_ENTRY
        raised = incident.raised
        *evidence, nearest = self._classifier.nearest(scope, person, [*incident.evidence, raised])
        return Alert(
            alert_key=alert_key(kind, device_id, judged.name, incident.onset_ms, retrospective),
            kind=kind,
            severity=nearest.place.severity or DEFAULT_SEVERITY[kind],
            person_id=self.subjects.person_ids[person],
            device_id=device_id,
            office_id=self.subjects.office_at(person, raised.at_ms),
            group=judged.name if judged.keep_in else None,
            fence_id=nearest.place.name,
            onset_ms=incident.onset_ms,
            raised_ms=raised.at_ms,
            cleared_ms=None,
            withdrawn_ms=None,
            authorised_by=None,
            level=1,
            lon=raised.fix.lon,
            lat=raised.fix.lat,
            distance_m=nearest.distance_m,
            retrospective=retrospective,
            policy_version=self._compiled.policy.version,
            evidence=tuple(map(_evidence, incident.evidence, evidence)),
        )

    def silence(
        self, device: int, person: int, onset_ms: int, raised_ms: int, level: int, cleared_ms: int | None
    ) -> Alert:
        """A silent device at the level it has reached."""
        device_id, severity = self.subjects.device_ids[device], SILENCE_SEVERITY[level]
        return self._plain(SILENT_DEVICE, person, device_id, onset_ms, raised_ms, cleared_ms, severity, level)

    def missed(self, person: int, start_ms: int, deadline_ms: int, cleared_ms: int | None) -> Alert:
        """A confirmation that was owed in a window and did not come in time."""
        severity = DEFAULT_SEVERITY[MISSED_CONFIRMATION]
        return self._plain(MISSED_CONFIRMATION, person, None, start_ms, deadline_ms, cleared_ms, severity, 1)

    def log_gap(self, from_ms: int, to_ms: int) -> Alert:
        """Nobody listened for a while: about the system, so about no person, for the highest office."""
        offices = self._compiled.offices_above
        return Alert(
            alert_key=alert_key(LOG_GAP, "log", "", from_ms, False),
            kind=LOG_GAP,
            severity=DEFAULT_SEVERITY[LOG_GAP],
            person_id="",
            device_id=None,
            office_id=min(offices, key=lambda office_id: (len(offices[office_id]), office_id), default=""),
            group=None,
            fence_id=None,
            onset_ms=from_ms,
            raised_ms=to_ms,
            cleared_ms=to_ms,
            withdrawn_ms=None,
            authorised_by=None,
            level=1,
            lon=None,
            lat=None,
            distance_m=None,
            retrospective=False,
            policy_version=self._compiled.policy.version,
        )

    def _plain(
        self,
        kind: str,
        person: int,
        device_id: str | None,
        onset_ms: int,
        raised_ms: int,
        cleared_ms: int | None,
        severity: int,
        level: int,
    ) -> Alert:
        person_id = self.subjects.person_ids[person]
        return Alert(
            alert_key=alert_key(kind, device_id or person_id, "", onset_ms, False),
            kind=kind,
            severity=severity,
            person_id=person_id,
            device_id=device_id,
            office_id=self.subjects.office_at(person, raised_ms),
            group=None,
            fence_id=None,
            onset_ms=onset_ms,
            raised_ms=raised_ms,
            cleared_ms=cleared_ms,
            withdrawn_ms=None,
            authorised_by=None,
            level=level,
            lon=None,
            lat=None,
            distance_m=None,
            retrospective=False,
            policy_version=self._compiled.policy.version,
        )


def _evidence(sighting: Sighting, nearest: Nearest) -> EvidenceFix:
    fix = sighting.fix
    return EvidenceFix(sighting.at_ms, fix.lon, fix.lat, fix.accuracy_m, nearest.distance_m, nearest.side)
