"""One shard of the engine: columns of accepted rows in, alerts out, by the log's clock alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geofences.fence import Fence
from geofences.instant import BEGIN_MS
from pipeline.checkpoint import STORED, Checkpoint, Stored
from pipeline.engine.alert_writer import AlertWriter
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.binding_tracker import BindingTracker
from pipeline.engine.boundary.family import Family, OpeningVerdicts, TrackerContext, Written
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.fix_log import FixLog
from pipeline.engine.boundary.incidents import Incident, Run, RunRule, RunState, Sighting, Verdict
from pipeline.engine.boundary.machine import Entry, Machine
from pipeline.engine.boundary.moving_engine import MovingBoundaryEngine
from pipeline.engine.boundary.side_classifier import Nearest, Place, SideClassifier
from pipeline.engine.boundary.timeline import Timeline
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.current_subjects import CurrentSubjects
from pipeline.engine.detectors import DETECTORS
from pipeline.engine.detectors.detector import Finding, Kept, ShardRows
from pipeline.engine.grafting import Counts, Grafted, ShardGraft, graft
from pipeline.engine.growing_columns import Columns
from pipeline.engine.names import (
    Names,
    ScopeName,
    are_same_names,
    name_columns,
    scope_numbers,
    scopes_in_columns,
)
from pipeline.engine.policy_table import UNKNOWN_SOURCE
from pipeline.engine.renumbering import Renumbering
from pipeline.engine.state_code import Form, Forms, decoded, taken_down
from pipeline.engine.subject_table import build_subject_table
from pipeline.ping import PingBatch
from sinks.alert import Alert, EvidenceFix

Ints = NDArray[np.int64]

_RECORDS = (
    Sighting, Run, Incident, RunRule, RunState, Entry, Family, Written, Alert, EvidenceFix, Nearest, Place,
)  # fmt: skip
#: What stands in a shard's checkpoint.
FORMS = Forms(
    [
        *(Form(kind, tuple(field.name for field in fields(kind))) for kind in _RECORDS),
        Form(Fix, tuple(field.name for field in fields(Fix)), defaults={"source": UNKNOWN_SOURCE}),
        *(form for detector in DETECTORS for form in detector.FORMS),
        Form(OpeningVerdicts, tuple(field.name for field in fields(OpeningVerdicts)), name="OpeningJudge"),
        Form(BindingTracker, BindingTracker.KEPT, name="Track"),
        Form(Machine, Machine.KEPT),
    ],
    [Verdict],
)
#: What all trackers of a shard share, as a checkpoint refers to it.
_SHARED = "court"
_RULES = {True: "keep_in rules", False: "keep_out rules"}
#: What its numbers stand for, among what only grows.
_NAMES = "names"
#: The names of the scopes that trackers refer to.
_SCOPES = "scopes"
#: Attributes that a checkpoint calls by another name than the code. Names on disk are never changed with the
#: code: a state that was written before a renaming must still be read.
_NAME_ON_DISK = {"_trackers": "_tracks", "gap_ms": "blind_ms"}


class Shard:
    """Judges the people of one shard; the same rows and clock give the same alerts however cut.

    Every answer lists alerts as they are after a change, in order of change: the last of a key holds.
    """

    def __init__(self, compiled: CompiledSite, number: int = 0) -> None:
        site, fences = compiled.site, compiled.fences
        self._number = number
        self._subjects = build_subject_table(compiled.division, number, fences.office_trees)
        self._current = CurrentSubjects(self._subjects)
        self._assignment = Assignment(site.leaves, fences.leave_places, fences, self._subjects)
        classifier = SideClassifier(self._assignment)
        log = FixLog(len(self._subjects.binding_person))
        self._writer = AlertWriter(self._assignment, classifier, log)
        self._context = TrackerContext(
            fences.policies, classifier, Timeline(self._assignment, classifier), self._writer
        )
        self._boundary = MovingBoundaryEngine(self._assignment, self._context)
        self._detectors = [detector(fences.policies, self._subjects) for detector in DETECTORS]
        self._past_ms = BEGIN_MS
        self._name_generation = 0

    def checkpoint(self) -> Checkpoint:
        """Everything that the rows and the clock so far have made of this shard; to be stored at once."""
        kept: dict[str, object] = {"past_ms": self._past_ms}
        for name, part in self._stateful().items():
            kept[name] = {_NAME_ON_DISK.get(each, each): getattr(part, each) for each in part.KEPT}
        kept[_SCOPES] = self._scopes_in_use()
        growing = self._writer.log.growing() | {_NAMES: self._name_columns}
        return Checkpoint(taken_down(kept, FORMS, self._shared), growing)

    def restore(self, stored: Stored, start_ms: int = BEGIN_MS) -> list[Alert]:
        """Go on from a checkpoint of the same shard, of this site or one that it was changed from.

        ``start_ms``: where the log's clock began. Returns the alerts that are others by this site.
        Raises StateCodeError.
        """
        kept = decoded(stored.whole, FORMS, self._shared)
        self._past_ms = kept["past_ms"]
        for name, part in self._stateful().items():
            for attribute in part.KEPT if name in kept else ():
                setattr(part, attribute, kept[name][_NAME_ON_DISK.get(attribute, attribute)])
        growing = {name: Columns.of(rows, STORED) for name, rows in stored.rows.items()}
        # The first version kept no names: its state is of this very site.
        names = growing.pop(_NAMES) if _NAMES in growing else None
        self._writer.log.grown(growing)
        scopes = kept.get(_SCOPES)
        if scopes is None and names is not None:  # of a version that named all scopes of the site
            scopes = scopes_in_columns(names.rows_from(0))
        if names is not None and are_same_names(names.rows_from(0), self._name_columns.rows_from(0)):
            self._name_columns.generation, names = STORED, None
        return self._move(names, scopes, start_ms, kept.keys())

    def moved_to(self, compiled: CompiledSite, at_ms: int, start_ms: int) -> tuple[Shard, list[Alert]]:
        """This shard under a site that differs from an instant on, which the clock has come to.

        This one is used up, or is the one that is returned.
        """
        alerts = self.advance(at_ms)
        if compiled.follows(self._assignment.compiled):
            return self, alerts + self._spliced(compiled, start_ms)
        assert compiled.splice is None, "what is spliced follows what it was spliced into"
        shard = Shard(compiled, self._number)
        shard._past_ms = self._past_ms
        shard._name_generation = self._name_generation + 1
        mine = self._stateful()
        for name, part in shard._stateful().items():
            for attribute in part.KEPT:
                setattr(part, attribute, getattr(mine[name], attribute))
        shard._writer.log.grown(self._writer.log.growing())
        return shard, alerts + shard._move(self._name_columns, self._scopes_in_use(), start_ms, mine.keys())

    def _move(
        self,
        names: Columns | None,
        scopes: Mapping[int, ScopeName] | None,
        start_ms: int,
        there: Collection[str],
    ) -> list[Alert]:
        """Take over the state that is there, which is by other names; a rule of which none is begins now."""
        if self._past_ms == BEGIN_MS:
            return []
        fences, past_ms, new = self._assignment.compiled, self._past_ms, self._name_columns.rows_from(0)
        same = np.arange(fences.scope_count)
        of_scopes = same if scopes is None else scope_numbers(scopes, fences)
        numbers = Renumbering.between(new if names is None else names.rows_from(0), new, of_scopes)
        for detector in self._detectors:
            if detector.NAME in there:
                detector.move(numbers, past_ms)
            else:
                detector.start(past_ms)
        self._writer.log.move(numbers.bindings, len(self._subjects.binding_person))
        return self._boundary.move(numbers, start_ms)

    def _spliced(self, compiled: CompiledSite, start_ms: int) -> list[Alert]:
        """The change by which a site came of this one, where it concerns anybody here."""
        splice, had_zones = compiled.splice, self._assignment.compiled.has_zones
        assert splice is not None
        made = graft(self._assignment, compiled, self._number)
        self._context.classifier.forget()
        if made is not None:
            self._current.renew(made.devices)
            self._add_names(made.names)
        if self._past_ms == BEGIN_MS:
            return []
        return self._judge_spliced(made, splice.zones, had_zones, start_ms)

    def _judge_spliced(
        self, made: ShardGraft | None, zones: Sequence[Fence], had_zones: bool, start_ms: int
    ) -> list[Alert]:
        if made is None and not zones:
            return []
        numbers, concerned = self._unmoved() if made is None else (made.numbers, made.bindings)
        if zones:
            concerned = np.union1d(concerned, self._boundary.near(zones))
        if made is not None:
            before = {detector.NAME: detector.state for detector in self._detectors}
            self._detectors = [detector(self._context.table, self._subjects) for detector in DETECTORS]
            for detector in self._detectors:
                for attribute in detector.state.KEPT:
                    setattr(detector.state, attribute, getattr(before[detector.NAME], attribute))
                detector.move(numbers, self._past_ms)
            self._writer.log.move(numbers.bindings, len(self._subjects.binding_person))
        return self._boundary.move(numbers, start_ms, concerned if had_zones or not zones else None)

    def _unmoved(self) -> tuple[Renumbering, Ints]:
        nothing = Grafted(Counts.of(self._subjects))
        scopes, leaves = self._assignment.compiled.scope_count, len(self._assignment.leaves)
        return nothing.renumbering(scopes, (leaves, leaves)), np.empty(0, np.int64)

    def _add_names(self, names: Names) -> None:
        if "_name_columns" in self.__dict__:
            self._name_columns.append(names.columns().rows_from(0))

    def _scopes_in_use(self) -> dict[int, ScopeName]:
        """The names of the scopes that the state refers to, by number."""
        scopes = self._assignment.compiled.scopes
        return {
            at: (scopes.keep_in[at], scopes.names[at])
            for at in sorted(self._boundary.scopes_in_use())
            if at >= 0
        }

    @property
    def _shared(self) -> dict[str, object]:
        """What a state refers to by name: the site's compilation makes it anew."""
        rules = {_RULES[keep_in]: of for keep_in, of in self._context.rules.items()}
        return {_SHARED: self._context, **rules}

    @cached_property
    def _name_columns(self) -> Columns:
        """Worked out when state is kept or moves: a replay of a site that stays does neither."""
        columns = name_columns(self._assignment)
        columns.generation = self._name_generation
        return columns

    def _stateful(self) -> dict[str, Kept]:
        """What remembers anything, by its name on disk; the site's compilation makes the rest."""
        detectors = sorted((detector.NAME, detector.state) for detector in self._detectors)
        boundary: dict[str, Kept] = {"log": self._writer.log, "patrol": self._boundary}
        kept: dict[str, Kept] = {"raised": self._boundary.raised, "machines": self._boundary.machines}
        return {**boundary, **dict(detectors), **kept}

    def start(self, start_ms: int) -> None:
        """Begin the clock at the first accepted arrival of the whole log; once, before any row."""
        if self._past_ms == BEGIN_MS:
            self._past_ms = start_ms
            self._boundary.start(start_ms)
            for detector in self._detectors:
                detector.start(start_ms)

    def step(self, batch: PingBatch) -> list[Alert]:
        """Accepted rows in merged order, none arriving before the clock."""
        if not len(batch):
            return []
        rows = ShardRows(batch, self._subjects, self._current)
        alerts = [alert for each in self._detectors for alert in self._written(each.ingest(rows))]
        alerts += self._ingest_fixes(rows)
        return alerts + self.advance(int(batch.arrival_ms[-1]))

    def advance(self, past_ms: int) -> list[Alert]:
        """The log is read past all instants before this one: their deadlines and moments take effect."""
        if past_ms <= self._past_ms:
            return []
        self._assignment.compiled.active_intervals.cover(self._past_ms, past_ms)
        alerts = [alert for each in self._detectors for alert in self._written(each.advance(past_ms))]
        alerts += self._boundary.advance(past_ms)
        self._past_ms = past_ms
        return alerts

    def skip_gap(self, from_ms: int, to_ms: int) -> list[Alert]:
        """The log's clock stood still: what was due before takes effect, and the gap is nobody's silence."""
        alerts = self.advance(from_ms + 1)
        for detector in self._detectors:
            detector.skip_gap(from_ms, to_ms)
        return alerts

    def told_of_gap(self, from_ms: int, to_ms: int) -> tuple[str, str]:
        """The office that is told of such a gap, and the version of the policy that held."""
        return self._writer.told_of_gap(from_ms, to_ms)

    def _ingest_fixes(self, rows: ShardRows) -> list[Alert]:
        batch = rows.batch
        judged = np.flatnonzero((rows.person_row >= 0) & ~np.isnan(batch.lon))
        if not len(judged):
            return []
        fixes = batch.select(judged)
        lateness_ms = self._context.policies.lateness_from_ms(self._past_ms)
        earliest_ms = int(fixes.event_ms.min()) - lateness_ms
        self._assignment.compiled.active_intervals.cover(
            earliest_ms, int(max(fixes.event_ms.max(), fixes.arrival_ms[-1]))
        )
        return self._boundary.process(fixes, rows.binding[judged], rows.person_row[judged])

    def _written(self, findings: Sequence[Finding]) -> list[Alert]:
        return [self._writer.finding(found) for found in findings]
