"""Alerts and timelines of the queue as JSON objects, for HTTP, the command line and feeds."""

from __future__ import annotations

import json
from typing import Any

from sinks.alert import alert_line, instant_text
from sinks.disposal.items import QueueItem, QueueStats, TimelineEvent


def item_json(item: QueueItem) -> dict[str, Any]:
    """The fields of an alert file, then what people did; the timeline only if the item has one."""
    written: dict[str, Any] = json.loads(alert_line(item.alert))
    written |= {
        "state": item.state.value,
        "holder": item.holder,
        "holder_office": item.holder_office,
        "claimed_at": _text(item.claimed_ms),
        "lease_until": _text(item.lease_until_ms),
        "verdict": item.verdict and item.verdict.value,
        "reason": item.reason,
        "verified_at": _text(item.verified_ms),
        "verified_by": item.verified_by,
        "outcome": item.outcome and item.outcome.value,
        "note": item.note,
        "disposed_at": _text(item.disposed_ms),
        "disposed_by": item.disposed_by,
        "closed_at": _text(item.closed_ms),
        "closed_by": item.closed_by,
        "news": item.news,
        "seq": item.seq,
    }
    if item.timeline:
        written["timeline"] = [event_json(entry) for entry in item.timeline]
    return written


def event_json(entry: TimelineEvent) -> dict[str, Any]:
    """One entry of a timeline; times within its details become text too."""
    return {
        "seq": entry.seq,
        "alert_key": entry.alert_key,
        "at": instant_text(entry.at_ms),
        "kind": entry.kind,
        "actor": entry.actor,
        "office_id": entry.office_id,
        "details": dict(_detail(name, value) for name, value in entry.details.items()),
    }


def stats_json(stats: QueueStats) -> dict[str, Any]:
    """The figures of a queue."""
    age_ms = stats.oldest_open_age_ms
    return {
        "waiting": stats.waiting,
        "oldest_open_age_s": None if age_ms is None else age_ms / 1000,
        "by_state": {state.value: found for state, found in stats.by_state.items()},
        "by_kind": {
            kind: {state.value: found for state, found in by_state.items()}
            for kind, by_state in stats.by_kind.items()
        },
        "last_seq": stats.last_seq,
    }


def _detail(name: str, value: Any) -> tuple[str, Any]:
    if not name.endswith("_ms"):
        return name, value
    shown = [_text(ms) for ms in value] if isinstance(value, list) else _text(value)
    return name.removesuffix("_ms") + ("" if name == "lease_until_ms" else "_at"), shown


def _text(ms: int | None) -> str | None:
    return None if ms is None else instant_text(ms)
