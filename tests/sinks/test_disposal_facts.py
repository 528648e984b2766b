"""What the engine says: newer revisions replace facts, each new fact is told once, people's work stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from disposal_alerts import KEY, LEASE_MS, NOW_MS, alert, brought_to, take, told

from sinks.alert import EvidenceFix
from sinks.disposal import AlertChange, DisposalQueue, State

ALERT = alert(0)


def facts(queue: DisposalQueue, key: str = KEY) -> list[tuple[str, int, Mapping[str, Any]]]:
    timeline = queue.alert(key, now_ms=NOW_MS).timeline
    return [(entry.kind, entry.at_ms, entry.details) for entry in timeline if entry.actor is None]


def test_an_alert_comes_back_as_it_went_in(queue: DisposalQueue) -> None:
    silence = replace(
        alert(1),
        kind="silent_device",
        fence_id=None,
        lon=None,
        lat=None,
        distance_m=None,
        evidence=(),
        retrospective=True,
    )
    assert queue.apply([AlertChange(ALERT, 1), AlertChange(silence, 1)]) == 2
    for stored in (ALERT, silence):
        assert queue.alert(stored.alert_key, now_ms=NOW_MS).alert == stored


def test_nan_is_unknown(queue: DisposalQueue) -> None:
    """An accuracy nobody measured may come as NaN, which no database compares with itself."""
    fix = EvidenceFix(ALERT.onset_ms, 1.0, 2.0, math.nan, 3.0, "in")
    changed = replace(ALERT, distance_m=math.nan, evidence=(fix,))
    queue.apply([AlertChange(changed, 1)])
    queue.apply([AlertChange(changed, 2)])
    stored = queue.alert(KEY, now_ms=NOW_MS).alert
    assert (stored.distance_m, stored.evidence[0].accuracy_m) == (None, None)
    assert [kind for kind, _, _ in facts(queue)] == ["raised"]


# (what changes from one revision to the next, facts told of the second) by the alert's own times
C, W = NOW_MS + 1, NOW_MS + 2
RAISED = ALERT.raised_ms
TURNS: list[tuple[dict[str, Any], dict[str, Any], list[tuple[str, int, dict[str, Any]]]]] = [
    ({}, {}, []),
    ({}, {"cleared_ms": C}, [("cleared", C, {"cleared_ms": [None, C]})]),
    ({"cleared_ms": C}, {}, [("resumed", RAISED, {"cleared_ms": [C, None]})]),
    ({"cleared_ms": C}, {"cleared_ms": C + 5}, [("cleared", C + 5, {"cleared_ms": [C, C + 5]})]),
    ({}, {"withdrawn_ms": W}, [("withdrawn", W, {"withdrawn_ms": [None, W]})]),
    ({"withdrawn_ms": W}, {}, [("reinstated", RAISED, {"withdrawn_ms": [W, None]})]),
    ({}, {"authorised_by": "L1"}, [("authorised", RAISED, {"authorised_by": [None, "L1"]})]),
    (
        {"level": 1, "severity": 4},
        {"level": 2, "severity": 3},
        [("level_changed", RAISED, {"level": [1, 2], "severity": [4, 3]})],
    ),
    ({}, {"raised_ms": RAISED + 7}, [("corrected", RAISED + 7, {"raised_ms": [RAISED, RAISED + 7]})]),
    ({}, {"evidence": ()}, [("corrected", RAISED, {"evidence": None})]),
    (
        {},
        {"cleared_ms": C, "withdrawn_ms": W, "lon": 1.5},
        [
            ("corrected", W, {"lon": [ALERT.lon, 1.5]}),
            ("cleared", C, {"cleared_ms": [None, C]}),
            ("withdrawn", W, {"withdrawn_ms": [None, W]}),
        ],
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), TURNS)
def test_what_is_told_of_a_change(
    queue: DisposalQueue,
    before: dict[str, Any],
    after: dict[str, Any],
    expected: list[tuple[str, int, dict[str, Any]]],
) -> None:
    told(queue, 1, **before)
    first = facts(queue)
    assert told(queue, 2, **after) == 1
    assert facts(queue) == first + expected
    assert queue.alert(KEY, now_ms=NOW_MS).alert == alert(0, **after)


def test_the_first_change_may_tell_a_whole_life(queue: DisposalQueue) -> None:
    told(queue, 5, cleared_ms=C, authorised_by="L1")
    assert [(kind, at_ms) for kind, at_ms, _ in facts(queue)] == [
        ("raised", RAISED),
        ("authorised", C),
        ("cleared", C),
    ]


def test_the_logs_clock_dates_entries_where_it_is_given(queue: DisposalQueue) -> None:
    queue.apply([AlertChange(ALERT, 1, at_ms=NOW_MS + 99)])
    assert [at_ms for _, at_ms, _ in facts(queue)] == [NOW_MS + 99]


@pytest.mark.parametrize("revision", [3, 4, 5])
def test_older_and_equal_revisions_change_nothing(queue: DisposalQueue, revision: int) -> None:
    told(queue, 5, cleared_ms=C)
    before = queue.alert(KEY, now_ms=NOW_MS)
    assert told(queue, revision, withdrawn_ms=W) == 0
    assert queue.alert(KEY, now_ms=NOW_MS) == before
    assert queue.last_seq() == before.seq


def test_several_changes_of_one_alert_in_a_batch(queue: DisposalQueue) -> None:
    states = [ALERT, replace(ALERT, cleared_ms=C), replace(ALERT, cleared_ms=C, withdrawn_ms=W)]
    changes = [AlertChange(state, n) for n, state in enumerate(states)]
    assert queue.apply([*changes, changes[0]]) == 3
    assert [kind for kind, _, _ in facts(queue)] == ["raised", "cleared", "withdrawn"]
    assert queue.apply(changes) == 0


def test_of_two_states_at_one_revision_the_last_counts(queue: DisposalQueue) -> None:
    assert queue.apply([AlertChange(ALERT, 1), AlertChange(replace(ALERT, cleared_ms=C), 1)]) == 1
    assert queue.alert(KEY, now_ms=NOW_MS).alert.cleared_ms == C


def test_a_batch_is_taken_whole_or_not_at_all(queue: DisposalQueue) -> None:
    broken = replace(alert(2), severity=9)
    with pytest.raises(Exception, match="alert_severity_range"):
        queue.apply([AlertChange(ALERT, 1), AlertChange(broken, 1)])
    assert queue.alerts(now_ms=NOW_MS).items == ()
    assert queue.watch(0) == ()


@pytest.mark.parametrize("state", ["claimed", "verified", "disposed", "closed"])
def test_nothing_the_engine_says_touches_what_people_did(queue: DisposalQueue, state: str) -> None:
    told(queue, 1)
    before = brought_to(queue, state)
    told(queue, 1)  # a replay after a crash
    assert queue.alert(KEY, now_ms=NOW_MS) == before
    told(queue, 2, cleared_ms=C, severity=1)
    after = queue.alert(KEY, now_ms=NOW_MS)
    assert after.news
    assert after == replace(
        before,
        alert=alert(0, cleared_ms=C, severity=1),
        revision=2,
        news=True,
        seq=before.seq + 2,
        timeline=after.timeline,
    )


def test_a_clear_between_claim_and_disposal(queue: DisposalQueue) -> None:
    told(queue, 1)
    take(queue, "claim", KEY, "wang")
    told(queue, 2, cleared_ms=C)
    assert queue.alert(KEY, now_ms=NOW_MS).state is State.CLAIMED
    assert queue.alert(KEY, now_ms=NOW_MS + LEASE_MS).state is State.SELF_CLEARED
    assert not take(queue, "verify", KEY, "wang").news
    told(queue, 3)  # it resumes: a late fix showed that it had not cleared
    item = take(queue, "dispose", KEY, "wang")
    assert (item.state, item.alert.cleared_ms) == (State.DISPOSED, None)


def test_withdrawn_is_no_state(queue: DisposalQueue) -> None:
    """That it should not have been raised is for a person to confirm."""
    told(queue, 1)
    told(queue, 2, withdrawn_ms=W)
    item = queue.alert(KEY, now_ms=NOW_MS)
    assert (item.state, item.alert.withdrawn_ms) == (State.OPEN, W)
    assert brought_to(queue, "closed").state is State.CLOSED


def test_no_changes_are_no_write(queue: DisposalQueue) -> None:
    assert queue.apply([]) == 0


def test_batches_beyond_one_statements_keys(queue: DisposalQueue) -> None:
    changes = [AlertChange(alert(n), 1) for n in range(1200)]
    assert queue.apply(changes) == 1200
    assert queue.apply([*changes, AlertChange(alert(1200), 1)]) == 1
