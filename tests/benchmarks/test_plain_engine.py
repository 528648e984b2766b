"""The plain engine is a fair baseline: on a clean stream its alerts are those of the definition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.plain_engine import judge_with, recorded
from benchmarks.plain_rules import PlainAlert, PlainRules
from pipeline.reference import judge, read_rows
from pipeline.sites.load import load_site
from sinks.alert import Alert

# A county about 20 km wide, a home with a circle of 300 m in its middle, a zone 5 km east of that.
HOME, ZONE = (106.5, 29.5), (106.55, 29.5)
FAR, NEAR_ZONE, ABROAD = (106.503, 29.504), (106.5502, 29.5001), (106.7, 29.5)
BEGIN = datetime(2025, 7, 14, 6, 55, tzinfo=UTC) - timedelta(hours=8)

COUNTY = [[106.4, 29.4], [106.6, 29.4], [106.6, 29.6], [106.4, 29.6], [106.4, 29.4]]
FENCES: list[tuple[str, str, str, dict[str, float], str, object]] = [
    ("county", "keep_in", "office:C1", {}, "Polygon", [COUNTY]),
    ("home", "keep_in", "person:P1", {"radius_m": 300}, "Point", HOME),
    ("zone", "keep_out", "class:strict", {"radius_m": 200, "tolerance_m": 10}, "Point", ZONE),
    ("road", "keep_in", "person:P3", {"buffer_m": 100}, "LineString", [[106.49, 29.5], [106.51, 29.5]]),
]
FILES = {
    "offices.csv": """\
office_id,parent_id,name,level
C1,,County,county
O1,C1,Office,judicial_office
""",
    "people.csv": """\
person_id,name,office_id,class,valid_from,valid_to
P1,One,O1,general,,
P2,Two,O1,strict,,
P3,Three,O1,lenient,,
""",
    "devices.csv": """\
device_id,person_id,kind,valid_from,valid_to
D1,P1,phone,,
D2,P2,wristband,,
D3,P3,phone,,
""",
    "leaves.csv": """\
leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at
L1,P3,,,work,travel,home,106.55,29.5,500,
""",
    "policy.toml": "",
}

# minute: position (None: a heartbeat), each a fix every minute until the next; "off": nothing is sent.
Day = dict[int, tuple[float, float] | str | None]
DAYS: dict[str, Day] = {
    # Leaves home at 10 min, is back at 30; abroad from 60 on, still there at the end.
    "D1": {0: HOME, 10: FAR, 30: HOME, 60: ABROAD},
    # Two fixes in the zone and out again, silent for 20 min, in the zone once more at the end.
    "D2": {0: HOME, 20: NEAR_ZONE, 22: HOME, 40: "off", 60: HOME, 170: NEAR_ZONE},
    # Off the road and on leave there, then off the road and nowhere; sends heartbeats for a while.
    "D3": {0: HOME, 5: ZONE, 50: FAR, 55: None, 90: HOME},
}
MINUTES = 180


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("plain")
    for name, text in FILES.items():
        (directory / name).write_text(text)
    features = [
        {
            "type": "Feature",
            "properties": {"fence_id": name, "rule": rule, "applies_to": [selector], **more},
            "geometry": {"type": kind, "coordinates": coordinates},
        }
        for name, rule, selector, more, kind, coordinates in FENCES
    ]
    (directory / "fences.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    _write_pings(directory / "pings.parquet")
    _write_confirmations(directory / "confirmations.parquet")
    return directory


def _write_pings(path: Path) -> None:
    rows = []
    for minute in range(MINUTES):
        for second, (device_id, day) in enumerate(DAYS.items()):
            at = day[max(start for start in day if start <= minute)]
            if at != "off":
                lon, lat = at if isinstance(at, tuple) else (None, None)
                rows.append((device_id, BEGIN + timedelta(minutes=minute, seconds=second), lon, lat))
    device, moment, lons, lats = zip(*rows, strict=True)
    times = pa.array(moment, pa.timestamp("ms", "UTC"))
    nothing = pa.nulls(len(rows), pa.float64()), pa.nulls(len(rows), pa.string())
    names = ["device_id", "event_time", "arrival_time", "lon", "lat", "accuracy_m", "source"]
    columns = [pa.array(device), times, times, pa.array(lons), pa.array(lats), *nothing]
    pq.write_table(pa.table(columns, names=names), path)


def _write_confirmations(path: Path) -> None:
    """P1 confirms in the window from 07:00 to 09:00, P2 with another's face."""
    moments = pa.array(
        [BEGIN + timedelta(minutes=50), BEGIN + timedelta(minutes=65)], pa.timestamp("ms", "UTC")
    )
    columns = {
        "device_id": pa.array(["D1", "D2"]), "event_time": moments, "arrival_time": moments,
        "lon": pa.array([HOME[0]] * 2), "lat": pa.array([HOME[1]] * 2), "accuracy_m": pa.array([10.0, None]),
        "face_ok": pa.array([True, False]), "challenge_id": pa.array(["c1", None], pa.string()),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)


def test_the_plain_engine_finds_what_the_definition_finds(directory: Path) -> None:
    """Left out of the stream is what it does not do: late rows, backfill, openings, changes of the site."""
    pings, confirmations = directory / "pings.parquet", directory / "confirmations.parquet"
    site = load_site(directory)
    rows, _ = read_rows(site, [pings], [confirmations])
    expected = sorted(_plain(judge(site, rows)))
    found = judge_with(PlainRules(site), recorded(pings, confirmations), directory / "alerts.ndjson")
    assert sorted(found) == expected
    assert [(alert.kind, alert.subject, alert.scope) for alert in sorted(found)] == [
        ("boundary_violation", "D1", "county"),
        ("boundary_violation", "D1", "home"),
        ("boundary_violation", "D1", "home"),
        ("boundary_violation", "D3", "road"),
        ("missed_confirmation", "P2", ""),
        ("silent_device", "D2", ""),
        ("zone_entry", "D2", "zone"),
        ("zone_entry", "D2", "zone"),
    ]


def _plain(alerts: Sequence[Alert]) -> list[PlainAlert]:
    return [
        PlainAlert(
            alert.kind,
            alert.device_id or alert.person_id,
            alert.group or alert.fence_id or "",
            alert.onset_ms,
            alert.raised_ms,
            alert.cleared_ms,
            alert.level,
        )
        for alert in alerts
    ]
