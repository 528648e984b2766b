"""A rule that no version had before: its findings become alerts, and state that is older than it is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from engine.engine_run import ALL, engine_lines, to_batch

from geofences.holidays import load_builtin
from geofences.instant import instant_ms
from pipeline.engine import shard
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.detectors import DETECTORS
from pipeline.engine.detectors.detector import Detector, Finding, Ints, ShardRows
from pipeline.engine.renumbering import Renumbering
from pipeline.engine.shard import Shard
from pipeline.engine.subject_table import SubjectTable
from pipeline.ping import CONFIRMATION
from pipeline.reference import ReferenceRow
from pipeline.rules.rule import Rule, Scope, Subject, Words
from pipeline.sites.policy import Policy
from pipeline.sites.records import Binding, Office, Person, Site
from sinks.alert import alert_key, alert_line, instant_text

MINUTE_MS = 60_000
BEGIN_MS = instant_ms("2025-07-14T10:00:00+08:00")
NEVER = -1

FACE_FAILED = Rule(
    kind="face_failed",
    catalogue_ids=("B04",),
    severities=(3, 2),
    subject=Subject.PERSON,
    scope=Scope.NONE,
    columns=("face_ok",),
    policy=(),
    name=Words("人脸不通过", "Face not recognised"),
    sentence=Words("{who} 的人脸未通过", "the face of {who} was not recognised"),
    terminal="the face of {person} was not recognised at {onset}",
    raised_for="a face that was not recognised",
    over_when="it is recognised",
)


class FaceFailures(Detector):
    """Raised at a failure, graver ten minutes later, over at the next success."""

    NAME, KEPT = "faces", ("onset_ms", "level")

    def __init__(self, policy: Policy, subjects: SubjectTable) -> None:
        self._people = len(subjects.person_ids)
        self.onset_ms: Ints = np.full(len(subjects.person_ids), NEVER, np.int64)
        self.level: Ints = np.zeros(len(subjects.person_ids), np.int64)

    @property
    def state(self) -> FaceFailures:
        return self

    def start(self, start_ms: int) -> None:
        """Nothing: a failure before the clock began is nobody's."""

    def ingest(self, rows: ShardRows) -> Sequence[Finding]:
        found = []
        for row in np.flatnonzero((rows.batch.kind == CONFIRMATION) & (rows.person >= 0)).tolist():
            person, arrival_ms = int(rows.person[row]), int(rows.batch.arrival_ms[row])
            found += self._due(arrival_ms)
            if not rows.batch.face_ok[row] and self.onset_ms[person] == NEVER:
                self.onset_ms[person], self.level[person] = arrival_ms, 1
                found.append(self._finding(person, None))
            elif rows.batch.face_ok[row] and self.onset_ms[person] != NEVER:
                found.append(self._finding(person, arrival_ms))
                self.onset_ms[person], self.level[person] = NEVER, 0
        return found

    def advance(self, past_ms: int) -> Sequence[Finding]:
        return self._due(past_ms)

    def move(self, numbers: Renumbering, past_ms: int) -> None:
        self.onset_ms = numbers.people.moved(self.onset_ms, self._people, NEVER)
        self.level = numbers.people.moved(self.level, self._people, 0)

    def _due(self, past_ms: int) -> list[Finding]:
        due = (self.level == 1) & (self.onset_ms + 10 * MINUTE_MS < past_ms)
        self.level[due] = 2
        return [self._finding(person, None) for person in np.flatnonzero(due).tolist()]

    def _finding(self, person: int, cleared_ms: int | None) -> Finding:
        onset_ms = int(self.onset_ms[person])
        return Finding(FACE_FAILED, person, None, onset_ms, onset_ms, cleared_ms, int(self.level[person]))


SITE = Site(
    Policy(windows={"strict": ()}), (Office("O", None, "O", "judicial_office"),),
    (Person("P1", "P1", "O", "strict"), Person("P2", "P2", "O", "strict")),
    (Binding("D1", "P1", "phone"), Binding("D2", "P2", "phone")), (), (), load_builtin(),
)  # fmt: skip

