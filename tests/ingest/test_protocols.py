"""Golden frames of each protocol of devices, and the same row judged whatever way it came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.ingest.bodies import received
from pipeline.ingest.errors import OtherDevice, UnreadableMessage
from pipeline.ingest.one_row import received_message
from pipeline.ingest.protocols import PROTOCOLS
from pipeline.ingest.protocols.protocol import Frame, Message, Protocol
from pipeline.ingest.received import Received, refusals
from pipeline.log.record import Record
from pipeline.log.rows import cells_of
from pipeline.ping import PING
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.rows import REASONS

FRAMES = Path(__file__).parent / "frames"
DEVICES = DeviceIds(["D1", "D2"])
NOON_MS = 1_752_465_600_000


def golden() -> list[Any]:
    return [
        pytest.param(protocol, case, id=f"{protocol.name}: {case['why']}")
        for protocol in PROTOCOLS
        for case in json.loads((FRAMES / f"{protocol.name}.json").read_text("utf-8"))
    ]


def frame_of(case: dict[str, Any]) -> Frame:
    body = case.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    return Frame(case.get("parameters", {}), text.encode(), case.get("content_type", ""), case.get("own"))


def test_every_protocol_has_frames() -> None:
    assert {path.stem for path in FRAMES.iterdir()} == {protocol.name for protocol in PROTOCOLS}


@pytest.mark.parametrize(("protocol", "case"), golden())
def test_a_golden_frame(protocol: Protocol, case: dict[str, Any]) -> None:
    if case.get("unreadable"):
        with pytest.raises(UnreadableMessage):
            protocol.decode(frame_of(case))
        return
    message = protocol.decode(frame_of(case))
    if case["row"] is None:
        assert message is None
        return
    assert message is not None
    assert {name: value for name, value in message.row.items() if value is not None} == case["row"]
    assert message.is_fixed == case.get("is_fixed", True)


GIVEN = {"device_id": "D1", "event_time": "2025-07-14T03:59:00Z", "lon": 106.5, "lat": 29.5}
ROWS: list[tuple[dict[str, Any], str]] = [
    (GIVEN, "as it should be"),
    ({**GIVEN, "accuracy_m": 8, "battery_pct": 55, "charging": True}, "whole numbers"),
    ({**GIVEN, "lon": None, "lat": None}, "a heartbeat"),
    ({**GIVEN, "lon": None}, "half a place"),
    ({**GIVEN, "lon": float("nan")}, "no number"),
    ({**GIVEN, "lat": 91}, "no place of this world"),
    ({**GIVEN, "lat": "29.5"}, "text for a place"),
    ({**GIVEN, "lat": True}, "a truth for a place"),
    ({**GIVEN, "event_time": None}, "no time"),
    ({**GIVEN, "event_time": "2025-07-14T03:59:00"}, "no offset"),
    ({**GIVEN, "event_time": 1752465540}, "a number for a time"),
    ({**GIVEN, "accuracy_m": -1}, "a negative accuracy"),
    ({**GIVEN, "accuracy_m": 1e400}, "an infinite one"),
    ({**GIVEN, "speed_mps": float("inf")}, "an infinite speed"),
    ({**GIVEN, "charging": "maybe"}, "no truth"),
    ({**GIVEN, "battery_pct": {"level": 1}}, "an object for a number"),
    ({**GIVEN, "operator": "\ud800"}, "text that is no Unicode"),
    ({**GIVEN, "device_id": "D9"}, "a device that nobody knows"),
    ({**GIVEN, "device_id": "\ud800"}, "one that is no Unicode"),
    ({**GIVEN, "device_id": ""}, "no name"),
    ({**GIVEN, "device_id": 1}, "a number for a name"),
    ({**GIVEN, "height": 5, "source": "gnss", "crs": "gcj02"}, "columns beyond those of phones"),
]


@pytest.mark.parametrize(("row", "why"), ROWS, ids=[why for _, why in ROWS])
def test_a_message_is_judged_as_the_same_row_in_a_body(row: dict[str, Any], why: str) -> None:
    """That way it is text first; this way it is not."""
    as_text = received(json.dumps(row).encode(), PING, DEVICES, own=None, is_ndjson=True)
    found = received_message(Message(row), DEVICES, own=None)
    assert found.reason.tolist() == as_text.reason.tolist(), why
    if found.reason[0] == 0:
        assert found.event_ms.tolist() == as_text.event_ms.tolist()
        assert logged(found) == logged(as_text)
    else:
        assert len(found.usable) == len(as_text.usable) == 0
    assert list(found.lines) == [json.dumps(row).encode()]


def logged(rows: Received) -> list[dict[str, Any]]:
    """The usable rows as the log holds them."""
    (entry,) = rows.entries("http", NOON_MS)
    found: list[dict[str, Any]] = cells_of(Record(0, entry.kind, NOON_MS, entry.payload)).to_pylist()
    return found


def test_without_a_fix_of_its_own_a_row_is_refused_and_shown() -> None:
    found = received_message(Message(GIVEN, is_fixed=False), DEVICES, own="D1")
    assert [(place, reason) for place, reason, _ in refusals(found, 9)] == [(0, "not_fixed")]
    assert [text for *_, text in refusals(found, 9)] == [json.dumps(GIVEN)]
    wrong = received_message(Message({**GIVEN, "lat": 91}, is_fixed=False), DEVICES, own="D1")
    assert [REASONS[code] for code in np.unique(wrong.reason)] == ["bad_coordinates"]


def test_a_device_sends_for_no_other() -> None:
    with pytest.raises(OtherDevice):
        received_message(Message({**GIVEN, "device_id": "D2"}), DEVICES, own="D1")
