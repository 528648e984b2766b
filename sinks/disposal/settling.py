"""Plain cases in one step: an alert is claimed, verified, disposed of and closed in one transaction.

The timeline has each of these steps, in the person's name, and says how many alerts were settled at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from sinks.disposal.acts import Act, claim_step, close_step, dispose_step, verify_step
from sinks.disposal.arguments import LEASE_MS, fit, known_outcome, verdict_with_reason
from sinks.disposal.errors import TransitionRefused, WrongInput
from sinks.disposal.items import QueueItem
from sinks.disposal.states import PLAIN_OUTCOMES, WAITING, State
from sinks.disposal.steps import find_alert, run_steps
from sinks.disposal.timeline import TimelineWriter


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is said of a plain case. Raises WrongInput where that can never be said of any alert.

    ``together`` is the number of alerts of which it is said at once. More than one may be settled only where
    nobody has to look at a place any more: of alerts that cleared themselves or were withdrawn.
    """

    verdict: str
    reason: str | None
    outcome: str
    note: str | None
    together: int = 1

    def __post_init__(self) -> None:
        verdict, _ = verdict_with_reason(self.verdict, self.reason)
        outcome = known_outcome(self.outcome)
        fit(outcome, verdict)
        if outcome not in PLAIN_OUTCOMES:
            expected = "one of " + ", ".join(PLAIN_OUTCOMES) + "; anything else goes step by step"
            raise WrongInput("outcome", repr(self.outcome), expected)


def settle(connection: Connection, act: Act, said: Settlement) -> QueueItem:
    """Settle one alert inside the caller's transaction, or raise with the alert as it stands.

    It waits for somebody, or the actor has claimed it already.
    """
    timeline = TimelineWriter(connection)  # nobody else writes from here on: what is read stays so
    standing = find_alert(connection, act.alert_key, office=act.office, now_ms=act.now_ms)
    is_mine = standing.state is State.CLAIMED and standing.holder == act.actor
    if said.together > 1 and not (standing.state in WAITING and has_passed(standing)):
        raise TransitionRefused("settle together with others", standing)
    if standing.state not in WAITING and not is_mine:
        raise TransitionRefused("settle", standing)
    verified = verify_step(act, said.verdict, said.reason)
    steps = [
        *([] if is_mine else [claim_step(act, LEASE_MS)]),
        replace(verified, details={**verified.details, "together": said.together}),
        dispose_step(act, said.outcome, said.note),
        close_step(act),
    ]
    return run_steps(connection, timeline, steps)


def has_passed(item: QueueItem) -> bool:
    """The cause of the alert has ended, or the engine has taken the alert back."""
    return item.alert.cleared_ms is not None or item.alert.withdrawn_ms is not None
