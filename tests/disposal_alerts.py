"""Made-up alerts for the queue's tests, and the way to bring one into a state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sinks.alert import Alert, EvidenceFix, alert_key
from sinks.disposal import AlertChange, DisposalQueue, QueueItem

#: P (province) over C1 with O1 and O2, and over C2 with O3.
OFFICES = {"P": None, "C1": "P", "C2": "P", "O1": "C1", "O2": "C1", "O3": "C2"}

#: When the tests take place; claims hold for a minute.
NOW_MS, LEASE_MS = 1_750_000_000_000, 60_000

MINUTE_MS = 60_000


def alert(n: int, **changed: Any) -> Alert:
    """Person n at a place they should keep out of, n minutes after the tests' day began."""
    onset_ms = NOW_MS - 86_400_000 + n * MINUTE_MS
    plain = Alert(
        alert_key=alert_key("zone_entry", f"D{n}", "school", onset_ms, False),
        kind="zone_entry",
        severity=2,
        person_id=f"P{n}",
        device_id=f"D{n}",
        office_id="O1",
        group=None,
        fence_id="school",
        onset_ms=onset_ms,
        raised_ms=onset_ms + MINUTE_MS,
        cleared_ms=None,
        withdrawn_ms=None,
        authorised_by=None,
        level=1,
        lon=106.1 + n / 7,
        lat=29.6,
        distance_m=-12.345678901234567,
        retrospective=False,
        policy_version="test",
        evidence=(EvidenceFix(onset_ms, 106.1 + n / 7, 29.6, None, -12.345678901234567, "in"),),
    )
    return replace(plain, **changed)


KEY = alert(0).alert_key


def told(queue: DisposalQueue, revision: int, n: int = 0, **changed: Any) -> int:
    """Apply one change; returns how many were taken."""
    return queue.apply([AlertChange(alert(n, **changed), revision)])


#: The steps that lead to a state, each by the first letter of its name.
_PATHS = {
    "open": "",
    "claimed": "c",
    "verified": "cv",
    "disposed": "cvd",
    "closed": "cvdx",
}


def brought_to(
    queue: DisposalQueue, state: str, *, key: str = KEY, actor: str = "wang", now_ms: int = NOW_MS
) -> QueueItem:
    """An open alert brought into a state by one person."""
    for step in _PATHS[state]:
        take(queue, {"c": "claim", "v": "verify", "d": "dispose", "x": "close"}[step], key, actor, now_ms)
    return queue.alert(key, now_ms=now_ms)


def take(queue: DisposalQueue, step: str, key: str, actor: str, now_ms: int = NOW_MS) -> QueueItem:
    """A step with plain arguments."""
    arguments: dict[str, dict[str, Any]] = {
        "claim": {"lease_ms": LEASE_MS},
        "renew": {"lease_ms": LEASE_MS},
        "verify": {"verdict": "true"},
        "correct": {"verdict": "unverifiable", "because": "nobody answered"},
        "dispose": {"outcome": "warning", "note": "told off"},
    }
    extra = arguments.get(step, {})
    taken: QueueItem = getattr(queue, step)(key, actor=actor, office="C1", now_ms=now_ms, **extra)
    return taken
