"""Who may take which step from where: every state against every step, and the rules around them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from disposal_alerts import KEY, LEASE_MS, NOW_MS, alert, brought_to, take, told

from sinks.disposal import (
    MEASURES,
    TRANSITIONS,
    AlertChange,
    AlertUnknown,
    DisposalQueue,
    Outcome,
    QueueItem,
    State,
    TransitionRefused,
    Verdict,
    WrongInput,
    fitting_outcomes,
)

# Wang is at work, or was; who tries and when, what they see, and where each step leads ("-": refused).
# Of an alert that has cleared, read self_cleared for open.
# stored    tries   when     shown       claim    renew     release  verify    correct   dispose   close
STANDINGS = """
  open      wang    now      open        claimed  -         -        -         -         -         -
  claimed   wang    now      claimed     -        claimed   open     verified  -         -         -
  claimed   li      now      claimed     -        -         -        -         -         -         -
  claimed   li      lapsed   open        claimed  -         -        -         -         -         -
  claimed   wang    lapsed   open        claimed  -         -        -         -         -         -
  verified  wang    now      verified    -        verified  -        -         verified  disposed  -
  verified  li      now      verified    -        -         -        -         -         -         -
  verified  li      lapsed   verified    -        verified  -        -         verified  disposed  -
  disposed  wang    now      disposed    -        -         -        -         -         -         closed
  disposed  li      now      disposed    -        -         -        -         -         -         closed
  closed    wang    now      closed      -        -         -        -         -         -         -
