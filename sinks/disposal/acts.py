"""The steps of people with what each writes: into the alert's row and into its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sinks.disposal.arguments import (
    actor_name,
    correction_reason,
    free_text,
    known_outcome,
    lease_end_ms,
    verdict_with_reason,
)
from sinks.disposal.states import TRANSITIONS, Outcome
from sinks.disposal.steps import Step

_NOBODY: dict[str, Any] = {"holder": None, "holder_office": None, "lease_until_ms": None}


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts on which alert, for which office (None: any), and when."""

    alert_key: str
    actor: str
    office: str | None
    now_ms: int


def claim_step(act: Act, lease_ms: int) -> Step:
    """Take an alert up until ``lease_ms`` from now."""
    lease_until_ms = lease_end_ms(act.now_ms, lease_ms)
    values = _holding(act, lease_until_ms) | {"claimed_ms": act.now_ms}
    return _step("claim", act, values, {"lease_until_ms": lease_until_ms})


def renew_step(act: Act, lease_ms: int) -> Step:
    """Hold on to an alert until ``lease_ms`` from now."""
    lease_until_ms = lease_end_ms(act.now_ms, lease_ms)
    return _step("renew", act, _holding(act, lease_until_ms), {"lease_until_ms": lease_until_ms})


def release_step(act: Act) -> Step:
    """Give a claimed alert back."""
    return _step("release", act, {**_NOBODY, "claimed_ms": None}, {})


def verify_step(act: Act, verdict: str, reason: str | None) -> Step:
    """Say whether an alert is true."""
    found, said = verdict_with_reason(verdict, reason)
    values = {"verdict": found.value, "reason": said, "verified_ms": act.now_ms, "verified_by": act.actor}
    return _step("verify", act, values, {"verdict": found.value, "reason": said})


def correct_step(act: Act, verdict: str, reason: str | None, because: str | None) -> Step:
    """Replace a verdict by another, or its reason, and say why; the earlier one stays in the timeline."""
    found, said = verdict_with_reason(verdict, reason)
    values = {"verdict": found.value, "reason": said, "verified_ms": act.now_ms, "verified_by": act.actor}
    details = {"because": correction_reason(because)}
    return _step("correct", act, values, details, replaces=("verdict", "reason"))


def dispose_step(act: Act, outcome: str, note: str | None) -> Step:
    """Say what was done about an alert."""
    done = known_outcome(outcome)
    said = free_text("note", note) or ""
    values = {"outcome": done.value, "note": said, "disposed_ms": act.now_ms, "disposed_by": act.actor}
    return _step("dispose", act, values | _NOBODY, {"outcome": done.value, "note": said}, outcome=done)


def close_step(act: Act) -> Step:
    """Put a disposed alert away."""
    return _step("close", act, {"closed_ms": act.now_ms, "closed_by": act.actor}, {})


def _step(
    name: str,
    act: Act,
    values: Mapping[str, Any],
    details: Mapping[str, Any],
    *,
    outcome: Outcome | None = None,
    replaces: tuple[str, ...] = (),
) -> Step:
    who = (act.alert_key, actor_name(act.actor), act.office, act.now_ms)
    return Step(TRANSITIONS[name], *who, values, details, outcome, replaces)


def _holding(act: Act, lease_until_ms: int) -> dict[str, Any]:
    return {"holder": act.actor, "holder_office": act.office, "lease_until_ms": lease_until_ms}
