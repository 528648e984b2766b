"""What people do with an alert, as tables: states, who may take which step, verdicts and outcomes.

    open ──claim──▶ claimed ──verify──▶ verified ──dispose──▶ disposed ──close──▶ closed
      ▲                │                 │    ▲
      │                │                 └────┘ correct
      └── release, or the lease lapses

``self_cleared`` is ``open`` for an alert whose cause has ended by itself; it still wants a verdict. Neither
it nor a lapsed lease is written down: ``standing.shown_state`` works both out at the time asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How far people have come with an alert, in order."""

    OPEN = "open"
    SELF_CLEARED = "self_cleared"
    CLAIMED = "claimed"
    VERIFIED = "verified"
    DISPOSED = "disposed"
    CLOSED = "closed"


#: The states that are stored; the rest follow from them.
STORED = tuple(state for state in State if state is not State.SELF_CLEARED)
#: Somebody is to take it up.
WAITING = (State.OPEN, State.SELF_CLEARED)
#: Somebody is at work on it, until the lease lapses.
HELD = (State.CLAIMED, State.VERIFIED)
#: There is a verdict; there is an outcome.
JUDGED = (State.VERIFIED, State.DISPOSED, State.CLOSED)
SETTLED = (State.DISPOSED, State.CLOSED)


class Verdict(StrEnum):
    """What checking an alert found."""

    TRUE = "true"
    FALSE = "false"
    UNVERIFIABLE = "unverifiable"


class Outcome(StrEnum):
    """What was done about an alert, from the mildest to the gravest."""

    # Beside each is the officers' word.
    REMINDER = "reminder"  # 提醒教育
    FALSE_ALARM = "false_alarm"  # 误报
    EQUIPMENT_FAULT = "equipment_fault"  # 系统/设备原因
    AUTHORISED = "authorised"  # 已批准(请假/会客/进入场所)
    ADMONITION = "admonition"  # 训诫
    WARNING = "warning"  # 警告
    PUBLIC_SECURITY_PENALTY = "public_security_penalty"  # 提请治安管理处罚
    ELECTRONIC_MONITORING = "electronic_monitoring"  # 电子定位
    PROBATION_REVOCATION = "probation_revocation"  # 提请撤销缓刑
    PAROLE_REVOCATION = "parole_revocation"  # 提请撤销假释
    IMPRISONMENT = "imprisonment"  # 提请收监执行
    ARREST = "arrest"  # 提请逮捕
    POLICE_TRANSFER = "police_transfer"  # 移送公安
    SUPERVISION_ENDED = "supervision_ended"  # 矫正终止/解除


#: Outcomes that weigh on the person; only an alert found true may end in one.
MEASURES = (
    Outcome.ADMONITION,
    Outcome.WARNING,
    Outcome.PUBLIC_SECURITY_PENALTY,
    Outcome.ELECTRONIC_MONITORING,
    Outcome.PROBATION_REVOCATION,
    Outcome.PAROLE_REVOCATION,
    Outcome.IMPRISONMENT,
    Outcome.ARREST,
)
#: Outcomes that are a matter of one step: nothing follows from them for the person.
PLAIN_OUTCOMES = (
    Outcome.REMINDER,
    Outcome.FALSE_ALARM,
    Outcome.EQUIPMENT_FAULT,
    Outcome.AUTHORISED,
)


def fitting_outcomes(verdict: Verdict) -> tuple[Outcome, ...]:
    """The outcomes an alert with this verdict may have.

    The schema holds the same rule but for the last clause of ``false``, which queues in use may have broken
    before there was one: nobody goes to the police for what did not happen.
    """
    unfit = {
        Verdict.TRUE: (Outcome.FALSE_ALARM,),
        Verdict.FALSE: (*MEASURES, Outcome.POLICE_TRANSFER),
        Verdict.UNVERIFIABLE: (Outcome.FALSE_ALARM, *MEASURES),
    }[verdict]
    return tuple(outcome for outcome in Outcome if outcome not in unfit)


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of a person: from which shown states, into which (None: it stays), its name in the timeline.

    ``holder_only``: while somebody's lease runs, nobody else may take it.
    """

    name: str
    sources: tuple[State, ...]
    target: State | None
    past: str
    holder_only: bool


TRANSITIONS = {
    step.name: step
    for step in (
        Transition("claim", WAITING, State.CLAIMED, "claimed", holder_only=False),
        Transition("renew", HELD, None, "renewed", holder_only=True),
        Transition("release", (State.CLAIMED,), State.OPEN, "released", holder_only=True),
        Transition("verify", (State.CLAIMED,), State.VERIFIED, "verified", holder_only=True),
        Transition("correct", (State.VERIFIED,), None, "verdict_corrected", holder_only=True),
        Transition("dispose", (State.VERIFIED,), State.DISPOSED, "disposed", holder_only=True),
        Transition("close", (State.DISPOSED,), State.CLOSED, "closed", holder_only=False),
    )
}

#: Entries of the timeline that come from the engine; all others are steps of people.
FACTS = (
    "raised",
    "level_changed",
    "cleared",
    "resumed",
    "withdrawn",
    "reinstated",
    "authorised",
    "corrected",
)
EVENT_KINDS = (*FACTS, *(step.past for step in TRANSITIONS.values()))
