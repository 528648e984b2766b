"""Silent devices: no accepted arrival for longer than a level, within binding and supervision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.reference.subjects import Spell, Subjects, Tie
from pipeline.rules.catalogue import SILENT_DEVICE
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from sinks.alert import Alert, alert_key


def silences(
    policies: Policies,
    subjects: Subjects,
    tie: Tie,
    arrivals: Sequence[int],
    *,
    start_ms: int,
    until_ms: int,
) -> Iterator[Alert]:
    """Every silence of one binding; ``arrivals`` are the device's, ascending, whoever's it was."""
    for supervised in subjects.supervision[tie.person_id]:
        spell = Spell(max(tie.spell.from_ms, supervised.from_ms), min(tie.spell.to_ms, supervised.to_ms))
        base_ms = max(spell.from_ms, start_ms)
        if base_ms >= spell.to_ms:
            continue
        inside = [base_ms, *(ms for ms in arrivals if spell.holds(ms) and ms <= until_ms)]
        for onset_ms, next_ms in zip(inside, [*inside[1:], None], strict=True):
            policy = policies.at(onset_ms)
            level = _level(policy.silence_ms[tie.kind_at(onset_ms)], onset_ms, next_ms, spell, until_ms)
            if level > 0:
                # The end clears only once the clock has come to it.
                by_end_ms = spell.to_ms if spell.to_ms <= until_ms else None
                cleared_ms = by_end_ms if next_ms is None else next_ms
                yield _alert(policy, subjects, tie, onset_ms, cleared_ms, level)


def _level(
    thresholds: tuple[int, int, int], onset_ms: int, next_ms: int | None, spell: Spell, until_ms: int
) -> int:
    """The highest level whose deadline fires: none does at the end, one at ``until`` does."""
    deadlines = [onset_ms + threshold for threshold in thresholds]
    fired = [ms < spell.to_ms and ms <= until_ms and (next_ms is None or ms < next_ms) for ms in deadlines]
    return sum(fired)


def _alert(
    policy: Policy, subjects: Subjects, tie: Tie, onset_ms: int, cleared_ms: int | None, level: int
) -> Alert:
    raised_ms = onset_ms + policy.silence_ms[tie.kind_at(onset_ms)][0]
    return Alert(
        alert_key=alert_key(SILENT_DEVICE.kind, tie.device_id, "", onset_ms, False),
        kind=SILENT_DEVICE.kind,
        severity=SILENT_DEVICE.severity_at(level),
        person_id=tie.person_id,
        device_id=tie.device_id,
        office_id=subjects.office_at(tie.person_id, raised_ms),
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
        policy_version=policy.version,
    )
