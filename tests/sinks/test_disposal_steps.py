"""Who may take which step from where: every state against every step, and the rules around them."""

from __future__ import annotations

from typing import Any

import pytest
from disposal_alerts import KEY, LEASE_MS, NOW_MS, alert, brought_to, take, told

from sinks.disposal import (
    MEASURES,
    TRANSITIONS,
    AlertUnknown,
    DisposalQueue,
    Outcome,
    State,
    TransitionRefused,
    Verdict,
    WrongInput,
    fitting_outcomes,
)

# Wang is at work, or was; who tries, when, and where each step leads ("-": refused).
#             stored      tries   when              shown       claim      renew       release  verify      dispose     close
STANDINGS = """
              open        wang    now               open        claimed    -           -        -           -           -
              claimed     wang    now               claimed     -          claimed     open     verified    -           -
              claimed     li      now               claimed     -          -           -        -           -           -
              claimed     li      lapsed            open        claimed    -           -        -           -           -
              claimed     wang    lapsed            open        claimed    -           -        -           -           -
              verified    wang    now               verified    -          verified    -        -           disposed    -
              verified    li      now               verified    -          -           -        -           -           -
              verified    li      lapsed            verified    -          verified    -        -           disposed    -
              disposed    wang    now               disposed    -          -           -        -           -           closed
              disposed    li      now               disposed    -          -           -        -           -           closed
              closed      wang    now               closed      -          -           -        -           -           -
"""  # noqa: E501 - a table
STEPS = ("claim", "renew", "release", "verify", "dispose", "close")
CASES = [
    (stored, actor, when, shown, step, target)
    for stored, actor, when, shown, *targets in map(str.split, STANDINGS.strip().splitlines())
    for step, target in zip(STEPS, targets, strict=True)
]


@pytest.mark.parametrize(("stored", "actor", "when", "shown", "step", "target"), CASES)
@pytest.mark.parametrize("cleared", [False, True], ids=["lasting", "cleared"])
def test_each_step_from_each_state(
    queue: DisposalQueue,
    stored: str,
    actor: str,
    when: str,
    shown: str,
    step: str,
    target: str,
    cleared: bool,
) -> None:
    told(queue, 1)
    brought_to(queue, stored)
    if cleared:
        told(queue, 2, cleared_ms=NOW_MS)
    now_ms = NOW_MS + (LEASE_MS if when == "lapsed" else LEASE_MS - 1)
    before = queue.alert(KEY, now_ms=now_ms)
    assert before.state == _when_cleared(shown, cleared)
    if target == "-":
        with pytest.raises(TransitionRefused) as refused:
            take(queue, step, KEY, actor, now_ms)
        assert (refused.value.state, refused.value.holder) == (before.state, before.holder)
        assert queue.alert(KEY, now_ms=now_ms) == before
    else:
        after = take(queue, step, KEY, actor, now_ms)
        assert after.state == _when_cleared(target, cleared)
        assert after.holder == (actor if target in ("claimed", "verified") else None)
        seen = queue.alert(KEY, now_ms=now_ms)
        assert (seen.state, seen.timeline[-1].kind, seen.timeline[-1].actor) == (
            after.state,
            TRANSITIONS[step].past,
            actor,
        )


def _when_cleared(state: str, cleared: bool) -> str:
    return State.SELF_CLEARED.value if cleared and state == State.OPEN else state


def test_the_table_has_every_step_and_every_state() -> None:
    assert set(TRANSITIONS) == set(STEPS)
    assert {case[0] for case in CASES} | {State.SELF_CLEARED} == set(State)


def test_what_a_worked_alert_remembers(queue: DisposalQueue) -> None:
    told(queue, 1)
    times = [NOW_MS + n for n in range(4)]
    queue.claim(KEY, actor="wang", office="O1", now_ms=times[0], lease_ms=LEASE_MS)
    queue.verify(KEY, actor="wang", office="O1", now_ms=times[1], verdict="false", reason="  drift indoors ")
    queue.dispose(KEY, actor="wang", office="O1", now_ms=times[2], outcome="false_alarm", note="  ")
    item = queue.close(KEY, actor="li", office="C1", now_ms=times[3])
    assert (item.claimed_ms, item.verified_ms, item.disposed_ms, item.closed_ms) == tuple(times)
    assert (item.verified_by, item.disposed_by, item.closed_by) == ("wang", "wang", "li")
    assert (item.verdict, item.reason, item.outcome, item.note) == (
        "false",
        "drift indoors",
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
@pytest.mark.parametrize("outcome", Outcome)
def test_outcomes_fit_the_verdict(queue: DisposalQueue, verdict: Verdict, outcome: Outcome) -> None:
    told(queue, 1)
    take(queue, "claim", KEY, "wang")
    who: dict[str, Any] = {"actor": "wang", "office": "O1", "now_ms": NOW_MS}
    queue.verify(KEY, **who, verdict=verdict, reason="seen")
    if outcome in fitting_outcomes(verdict):
        assert queue.dispose(KEY, **who, outcome=outcome).outcome is outcome
    else:
        with pytest.raises(WrongInput, match=f"{outcome} after the verdict {verdict}"):
            queue.dispose(KEY, **who, outcome=outcome)
        # Somebody else is told first that it is not theirs.
        with pytest.raises(TransitionRefused):
            queue.dispose(KEY, **who | {"actor": "li"}, outcome=outcome)
        assert queue.alert(KEY, now_ms=NOW_MS).state is State.VERIFIED


def test_only_what_is_true_weighs_on_a_person() -> None:
    for verdict in (Verdict.FALSE, Verdict.UNVERIFIABLE):
        assert not set(MEASURES) & set(fitting_outcomes(verdict))
    assert Outcome.FALSE_ALARM not in fitting_outcomes(Verdict.TRUE)


# One thing wrong in each; an alert in the right state stands ready.
@pytest.mark.parametrize(
    ("step", "changed", "field"),
    [
        ("claim", {"lease_ms": 0}, "lease_ms"),
        ("claim", {"lease_ms": 86_400_001}, "lease_ms"),  # a day is the most
        ("claim", {"actor": " "}, "actor"),
        ("claim", {"actor": "w" * 201}, "actor"),
        ("verify", {"verdict": "maybe"}, "verdict"),
        ("verify", {"verdict": "false"}, "reason"),  # false ones say why
        ("verify", {"verdict": "false", "reason": " \n"}, "reason"),
        ("verify", {"verdict": "true", "reason": "w" * 4001}, "reason"),
        ("dispose", {"outcome": "shrug"}, "outcome"),
        ("dispose", {"outcome": "warning", "note": "w" * 4001}, "note"),
    ],
)
def test_wrong_input_changes_nothing(
    queue: DisposalQueue, step: str, changed: dict[str, Any], field: str
) -> None:
    told(queue, 1)
    before = brought_to(queue, {"claim": "open", "verify": "claimed", "dispose": "verified"}[step])
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