"""
STEPS = ("claim", "renew", "release", "verify", "correct", "dispose", "close")
ROWS = [line.split() for line in STANDINGS.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row[:3]) for row in ROWS])
def test_each_step_from_each_state(queue: DisposalQueue, row: list[str]) -> None:
    stored, actor, when, shown, *targets = row
    now_ms = NOW_MS + (LEASE_MS if when == "lapsed" else LEASE_MS - 1)
    lasting = [alert(n) for n in range(len(STEPS))]
    cleared = [alert(n + len(STEPS)) for n in range(len(STEPS))]
    queue.apply([AlertChange(each, 1) for each in lasting + cleared])
    for each in lasting + cleared:
        brought_to(queue, stored, key=each.alert_key)
    queue.apply([AlertChange(replace(each, cleared_ms=NOW_MS), 2) for each in cleared])
    for each, step, target in zip(lasting + cleared, STEPS * 2, targets * 2, strict=True):
        before = queue.alert(each.alert_key, now_ms=now_ms)
        assert before.state == _when_cleared(shown, each in cleared)
        if target == "-":
            _refused(queue, step, actor, before, now_ms)
        else:
            _taken(queue, step, actor, before, _when_cleared(target, each in cleared), now_ms)


def _refused(queue: DisposalQueue, step: str, actor: str, before: QueueItem, now_ms: int) -> None:
    key = before.alert.alert_key
    with pytest.raises(TransitionRefused) as refused:
        take(queue, step, key, actor, now_ms)
    assert (refused.value.state, refused.value.holder) == (before.state, before.holder), step
    assert queue.alert(key, now_ms=now_ms) == before, step


def _taken(queue: DisposalQueue, step: str, actor: str, before: QueueItem, target: str, now_ms: int) -> None:
    after = take(queue, step, before.alert.alert_key, actor, now_ms)
    holder = actor if target in ("claimed", "verified") else None
    # Who corrects a verdict whose lease has lapsed does not thereby hold the alert.
    assert (after.state, after.holder) == (target, before.holder if step == "correct" else holder), step
    seen = queue.alert(before.alert.alert_key, now_ms=now_ms)
    assert replace(seen, timeline=()) == after
    assert seen.timeline[:-1] == before.timeline
    assert (seen.timeline[-1].kind, seen.timeline[-1].actor) == (TRANSITIONS[step].past, actor)


def _when_cleared(state: str, cleared: bool) -> str:
    return State.SELF_CLEARED.value if cleared and state == State.OPEN else state


def test_the_table_has_every_step_and_every_state() -> None:
    assert set(TRANSITIONS) == set(STEPS)
    assert {row[0] for row in ROWS} | {State.SELF_CLEARED} == set(State)


def test_what_a_worked_alert_remembers(queue: DisposalQueue) -> None:
    told(queue, 1)
    times = [NOW_MS + n for n in range(4)]
    queue.claim(KEY, actor="wang", office="O1", now_ms=times[0], lease_ms=LEASE_MS)
    queue.verify(KEY, actor="wang", office="O1", now_ms=times[1], verdict="false", reason="  gps_drift ")
    queue.dispose(KEY, actor="wang", office="O1", now_ms=times[2], outcome="false_alarm", note="  ")
    item = queue.close(KEY, actor="li", office="C1", now_ms=times[3])
    assert (item.claimed_ms, item.verified_ms, item.disposed_ms, item.closed_ms) == tuple(times)
    assert (item.verified_by, item.disposed_by, item.closed_by) == ("wang", "wang", "li")
    assert (item.verdict, item.reason, item.outcome, item.note) == (
        "false",
        "gps_drift",
        "false_alarm",
        "",
    )
    assert (item.holder, item.lease_until_ms) == (None, None)
    timeline = queue.alert(KEY, now_ms=NOW_MS).timeline
    assert [(entry.kind, entry.actor, entry.office_id) for entry in timeline] == [
        ("raised", None, None),
        ("claimed", "wang", "O1"),
        ("verified", "wang", "O1"),
        ("disposed", "wang", "O1"),
        ("closed", "li", "C1"),
    ]
    assert timeline[1].details == {"lease_until_ms": NOW_MS + LEASE_MS}
    assert timeline[3].details == {"outcome": "false_alarm", "note": ""}


def test_a_refusal_names_state_and_holder(queue: DisposalQueue) -> None:
    told(queue, 1)
    take(queue, "claim", KEY, "wang")
    with pytest.raises(TransitionRefused, match=f"cannot claim alert {KEY}: it is claimed, held by wang"):
        take(queue, "claim", KEY, "li")


def test_renewing_holds_on(queue: DisposalQueue) -> None:
    told(queue, 1)
    take(queue, "claim", KEY, "wang")
    item = take(queue, "renew", KEY, "wang", NOW_MS + LEASE_MS - 1)
    assert (item.claimed_ms, item.lease_until_ms) == (NOW_MS, NOW_MS + 2 * LEASE_MS - 1)
    with pytest.raises(TransitionRefused):
        take(queue, "claim", KEY, "li", NOW_MS + LEASE_MS)


@pytest.mark.parametrize("verdict", Verdict)
def test_outcomes_fit_the_verdict(queue: DisposalQueue, verdict: Verdict) -> None:
    who: dict[str, Any] = {"actor": "wang", "office": "O1", "now_ms": NOW_MS}
    for n, outcome in enumerate(Outcome):
        told(queue, 1, n)
        key = alert(n).alert_key
        queue.claim(key, **who)
        queue.verify(key, **who, verdict=verdict, reason="other")
        if outcome in fitting_outcomes(verdict):
            assert queue.dispose(key, **who, outcome=outcome).outcome is outcome
            continue
        with pytest.raises(WrongInput, match=f"{outcome} after the verdict {verdict}"):
            queue.dispose(key, **who, outcome=outcome)
        # Somebody else is told first that it is not theirs.
        with pytest.raises(TransitionRefused):
            queue.dispose(key, **who | {"actor": "li"}, outcome=outcome)
        assert queue.alert(key, now_ms=NOW_MS).state is State.VERIFIED


def test_only_what_is_true_weighs_on_a_person() -> None:
    for verdict in (Verdict.FALSE, Verdict.UNVERIFIABLE):
        assert not set(MEASURES) & set(fitting_outcomes(verdict))
    assert Outcome.FALSE_ALARM not in fitting_outcomes(Verdict.TRUE)
    assert Outcome.POLICE_TRANSFER not in fitting_outcomes(Verdict.FALSE), "nothing happened"


# One thing wrong in each; an alert in the right state stands ready.
@pytest.mark.parametrize(
    ("step", "changed", "field"),
    [
        ("claim", {"lease_ms": 0}, "lease_ms"),
        ("claim", {"lease_ms": 1_800_000_001}, "lease_ms"),  # a thousand half hours are the most
        ("claim", {"actor": " "}, "actor"),
        ("claim", {"actor": "w" * 201}, "actor"),
        ("verify", {"verdict": "maybe"}, "verdict"),
        ("verify", {"verdict": "false"}, "reason"),  # false ones say why
        ("verify", {"verdict": "false", "reason": " \n"}, "reason"),
        ("correct", {"verdict": "unverifiable"}, "because"),  # nobody takes a verdict back for nothing
        ("correct", {"verdict": "unverifiable", "because": " "}, "because"),
        ("correct", {"verdict": "false", "because": "seen"}, "reason"),
        ("correct", {"verdict": "true", "because": "seen"}, "verdict"),  # as it is already
        ("verify", {"verdict": "true", "reason": "w" * 4001}, "reason"),
        ("dispose", {"outcome": "shrug"}, "outcome"),
        ("dispose", {"outcome": "warning", "note": "w" * 4001}, "note"),
        ("claim", {"actor": "wang\ud800"}, "actor"),
        ("verify", {"verdict": "true", "reason": "\ud800"}, "reason"),
        ("dispose", {"outcome": "warning", "note": "\udfff"}, "note"),
    ],
)
def test_wrong_input_changes_nothing(
    queue: DisposalQueue, step: str, changed: dict[str, Any], field: str
) -> None:
    told(queue, 1)
    before = brought_to(queue, {"claim": "open", "verify": "claimed"}.get(step, "verified"))
    given: dict[str, Any] = {"actor": "wang", "office": "O1", "now_ms": NOW_MS} | changed
    with pytest.raises(WrongInput) as wrong:
        getattr(queue, step)(KEY, **given)
    assert wrong.value.field == field
    assert queue.alert(KEY, now_ms=NOW_MS) == before


# The alert is O1's; offices O1 and O2 lie below C1, O3 below C2, all below P.
@pytest.mark.parametrize(
    ("office", "reaches"),
    [
        ("O1", True),
        ("C1", True),
        ("P", True),
        (None, True),
        ("O2", False),
        ("C2", False),
        ("unheard of", False),
    ],
)
def test_people_reach_what_lies_below_their_office(
    queue: DisposalQueue, office: str | None, reaches: bool
) -> None:
    told(queue, 1)
    if reaches:
        assert queue.alert(KEY, now_ms=NOW_MS, office=office).state is State.OPEN
        assert queue.claim(KEY, actor="wang", office=office, now_ms=NOW_MS).holder_office == office
    else:
        with pytest.raises(AlertUnknown):
            queue.alert(KEY, now_ms=NOW_MS, office=office)
        with pytest.raises(AlertUnknown):
            queue.claim(KEY, actor="wang", office=office, now_ms=NOW_MS)


def test_an_alert_nobody_raised(queue: DisposalQueue) -> None:
    for step in STEPS:
        with pytest.raises(AlertUnknown):
            take(queue, step, alert(9).alert_key, "wang")
