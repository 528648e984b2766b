"""An alert: its key, its fields in the order they are written, and its line in a file."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Evidence longer than this keeps its first and last ten fixes.
EVIDENCE_MOST = 20


@lru_cache(maxsize=1_000)
def instant_text(ms: int) -> str:
    """An instant as the project writes it everywhere: ``2025-07-14T00:30:15.000Z``."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def alert_key(kind: str, subject: str, scope: str, onset_ms: int, retrospective: bool) -> str:
    """The name of an incident, the same on every run: 32 hex digits (contract §2)."""
    name = json.dumps(
        [kind, subject, scope, onset_ms, retrospective], ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class EvidenceFix:
    """One wrong-side fix of the run that raised an alert; metres and WGS-84 degrees, unrounded."""

    event_ms: int
    lon: float
    lat: float
    accuracy_m: float | None
    distance_m: float
    side: str


@dataclass(frozen=True, slots=True)
class Alert:
    """The state of one incident; times in milliseconds, unrounded metres and degrees.

    ``scope`` is the group, the fence_id or empty, as the key has it; only ``group`` is written.
    """

    alert_key: str
    kind: str
    severity: int
    person_id: str
    device_id: str | None
    office_id: str
    group: str | None
    fence_id: str | None
    onset_ms: int
    raised_ms: int
    cleared_ms: int | None
    withdrawn_ms: int | None
    authorised_by: str | None
    level: int
    lon: float | None
    lat: float | None
    distance_m: float | None
    retrospective: bool
    policy_version: str
    evidence: tuple[EvidenceFix, ...] = ()


def alert_without_place(
    kind: str,
    severity: int,
    subject: str,
    *,
    person_id: str,
    office_id: str,
    onset_ms: int,
    raised_ms: int,
    cleared_ms: int | None,
    policy_version: str,
    device_id: str | None = None,
    level: int = 1,
) -> Alert:
    """An alert as it is raised by a rule that looks at no fence; ``subject`` is whom its key names."""
    return Alert(
        alert_key=alert_key(kind, subject, "", onset_ms, False),
        kind=kind,
        severity=severity,
        person_id=person_id,
        device_id=device_id,
        office_id=office_id,
        group=None,
        fence_id=None,
        onset_ms=onset_ms,
        raised_ms=raised_ms,
        cleared_ms=cleared_ms,
        withdrawn_ms=None,
        authorised_by=None,
        level=level,
        lon=None,
        lat=None,
        distance_m=None,
        retrospective=False,
        policy_version=policy_version,
    )


def sort_key(alert: Alert) -> tuple[int, bytes]:
    """The order of an alert file: by ``raised_at``, then by the bytes of the key."""
    return alert.raised_ms, alert.alert_key.encode()


def alert_line(alert: Alert) -> bytes:
    """One line of an alert file, with its newline (contract §2)."""
    fields = {
        "alert_key": alert.alert_key,
        "kind": alert.kind,
        "severity": alert.severity,
        "person_id": alert.person_id,
        "device_id": alert.device_id,
        "office_id": alert.office_id,
        "group": alert.group,
        "fence_id": alert.fence_id,
        "onset_at": instant_text(alert.onset_ms),
        "raised_at": instant_text(alert.raised_ms),
        "cleared_at": _text(alert.cleared_ms),
        "withdrawn_at": _text(alert.withdrawn_ms),
        "authorised_by": alert.authorised_by,
        "level": alert.level,
        "lon": _rounded(alert.lon, 7),
        "lat": _rounded(alert.lat, 7),
        "distance_m": _rounded(alert.distance_m, 1),
        "retrospective": alert.retrospective,
        "policy_version": alert.policy_version,
        "evidence": [_evidence(fix) for fix in alert.evidence],
    }
    line = "{" + ",".join(f'"{name}":{_json(value)}' for name, value in fields.items()) + "}\n"
    return line.encode()


def _evidence(fix: EvidenceFix) -> dict[str, object]:
    return {
        "event_time": instant_text(fix.event_ms),
        "lon": _rounded(fix.lon, 7),
        "lat": _rounded(fix.lat, 7),
        "accuracy_m": _rounded(fix.accuracy_m, 1),
        "distance_m": _rounded(fix.distance_m, 1),
        "side": fix.side,
    }


def _text(ms: int | None) -> str | None:
    return None if ms is None else instant_text(ms)


def _rounded(value: float | None, digits: int) -> float | None:
    """Half to even on the decimal value, never ``-0.0``."""
    if value is None or math.isnan(value):
        return None
    return round(value, digits) + 0.0


def _json(value: object) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return "[" + ",".join(_json(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{_json(item)}' for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    text = repr(value)
    if "e" not in text:
        return text
    plain = f"{value:.7f}".rstrip("0")
    return plain + "0" if plain.endswith(".") else plain
