"""One shard of the engine: columns of accepted rows in, alerts out, by the log's clock alone."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.checkpoint import Checkpoint, Stored
from pipeline.engine.alert_writer import AlertWriter
from pipeline.engine.assignment import Assignment
from pipeline.engine.boundary.binding_tracker import BindingTracker
from pipeline.engine.boundary.boundary_engine import BoundaryEngine
from pipeline.engine.boundary.family import Family, OpeningVerdicts, TrackerContext, Written
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.fix_log import FixLog
from pipeline.engine.boundary.incidents import Incident, Run, RunRule, RunState, Sighting, Verdict
from pipeline.engine.boundary.machine import Entry, Machine
from pipeline.engine.boundary.side_classifier import Nearest, Place, SideClassifier
from pipeline.engine.boundary.timeline import Timeline
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.confirmation import ConfirmationWatch, Missed, Window
from pipeline.engine.growing_columns import Columns
from pipeline.engine.names import Names
from pipeline.engine.renumbering import Renumbering
from pipeline.engine.silence import Silences, SilenceWatch
from pipeline.engine.state_code import Form, Forms, decoded, encoded
from pipeline.engine.subject_table import build_subject_table
from pipeline.ping import CONFIRMATION, PingBatch
from pipeline.sites.policy import DEVICE_KINDS
from sinks.alert import Alert, EvidenceFix

Ints = NDArray[np.int64]

_RECORDS = (
    Fix, Sighting, Run, Incident, RunRule, RunState, Entry, Family, Written, Alert, EvidenceFix, Missed,
    Nearest, Place,
)  # fmt: skip
#: What stands in a shard's checkpoint.
FORMS = Forms(
    [
        *(Form(kind, tuple(field.name for field in fields(kind))) for kind in _RECORDS),
        Form(Window, Window.__match_args__),
        Form(OpeningVerdicts, tuple(field.name for field in fields(OpeningVerdicts)), name="OpeningJudge"),
        Form(BindingTracker, BindingTracker.KEPT, name="Track"),
        Form(Machine, Machine.KEPT),
    ],
    [Verdict],
)
#: What all trackers of a shard share, as a checkpoint refers to it.
_SHARED = "court"
#: What its numbers stand for, among what only grows.
_NAMES = "names"
#: Attributes that a checkpoint calls by another name than the code. Names on disk are never changed with the
#: code: a state that was written before a renaming must still be read.
_NAME_ON_DISK = {"_trackers": "_tracks", "_safe_m": "_slack_m", "gap_ms": "blind_ms"}


class Kept(Protocol):
    """Something whose state is that of the attributes it names."""

    @property
    def KEPT(self) -> tuple[str, ...]: ...  # noqa: N802 - a constant of its classes


class Shard:
    """Judges the people of one shard; the same rows and clock give the same alerts however cut.

    Every answer lists alerts as they are after a change, in order of change: the last of a key holds.
    """

    def __init__(self, compiled: CompiledSite, number: int = 0) -> None:
        site, fences = compiled.site, compiled.fences
        self._number = number
        self._policy = site.policy
        self._fences = fences
        self._subjects = build_subject_table(compiled.division, number)
        self._assignment = Assignment(site, fences, self._subjects)
        classifier = SideClassifier(fences, self._assignment)
        log = FixLog(len(self._subjects.binding_person))
        self._writer = AlertWriter(fences, self._assignment, classifier, log)
        self._context = TrackerContext(
            site.policy, classifier, Timeline(fences, self._subjects, classifier), self._writer
        )
        self._boundary = BoundaryEngine(fences, self._assignment, self._context)
        self._confirmations = ConfirmationWatch(site.policy, self._subjects)
        levels_ms = np.array([self._policy.silence_ms[kind] for kind in DEVICE_KINDS], np.int64)
        episodes = self._subjects.episodes
        self._silence = SilenceWatch(episodes.from_ms, episodes.to_ms, levels_ms)
        self._past_ms = BEGIN_MS
        self._name_generation = 0

    def checkpoint(self) -> Checkpoint:
        """Everything that the rows and the clock so far have made of this shard; to be stored at once."""
        kept: dict[str, object] = {"past_ms": self._past_ms}
        for name, part in self._stateful().items():
            kept[name] = {_NAME_ON_DISK.get(each, each): getattr(part, each) for each in part.KEPT}
        growing = self._writer.log.growing() | {_NAMES: self._name_columns}
        return Checkpoint(encoded(kept, FORMS, {_SHARED: self._context}), growing)

    def restore(self, stored: Stored, start_ms: int = BEGIN_MS) -> list[Alert]:
        """Go on from a checkpoint of the same shard, of this site or one that it was changed from.

        ``start_ms``: where the log's clock began. Returns the alerts that are others by this site.
        Raises StateCodeError.
        """
        kept = decoded(stored.whole, FORMS, {_SHARED: self._context})
        self._past_ms = kept["past_ms"]
        for name, part in self._stateful().items():
            for attribute in part.KEPT:
                setattr(part, attribute, kept[name][_NAME_ON_DISK.get(attribute, attribute)])
        growing = {name: Columns.of(rows) for name, rows in stored.rows.items()}
        # The version before kept no names: its state is of this very site.
        names = Names.of_columns(growing.pop(_NAMES).rows_from(0)) if _NAMES in growing else self._names
        self._writer.log.grown(growing)
        return self._move(names, start_ms)

    def moved_to(self, compiled: CompiledSite, at_ms: int, start_ms: int) -> tuple[Shard, list[Alert]]:
        """This shard under a site that differs from an instant on, which the clock has come to.

        This one is used up.
        """
        alerts = self.advance(at_ms)
        shard = Shard(compiled, self._number)
        shard._past_ms = self._past_ms
        shard._name_generation = self._name_generation + 1
        mine = self._stateful()
        for name, part in shard._stateful().items():
            for attribute in part.KEPT:
                setattr(part, attribute, getattr(mine[name], attribute))
        shard._writer.log.grown(self._writer.log.growing())
        return shard, alerts + shard._move(self._names, start_ms)

    def _move(self, names: Names, start_ms: int) -> list[Alert]:
        """Take over the state that is there, which is by other names."""
        if self._past_ms == BEGIN_MS:
            return []
        numbers, past_ms = Renumbering.between(names, self._names), self._past_ms
        self._silence.move(numbers.episodes, self._kinds_at(self._silence.since_ms(past_ms)), past_ms)
        self._confirmations.move(numbers.people)
        self._writer.log.move(numbers.bindings, len(self._subjects.binding_person))
        return self._boundary.move(numbers, start_ms)

    @cached_property
    def _names(self) -> Names:
        """Worked out when state is kept or moves: a replay of a site that stays does neither."""
        return Names.of(self._fences, self._assignment)

    @cached_property
    def _name_columns(self) -> Columns:
        columns = self._names.columns()
        columns.generation = self._name_generation
        return columns

    def _stateful(self) -> dict[str, Kept]:
        """What remembers anything, by its name on disk; the site's compilation makes the rest."""
        return {
            "log": self._writer.log, "patrol": self._boundary, "confirmations": self._confirmations,
            "silence": self._silence,
        }  # fmt: skip

    def start(self, start_ms: int) -> None:
        """Begin the clock at the first accepted arrival of the whole log; once, before any row."""
        if self._past_ms == BEGIN_MS:
            self._past_ms = start_ms
            self._boundary.start(start_ms)
            self._silence.start(start_ms, self._kinds_at(self._silence.since_ms(start_ms)))
            self._confirmations.start(start_ms)

    def step(self, batch: PingBatch) -> list[Alert]:
        """Accepted rows in merged order, none arriving before the clock."""
        if not len(batch):
            return []
        alerts = self._ingest_arrivals(batch)
        alerts += self._ingest_confirmations(batch)
        alerts += self._ingest_fixes(batch)
        return alerts + self.advance(int(batch.arrival_ms[-1]))

    def advance(self, past_ms: int) -> list[Alert]:
        """The log is read past all instants before this one: their deadlines and moments take effect."""
        if past_ms <= self._past_ms:
            return []
        self._fences.active_intervals.cover(self._past_ms, past_ms)
        alerts = self._silences(self._silence.advance(past_ms))
        alerts += self._missed(self._confirmations.advance(past_ms))
        alerts += self._boundary.advance(past_ms)
        self._past_ms = past_ms
        return alerts

    def skip_gap(self, from_ms: int, to_ms: int) -> list[Alert]:
        """The log's clock stood still: what was due before takes effect, and the gap is nobody's silence."""
        alerts = self.advance(from_ms + 1)
        self._silence.skip_gap(from_ms, to_ms)
        return alerts + ([self._writer.log_gap(from_ms, to_ms)] if self._number == 0 else [])

    def _ingest_arrivals(self, batch: PingBatch) -> list[Alert]:
        episode = self._subjects.episodes.at(batch.device.astype(np.int64), batch.arrival_ms)
        heard = episode >= 0
        episode, arrival_ms = episode[heard], batch.arrival_ms[heard]
        kind = self._subjects.kind_at(self._subjects.episode_binding[episode], arrival_ms)
        return self._silences(self._silence.hear(episode, arrival_ms, kind))

    def _kinds_at(self, at_ms: Ints) -> NDArray[np.int8]:
        """The kind of each episode's device at an instant within it (0 beyond its end)."""
        subjects = self._subjects
        row = subjects.kinds.at(subjects.episode_binding, at_ms)
        return np.where(row >= 0, subjects.kind[row] if len(subjects.kind) else 0, 0).astype(np.int8)

    def _ingest_confirmations(self, batch: PingBatch) -> list[Alert]:
        made = batch.select(np.flatnonzero((batch.kind == CONFIRMATION) & batch.face_ok))
        binding = self._subjects.bindings.at(made.device.astype(np.int64), made.event_ms)
        bound = binding >= 0
        person = self._subjects.binding_person[binding[bound]]
        return self._missed(self._confirmations.confirm(person, made.event_ms[bound], made.arrival_ms[bound]))

    def _ingest_fixes(self, batch: PingBatch) -> list[Alert]:
        binding = self._subjects.bindings.at(batch.device.astype(np.int64), batch.event_ms)
        placed = (binding >= 0) & ~np.isnan(batch.lon)
        person = np.where(placed, self._subjects.binding_person[binding], -1) if len(binding) else binding
        row = self._subjects.rows.at(person, batch.event_ms)
        judged = np.flatnonzero(row >= 0)
        if not len(judged):
            return []
        fixes = batch.select(judged)
        earliest_ms = int(fixes.event_ms.min()) - self._policy.allowed_lateness_ms
        self._fences.active_intervals.cover(earliest_ms, int(max(fixes.event_ms.max(), fixes.arrival_ms[-1])))
        return self._boundary.process(fixes, binding[judged], row[judged])

    def _silences(self, found: Silences) -> list[Alert]:
        device = self._subjects.episodes.owner[found.episode].tolist()
        person = self._subjects.binding_person[self._subjects.episode_binding[found.episode]].tolist()
        onset_ms, raised_ms, level = found.onset_ms.tolist(), found.raised_ms.tolist(), found.level.tolist()
        cleared_ms = [None if ms == END_MS else ms for ms in found.cleared_ms.tolist()]
        columns = zip(device, person, onset_ms, raised_ms, level, cleared_ms, strict=True)
        return [self._writer.silence(*column) for column in columns]

    def _missed(self, found: list[Missed]) -> list[Alert]:
        return [self._writer.missed(m.person, m.start_ms, m.deadline_ms, m.cleared_ms) for m in found]
