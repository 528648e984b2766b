"""A change of an alert as the engine tells it, and the facts it adds to the alert's timeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from sinks.alert import Alert


@dataclass(frozen=True, slots=True)
class AlertChange:
    """The state of an alert at a place of the log.

    ``revision`` names the place: it rises from one state of an alert_key to the next, and a state told again
    bears the same one. Of several states of a key with one revision in a batch the last counts. ``at_ms`` is
    the log's clock there, for the timeline; without it an entry bears the time of what it tells.
    """

    alert: Alert
    revision: int
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the timeline by the engine."""

    kind: str
    at_ms: int
    details: dict[str, Any]


#: Facts that come, move and go: the field with their time, and what its coming and going are called.
_TURNS = (("cleared_ms", "cleared", "resumed"), ("withdrawn_ms", "withdrawn", "reinstated"))
#: Told by facts of their own; a difference in anything else is a correction.
_TOLD = {"cleared_ms", "withdrawn_ms", "authorised_by", "level", "severity"}


def facts_of(before: Alert | None, change: AlertChange) -> list[Fact]:
    """What became known between two states of an alert, in the order of a life; nothing if they are equal."""
    alert = change.alert
    found: list[tuple[str, int, dict[str, Any]]] = []
    if before is None:
        found.append(("raised", alert.raised_ms, {"level": alert.level, "severity": alert.severity}))
        before = replace(alert, cleared_ms=None, withdrawn_ms=None, authorised_by=None)
    found.extend(_differences(before, alert))
    return [Fact(kind, at_ms if change.at_ms is None else change.at_ms, kept) for kind, at_ms, kept in found]


def _differences(before: Alert, after: Alert) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Facts as (kind, time, details); the details show each field that moved as before and after."""
    latest_ms = max(after.raised_ms, after.cleared_ms or 0, after.withdrawn_ms or 0)
    moved = {
        field.name: [getattr(before, field.name), getattr(after, field.name)]
        for field in fields(Alert)
        if getattr(before, field.name) != getattr(after, field.name)
    }
    corrected = {name: None if name == "evidence" else moved[name] for name in moved if name not in _TOLD}
    if corrected:
        yield "corrected", latest_ms, corrected
    for kind, names in (("level_changed", ("level", "severity")), ("authorised", ("authorised_by",))):
        kept = {name: moved[name] for name in names if name in moved}
        if kept:
            yield kind, latest_ms, kept
    for name, done, undone in _TURNS:
        if name in moved:
            at_ms = getattr(after, name)
            yield (
                undone if at_ms is None else done,
                latest_ms if at_ms is None else at_ms,
                {name: moved[name]},
            )
