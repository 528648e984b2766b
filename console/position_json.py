"""How a position is written: what changes as its device moves."""

from __future__ import annotations

from typing import Any

from sinks.alert import instant_text
from sinks.positions import Position


def moving_json(position: Position) -> dict[str, Any]:
    """When and where; whose it is stands beside it."""
    return {
        "event_time": instant_text(position.event_ms),
        "arrival_time": instant_text(position.arrival_ms),
        "lon": round(position.lon, 7),
        "lat": round(position.lat, 7),
        "accuracy_m": position.accuracy_m,
        "source": position.source,
    }
