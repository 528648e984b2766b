"""A change of an alert as the engine tells it, and the facts it adds to the alert's timeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from sinks.alert import Alert


@dataclass(frozen=True, slots=True)
class AlertChange:
    """The state of an alert at a place of the log.

    ``revision`` names the place: it rises from one state of an alert_key to the next, and a state that is told again
    bears the same one. Of several states of a key with one revision in a batch the last counts. ``at_ms`` is the log's
    clock there, for the timeline; without it an entry bears the time of what it tells.
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
    return [Fact(kind, at_ms if change.at_ms is None else change.at_ms, told) for kind, at_ms, told in found]


def _differences(before: Alert, after: Alert) -> Iterator[tuple[str, int, dict[str, Any]]]:
    latest_ms = max(after.raised_ms, after.cleared_ms or 0, after.withdrawn_ms or 0)
    corrected = {
        field.name: None
        if field.name == "evidence"
        else [getattr(before, field.name), getattr(after, field.name)]
        for field in fields(Alert)
        if field.name not in _TOLD and getattr(before, field.name) != getattr(after, field.name)
    }
    if corrected:
        yield "corrected", latest_ms, corrected
    if (before.level, before.severity) != (after.level, after.severity):
        yield (
            "level_changed",
            latest_ms,
            {"level": [before.level, after.level], "severity": [before.severity, after.severity]},
        )
    if before.authorised_by != after.authorised_by:
        yield "authorised", latest_ms, {"authorised_by": after.authorised_by}
    yield from _turned("cleared", "resumed", before.cleared_ms, after.cleared_ms, latest_ms)
    yield from _turned("withdrawn", "reinstated", before.withdrawn_ms, after.withdrawn_ms, latest_ms)


def _turned(
    done: str, undone: str, before_ms: int | None, after_ms: int | None, latest_ms: int
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """A fact with a time of its own that came, went or moved."""
    if before_ms == after_ms:
        return
    details = {} if before_ms is None else {"before_ms": before_ms}
    if after_ms is None:
        yield undone, latest_ms, details
    else:
        yield done, after_ms, {"at_ms": after_ms, **details}
