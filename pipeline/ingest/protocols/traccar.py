"""Traccar Client from 9 on: JSON with metres per second and battery level 0 to 1, -1 for unknown."""

from __future__ import annotations

from typing import Any

from pipeline.ingest.errors import UnreadableMessage
from pipeline.ingest.protocols.cells import known, scaled
from pipeline.ingest.protocols.protocol import Message


def traccar_message(body: Any) -> Message:
    """The row of one message; raises UnreadableMessage."""
    location = body.get("location") if isinstance(body, dict) else None
    coords = location.get("coords") if isinstance(location, dict) else None
    if not isinstance(location, dict) or not isinstance(coords, dict):
        raise UnreadableMessage("expected an object with device_id and location.coords")
    battery = location.get("battery")
    battery = battery if isinstance(battery, dict) else {}
    return Message(
        {
            "device_id": body.get("device_id"),
            "event_time": location.get("timestamp"),
            "lon": coords.get("longitude"),
            "lat": coords.get("latitude"),
            "accuracy_m": known(coords.get("accuracy")),
            "speed_mps": known(coords.get("speed")),
            "battery_pct": scaled(known(battery.get("level")), 100),
            "charging": battery.get("is_charging"),
            "moving": location.get("is_moving"),
            "mock": location.get("mock"),
        }
    )
