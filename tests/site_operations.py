"""Operations of changes as people write them, on the minimal site."""

from __future__ import annotations

from typing import Any

from geofences.instant import instant_ms

NOW = "2025-07-14T00:00:00.000Z"
NOW_MS = instant_ms(NOW)
#: What arrives at NOW stands before a change that is made then.
AFTER = "2025-07-14T00:00:00.001Z"
LATER, MUCH_LATER = "2025-07-15T00:00:00.000Z", "2025-07-20T00:00:00.000Z"
EIGHT_DAYS_LATER = "2025-07-22T00:00:00.000Z"
BEFORE, LONG_AGO = "2025-07-13T12:00:00Z", "2025-06-01T00:00:00Z"

OFFICE = "judicial_office"

Op = dict[str, Any]


def put(table: str, at: str | None = None, **row: Any) -> Op:
    return {"op": "put", "table": table, "row": row, "effective_at": at}


def end(table: str, at: str | None = None, **row: Any) -> Op:
    return {"op": "end", "table": table, "row": row, "effective_at": at}


def person(**cells: str) -> dict[str, str]:
    return {"person_id": "P1", "name": "Person 1", "office_id": "O1", "class": "general"} | cells


def device(**cells: Any) -> dict[str, Any]:
    return {"device_id": "D1", "person_id": "P1", "kind": "phone"} | cells


def leave(**cells: Any) -> dict[str, Any]:
    return {"leave_id": "L9", "person_id": "P1", "valid_from": LATER, "valid_to": MUCH_LATER,
            "category": "medical", "fence_ids": "home"} | cells  # fmt: skip


def fence(**properties: Any) -> dict[str, Any]:
    given = {"fence_id": "F9", "rule": "keep_out", "applies_to": ["all"], "radius_m": 100} | properties
    return {"type": "Feature", "properties": given,
            "geometry": {"type": "Point", "coordinates": [106.5, 29.5]}}  # fmt: skip