#: Minutes after the beginning, device, whether the face was recognised.
CHECK_INS = [
    (0, "D1", True),
    (1, "D1", False),
    (5, "D1", True),
    (6, "D2", False),
    (8, "D1", True),
    (30, "D1", False),
]
#: Person, onset, level reached, when cleared.
EXPECTED = [("P1", 1, 1, 5), ("P2", 6, 2, None), ("P1", 30, 1, None)]


def rows() -> list[ReferenceRow]:
    return [check_in(BEGIN_MS + minute * MINUTE_MS, device, face_ok=ok) for minute, device, ok in CHECK_INS]


def check_in(at_ms: int, device_id: str, *, face_ok: bool) -> ReferenceRow:
    return ReferenceRow(CONFIRMATION, device_id, at_ms, at_ms, at_ms, face_ok=face_ok)


def told(alerts: list[dict[str, Any]]) -> list[tuple[str, int, int, int | None]]:
    """The alerts of the rule, in minutes after the beginning."""

    def minute(text: str | None) -> int | None:
        return None if text is None else (instant_ms(text) - BEGIN_MS) // MINUTE_MS

    return [
        (alert["person_id"], minute(alert["onset_at"]) or 0, alert["level"], minute(alert["cleared_at"]))
        for alert in alerts
        if alert["kind"] == FACE_FAILED.kind
    ]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule's one line in the table of detectors."""
    monkeypatch.setattr(shard, "DETECTORS", (*DETECTORS, FaceFailures))


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("size", [1, 2, ALL])
@pytest.mark.parametrize("renew_every", [None, 1], ids=["straight", "from checkpoints"])
@pytest.mark.parametrize("shards", [1, 3])
def test_its_alerts_are_whole_however_the_stream_is_cut(
    size: int, renew_every: int | None, shards: int
) -> None:
    lines = engine_lines(SITE, rows(), None, size=size, shards=shards, renew_every=renew_every)
    alerts = [json.loads(line) for line in lines]
    assert told(alerts) == EXPECTED
    by_onset = {(alert["person_id"], alert["onset_at"]): alert for alert in alerts}
    graver = by_onset["P2", instant_text(BEGIN_MS + 6 * MINUTE_MS)]
    assert (graver["severity"], graver["office_id"], graver["device_id"]) == (2, "O", None)
    assert graver["alert_key"] == alert_key("face_failed", "P2", "", BEGIN_MS + 6 * MINUTE_MS, False)


def test_a_state_that_is_older_than_the_rule_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins with the upgrade: the failure of minute 6 was before, that of minute 30 is its first."""
    compiled = CompiledSite.of(SITE)
    before = Shard(compiled)
    before.start(BEGIN_MS)
    before.step(to_batch(SITE, rows()[:4]))
    monkeypatch.setattr(shard, "DETECTORS", (*DETECTORS, FaceFailures))
    upgraded = Shard(compiled)
    assert upgraded.restore(before.checkpoint().stored(), BEGIN_MS) == []
    alerts = [json.loads(alert_line(alert)) for alert in upgraded.step(to_batch(SITE, rows()[4:]))]
    assert told(alerts) == [("P1", 30, 1, None)]
    again = Shard(compiled)
    again.restore(upgraded.checkpoint().stored(), BEGIN_MS)
    late = check_in(BEGIN_MS + 31 * MINUTE_MS, "D1", face_ok=True)
    alerts = [json.loads(alert_line(alert)) for alert in again.step(to_batch(SITE, [late]))]
    assert told(alerts) == [("P1", 30, 1, 31)]


@pytest.mark.usefixtures("known")
def test_it_goes_along_when_the_site_changes() -> None:
    first = Shard(CompiledSite.of(SITE))
    first.start(BEGIN_MS)
    first.step(to_batch(SITE, rows()[:4]))
    more = replace(SITE, people=(Person("P0", "P0", "O", "strict"), *SITE.people))
    changed_ms = BEGIN_MS + 7 * MINUTE_MS
    moved_shard, _ = first.moved_to(CompiledSite.of(more, 1, ["D1", "D2"]), changed_ms, BEGIN_MS)
    late = check_in(BEGIN_MS + 9 * MINUTE_MS, "D2", face_ok=True)
    alerts = [json.loads(alert_line(alert)) for alert in moved_shard.step(to_batch(SITE, [late]))]
    assert told(alerts) == [("P2", 6, 1, 9)]
