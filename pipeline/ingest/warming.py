"""Compiles what the gateway decodes with, so that the first row waits for no compiler."""

from __future__ import annotations

import json

from pipeline.ingest.bodies import received
from pipeline.ingest.counting import has_more_elements
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.nesting import NESTING_MOST, elements_of, is_too_deep


def compile_kernels(devices: DeviceIds) -> None:
    """Decodes a made-up row of each kind in each form; nothing comes of it but compiled code."""
    row = json.dumps({"device_id": "-", "event_time": "2025-07-14T00:00:00Z", "lon": 1.5, "lat": 2})
    for kind in (PING, CONFIRMATION):
        for body, is_ndjson in ((row, True), (f"[{row}]", False)):
            received(body.encode(), kind, devices, own=None, is_ndjson=is_ndjson)
    has_more_elements(b"[1,1]", 1)
    elements_of(b"[1]")
    is_too_deep(b"[" * (NESTING_MOST + 1))
