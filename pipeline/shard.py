"""One shard of the engine: columns of accepted rows in, alerts out, by the log's clock alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.alerting import AlertWriter
from pipeline.assignment import Assignment
from pipeline.checkpoints import Checkpoint, Stored
from pipeline.columns import Columns
from pipeline.detectors.boundary import Incident, Run, RunRule, RunState, Sighting, Verdict
from pipeline.detectors.confirmation import ConfirmationWatch, Missed, Window
from pipeline.detectors.silence import Silences, SilenceWatch
from pipeline.division import Division, divide
from pipeline.fix import Fix
from pipeline.fix_log import FixLog
from pipeline.ground import Ground
from pipeline.judge import Judge, Nearest, Place
from pipeline.machine import Entry, Machine
from pipeline.patrol import Patrol
from pipeline.ping import CONFIRMATION, PingBatch
from pipeline.policy import DEVICE_KINDS
from pipeline.roster import build_roster
from pipeline.sites.records import Site
from pipeline.state_code import Form, Forms, decoded, encoded
from pipeline.timeline import Timeline
from pipeline.track import Court, Family, OpeningJudge, Track, Written
from sinks.alert import Alert, EvidenceFix

Ints = NDArray[np.int64]

_RECORDS = (
    Fix, Sighting, Run, Incident, RunRule, RunState, Entry, Family, Written, OpeningJudge, Alert, EvidenceFix,
    Missed, Nearest, Place,
)  # fmt: skip
#: What stands in a shard's checkpoint.
FORMS = Forms(
    [
        *(Form(kind, tuple(field.name for field in fields(kind))) for kind in _RECORDS),
        Form(Window, Window.__match_args__),
        Form(Track, Track.KEPT),
        Form(Machine, Machine.KEPT),
    ],
    [Verdict],
)


class Kept(Protocol):
    """Something whose state is that of the attributes it names."""

    @property
    def KEPT(self) -> tuple[str, ...]: ...  # noqa: N802 - a constant of its classes


@dataclass(frozen=True, slots=True, eq=False)
class CompiledSite:
    """A site and what all its shards share."""

    site: Site
    ground: Ground
    division: Division

    @classmethod
    def of(cls, site: Site, shards: int = 1) -> CompiledSite:
        """Compile a site for the stream."""
        return cls(site, Ground(site), divide(site, shards))


class Shard:
    """Judges the people of one shard; the same rows and clock give the same alerts however cut.

    Every answer lists alerts as they are after a change, in order of change: the last of a key holds.
    """

    def __init__(self, compiled: CompiledSite, number: int = 0) -> None:
        site, ground = compiled.site, compiled.ground
        self._number = number
        self._policy = site.policy
        self._ground = ground
        self._roster = build_roster(compiled.division, number)
        self._assignment = Assignment(site, ground, self._roster)
        judge = Judge(ground, self._assignment)
        log = FixLog(len(self._roster.binding_person))
        self._writer = AlertWriter(ground, self._assignment, judge, log)
        self._court = Court(site.policy, judge, Timeline(ground, self._roster, judge), self._writer)
        self._patrol = Patrol(ground, self._assignment, self._court)
        self._confirmations = ConfirmationWatch(site.policy, self._roster)
        levels_ms = np.array([self._policy.silence_ms[kind] for kind in DEVICE_KINDS], np.int64)
        episodes = self._roster.episodes
        self._silence = SilenceWatch(episodes.from_ms, episodes.to_ms, levels_ms)
        self._past_ms = BEGIN_MS

    def checkpoint(self) -> Checkpoint:
        """Everything that the rows and the clock so far have made of this shard; to be stored at once."""
        kept: dict[str, object] = {"past_ms": self._past_ms}
        for name, part in self._stateful().items():
            kept[name] = {attribute: getattr(part, attribute) for attribute in part.KEPT}
        return Checkpoint(encoded(kept, FORMS, {"court": self._court}), self._writer.log.growing())

    def restore(self, stored: Stored) -> None:
        """Go on from a checkpoint of the same shard of the same site. Raises StateCodeError."""
        kept = decoded(stored.whole, FORMS, {"court": self._court})
        self._past_ms = kept["past_ms"]
        for name, part in self._stateful().items():
            for attribute in part.KEPT:
                setattr(part, attribute, kept[name][attribute])
        self._writer.log.grown({name: Columns.of(rows) for name, rows in stored.rows.items()})

    def _stateful(self) -> dict[str, Kept]:
        """What remembers anything, by its name in a checkpoint; the site's compilation makes the rest."""
        return {
            "log": self._writer.log, "patrol": self._patrol, "confirmations": self._confirmations,
            "silence": self._silence,
        }  # fmt: skip

    def start(self, start_ms: int) -> None:
        """Begin the clock at the first accepted arrival of the whole log; once, before any row."""
        if self._past_ms == BEGIN_MS:
            self._past_ms = start_ms
            self._patrol.start(start_ms)
            self._silence.start(start_ms, self._kinds_at(self._silence.since_ms(start_ms)))
            self._confirmations.start(start_ms)

    def step(self, batch: PingBatch) -> list[Alert]:
        """Accepted rows in merged order, none arriving before the clock."""
        if not len(batch):
            return []
        alerts = self._take_arrivals(batch)
        alerts += self._take_confirmations(batch)
        alerts += self._take_fixes(batch)
        return alerts + self.advance(int(batch.arrival_ms[-1]))

    def advance(self, past_ms: int) -> list[Alert]:
        """The log is read past all instants before this one: their deadlines and moments take effect."""
        if past_ms <= self._past_ms:
            return []
        self._ground.hours.cover(self._past_ms, past_ms)
        alerts = self._silences(self._silence.advance(past_ms))
        alerts += self._missed(self._confirmations.advance(past_ms))
        alerts += self._patrol.advance(past_ms)
        self._past_ms = past_ms
        return alerts

    def blind(self, from_ms: int, to_ms: int) -> list[Alert]:
        """The log's clock stood still: what was due before takes effect, the gap is nobody's silence."""
        alerts = self.advance(from_ms + 1)
        self._silence.blind(from_ms, to_ms)
        return alerts + ([self._writer.log_gap(from_ms, to_ms)] if self._number == 0 else [])

    def _take_arrivals(self, batch: PingBatch) -> list[Alert]:
        episode = self._roster.episodes.at(batch.device.astype(np.int64), batch.arrival_ms)
        heard = episode >= 0
        episode, arrival_ms = episode[heard], batch.arrival_ms[heard]
        kind = self._roster.kind_at(self._roster.episode_binding[episode], arrival_ms)
        return self._silences(self._silence.take(episode, arrival_ms, kind))

    def _kinds_at(self, at_ms: Ints) -> NDArray[np.int8]:
        """The kind of each episode's device at an instant within it (0 beyond its end)."""
        roster = self._roster
        row = roster.kinds.at(roster.episode_binding, at_ms)
        return np.where(row >= 0, roster.kind[row] if len(roster.kind) else 0, 0).astype(np.int8)

    def _take_confirmations(self, batch: PingBatch) -> list[Alert]:
        made = batch.take(np.flatnonzero((batch.kind == CONFIRMATION) & batch.face_ok))
        binding = self._roster.bindings.at(made.device.astype(np.int64), made.event_ms)
        bound = binding >= 0
        person = self._roster.binding_person[binding[bound]]
        return self._missed(self._confirmations.take(person, made.event_ms[bound], made.arrival_ms[bound]))

    def _take_fixes(self, batch: PingBatch) -> list[Alert]:
        binding = self._roster.bindings.at(batch.device.astype(np.int64), batch.event_ms)
        placed = (binding >= 0) & ~np.isnan(batch.lon)
        person = np.where(placed, self._roster.binding_person[binding], -1) if len(binding) else binding
        row = self._roster.rows.at(person, batch.event_ms)
        judged = np.flatnonzero(row >= 0)
        if not len(judged):
            return []
        fixes = batch.take(judged)
        earliest_ms = int(fixes.event_ms.min()) - self._policy.allowed_lateness_ms
        self._ground.hours.cover(earliest_ms, int(max(fixes.event_ms.max(), fixes.arrival_ms[-1])))
        return self._patrol.take(fixes, binding[judged], row[judged])

    def _silences(self, found: Silences) -> list[Alert]:
        device = self._roster.episodes.owner[found.episode].tolist()
        person = self._roster.binding_person[self._roster.episode_binding[found.episode]].tolist()
        onset_ms, raised_ms, level = found.onset_ms.tolist(), found.raised_ms.tolist(), found.level.tolist()
        cleared_ms = [None if ms == END_MS else ms for ms in found.cleared_ms.tolist()]
        columns = zip(device, person, onset_ms, raised_ms, level, cleared_ms, strict=True)
        return [self._writer.silence(*column) for column in columns]

    def _missed(self, found: list[Missed]) -> list[Alert]:
        return [self._writer.missed(m.person, m.start_ms, m.deadline_ms, m.cleared_ms) for m in found]
