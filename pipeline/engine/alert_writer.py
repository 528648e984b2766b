"""Detectors' findings written as alerts: ids, offices, severities and exact distances."""

from __future__ import annotations

from geofences.instant import BEGIN_MS
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.fix_log import FixLog
from pipeline.engine.boundary.incidents import Incident, Sighting
from pipeline.engine.boundary.side_classifier import Nearest, SideClassifier
from pipeline.engine.compiled_fences import CompiledFences
from pipeline.engine.detectors.detector import Finding
from pipeline.engine.subject_table import SubjectTable
from pipeline.rules.catalogue import BOUNDARY_VIOLATION, ZONE_ENTRY
from pipeline.sites.policy import DEVICE_KINDS
from sinks.alert import Alert, EvidenceFix, alert_key, alert_without_place


class AlertWriter:
    """Knows the names behind a shard's numbers."""

    def __init__(self, assignment: Assignment, classifier: SideClassifier, log: FixLog) -> None:
        self.subjects: SubjectTable = assignment.subjects
        self.log = log
        self._assignment = assignment
        self._classifier = classifier

    @property
    def _compiled(self) -> CompiledFences:
        return self._assignment.compiled

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
        return self._compiled.policies.at(at_ms).silence_ms[DEVICE_KINDS[kind]][0]

    def boundary(self, binding: int, scope: int, incident: Incident, retrospective: bool) -> Alert:
        """A boundary violation or a zone entry, not cleared, not withdrawn, by nobody authorised."""
        person = int(self.subjects.binding_person[binding])
        device_id = self.subjects.device_ids[self.subjects.bindings.owner[binding]]
        judged = self._compiled.scopes[scope]
        rule = BOUNDARY_VIOLATION if judged.keep_in else ZONE_ENTRY
        raised = incident.raised
        *evidence, nearest = self._classifier.nearest(scope, person, [*incident.evidence, raised])
        return Alert(
            alert_key=alert_key(rule.kind, device_id, judged.name, incident.onset_ms, retrospective),
            kind=rule.kind,
            severity=nearest.place.severity or rule.severity_at(),
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
            policy_version=self._compiled.policies.at(raised.at_ms).version,
            evidence=tuple(map(_evidence, incident.evidence, evidence)),
        )

    def told_of_gap(self, from_ms: int, to_ms: int) -> tuple[str, str]:
        """The highest office, which is told of a gap of the log's clock, and the policy that held."""
        offices = [tree for tree in self._compiled.office_trees if tree.from_ms <= to_ms][-1].above
        highest = min(offices, key=lambda office_id: (len(offices[office_id]), office_id), default="")
        return highest, self._compiled.policies.at(from_ms).version

    def finding(self, found: Finding) -> Alert:
        """What a rule without places found."""
        person_id = self.subjects.person_ids[found.person]
        device_id = None if found.device is None else self.subjects.device_ids[found.device]
        return alert_without_place(
            found.rule.kind,
            found.rule.severity_at(found.level),
            device_id or person_id,
            person_id=person_id,
            office_id=self.subjects.office_at(found.person, found.raised_ms),
            onset_ms=found.onset_ms,
            raised_ms=found.raised_ms,
            cleared_ms=found.cleared_ms,
            policy_version=self._compiled.policies.at(found.onset_ms).version,
            device_id=device_id,
            level=found.level,
        )


def _evidence(sighting: Sighting, nearest: Nearest) -> EvidenceFix:
    fix = sighting.fix
    return EvidenceFix(sighting.at_ms, fix.lon, fix.lat, fix.accuracy_m, nearest.distance_m, nearest.side)
