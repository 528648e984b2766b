"""People's steps: each is one UPDATE that names the states it may start from, so exactly one of many wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from sqlalchemy import Connection, and_, or_, select, true, update

from sinks.disposal.arguments import fit
from sinks.disposal.errors import AlertUnknown, TransitionRefused, WrongInput
from sinks.disposal.items import QueueItem, event_of, item_of
from sinks.disposal.standing import held_by_no_other, shown_state, standing_columns, within_office
from sinks.disposal.states import Outcome, Transition, Verdict, fitting_outcomes
from sinks.disposal.tables import alert, event
from sinks.disposal.timeline import TimelineWriter


@dataclass(frozen=True, slots=True)
class Step:
    """Who takes which step on which alert and when.

    ``values`` go into the row, ``details`` into the timeline. The actor reaches the alerts of the
    office and below it. An ``outcome`` must fit the verdict that stands. Of the columns that a step
    ``replaces`` at least one must change; the timeline has each as before and after.
    """

    transition: Transition
    alert_key: str
    actor: str
    office: str | None
    now_ms: int
    values: Mapping[str, Any]
    details: Mapping[str, Any]
    outcome: Outcome | None = None
    replaces: tuple[str, ...] = ()


def run_step(connection: Connection, step: Step) -> QueueItem:
    """Take it inside the caller's transaction, or raise with the alert as it stands."""
    return run_steps(connection, TimelineWriter(connection), [step])


def run_steps(connection: Connection, timeline: TimelineWriter, steps: Sequence[Step]) -> QueueItem:
    """Take steps on one alert in their order, or raise at the first that cannot be taken; at least one."""
    for step in steps:
        replaced = _standing_values(connection, step)
        if connection.execute(_statement(step, timeline.next_seq)).one_or_none() is None:
            _complain(step, _standing(connection, step))
        details = {**replaced, **step.details}
        timeline.add_step(
            step.alert_key,
            step.transition.past,
            step.now_ms,
            details,
            actor=step.actor,
            office=step.office,
        )
    timeline.write()
    return _standing(connection, steps[-1])


def _standing(connection: Connection, step: Step) -> QueueItem:
    return find_alert(connection, step.alert_key, office=step.office, now_ms=step.now_ms)


def find_alert(connection: Connection, alert_key: str, *, office: str | None, now_ms: int) -> QueueItem:
    """The alert as it stands; raises AlertUnknown if it is not within the office."""
    found = select(*standing_columns(now_ms)).where(alert.c.alert_key == alert_key, within_office(office))
    row = connection.execute(found).mappings().one_or_none()
    if row is None:
        raise AlertUnknown(alert_key)
    return item_of(row)


def with_timeline(connection: Connection, item: QueueItem) -> QueueItem:
    """The same with everything that happened to it, oldest first."""
    entries = select(event).where(event.c.alert_key == item.alert.alert_key).order_by(event.c.seq)
    return replace(item, timeline=tuple(map(event_of, connection.execute(entries).mappings())))


def _standing_values(connection: Connection, step: Step) -> dict[str, list[Any]]:
    """What the step replaces, each as before and after; nobody else writes meanwhile."""
    if not step.replaces:
        return {}
    before = _standing(connection, step)
    return {name: [getattr(before, name), step.values[name]] for name in step.replaces}


def _complain(step: Step, standing: QueueItem) -> NoReturn:
    """Why a step was not taken: what it says if that is all that was wrong, else the state or the holder."""
    may = standing.state in step.transition.sources and standing.holder in (None, step.actor)
    if may and step.outcome is not None and standing.verdict is not None:
        fit(step.outcome, standing.verdict)
    if may and step.replaces:
        raise WrongInput(step.replaces[0], "the same as before", f"another {' or '.join(step.replaces)}")
    raise TransitionRefused(step.transition.name, standing)


def _statement(step: Step, seq: int) -> Any:
    transition = step.transition
    values = dict(step.values) | {"act_seq": seq}
    if transition.target is not None:
        values["state"] = transition.target.value
    may = and_(
        shown_state(step.now_ms).in_([state.value for state in transition.sources]),
        held_by_no_other(step.actor, step.now_ms) if transition.holder_only else true(),
        within_office(step.office),
        true() if step.outcome is None else alert.c.verdict.in_(_verdicts(step.outcome)),
        or_(*(alert.c[name].is_distinct_from(step.values[name]) for name in step.replaces))
        if step.replaces
        else true(),
    )
    changed = update(alert).where(alert.c.alert_key == step.alert_key, may).values(values)
    # Only the key, and not how the alert now stands: in RETURNING, SQLite 3.40 finds NULLs to be NOT NULL.
    return changed.returning(alert.c.alert_key)


def _verdicts(outcome: Outcome) -> list[str]:
    return [verdict.value for verdict in Verdict if outcome in fitting_outcomes(verdict)]
