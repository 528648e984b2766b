"""The alert file: one line per key in its last state, numbers and keys exactly as documented."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from geofences.instant import instant_ms
from sinks.alert import Alert, EvidenceFix, alert_key, alert_line
from sinks.ledger import AlertLedger

RAISED_MS = instant_ms("2025-07-14T00:30:15Z")
ALERT = Alert(
    alert_key="0f" * 16, kind="zone_entry", severity=1, person_id="张三", device_id="D1", office_id='O"1',
    group=None, fence_id="Z", onset_ms=RAISED_MS - 1, raised_ms=RAISED_MS, cleared_ms=None, withdrawn_ms=None,
    authorised_by=None, level=1, lon=106.5, lat=-0.0, distance_m=-12.25, retrospective=False,
    policy_version="p", evidence=(EvidenceFix(RAISED_MS, 106.50000004, 29.0, None, 0.04, "in"),),
)  # fmt: skip


def test_a_line_to_the_last_sign() -> None:
    assert alert_line(ALERT).decode() == (
        '{"alert_key":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","kind":"zone_entry","severity":1,"person_id":"张三",'
        '"device_id":"D1","office_id":"O\\"1","group":null,"fence_id":"Z","onset_at":"2025-07-14T00:30:14.999Z",'
        '"raised_at":"2025-07-14T00:30:15.000Z","cleared_at":null,"withdrawn_at":null,"authorised_by":null,'
        '"level":1,"lon":106.5,"lat":0.0,"distance_m":-12.2,"retrospective":false,"policy_version":"p",'
        '"evidence":[{"event_time":"2025-07-14T00:30:15.000Z","lon":106.5,"lat":29.0,"accuracy_m":null,'
        '"distance_m":0.0,"side":"in"}]}\n'
    )


@pytest.mark.parametrize(
    ("metres", "written", "why"),
    [
        (0.25, "0.2", "half to even, down"),
        (0.75, "0.8", "half to even, up"),
        (-0.25, "-0.2", "on both sides"),
        (-0.04, "0.0", "no negative zero"),
        (-0.0, "0.0", "not even one given"),
        (1234567.89, "1234567.9", "no thousands, no exponent"),
        (20_003_931.46, "20003931.5", "half round the world"),
        (3.0, "3.0", "a number with a point stays one"),
    ],
)
def test_metres(metres: float, written: str, why: str) -> None:
    assert f'"distance_m":{written},' in alert_line(replace(ALERT, distance_m=metres)).decode(), why


@pytest.mark.parametrize(
    ("degrees", "written"),
    [
        (0.00000005, "0.0"), (0.00000015, "0.0000001"), (-0.00000004, "0.0"), (-0.0000123, "-0.0000123"),
        (179.99999996, "180.0"), (-73.9857, "-73.9857"),
    ],
)  # fmt: skip
def test_degrees(degrees: float, written: str) -> None:
    assert f'"lon":{written},' in alert_line(replace(ALERT, lon=degrees)).decode()


@pytest.mark.parametrize("accuracy_m", [1e15, 1e16, 1e22, 1.7e308])
def test_no_number_is_too_large_for_json(accuracy_m: float) -> None:
    fix = replace(ALERT.evidence[0], accuracy_m=accuracy_m)
    line = alert_line(replace(ALERT, evidence=(fix,))).decode()
    assert json.loads(line)["evidence"][0]["accuracy_m"] == accuracy_m
    assert "e+" not in line


def test_a_key_names_the_incident() -> None:
    text = f'["zone_entry","设备","Z",{RAISED_MS},false]'
    assert (
        alert_key("zone_entry", "设备", "Z", RAISED_MS, False)
        == hashlib.sha256(text.encode()).hexdigest()[:32]
    )


def test_the_file_is_sorted_and_holds_last_states(tmp_path: Path) -> None:
    ledger = AlertLedger()
    later = replace(ALERT, alert_key="aa" * 16, raised_ms=RAISED_MS + 1)
    same_time = replace(ALERT, alert_key="00" * 16, withdrawn_ms=RAISED_MS)
    ledger.write([later, ALERT, same_time])
    ledger.write([replace(later, cleared_ms=RAISED_MS + 2)])
    with (tmp_path / "alerts.ndjson").open("wb") as file:
        ledger.save(file)
    lines = [json.loads(line) for line in (tmp_path / "alerts.ndjson").read_bytes().splitlines()]
    assert [line["alert_key"][:2] for line in lines] == ["00", "0f", "aa"]
    assert lines[2]["cleared_at"] == "2025-07-14T00:30:15.002Z"
    assert (ledger.by_kind(), ledger.withdrawn()) == ({"zone_entry": 3}, 1)
