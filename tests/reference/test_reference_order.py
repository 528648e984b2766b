"""What must not change the result of the reference: order of arrival within the lateness, and the future."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from shapely.geometry import Point, box

from geofences.area import Area
from geofences.fence import Fence
from geofences.holidays import load_builtin
from geofences.instant import instant_ms
from geofences.schedule import parse_schedule
from pipeline.ping import CONFIRMATION, PING
from pipeline.reference import Distances, ReferenceRow, judge
from pipeline.sites.policy import Policy
from pipeline.sites.records import Binding, Leave, Office, Person, Site
from sinks.alert import Alert

START_MS = instant_ms("2025-09-03T13:30:00Z")  # 21:30 in Shanghai: the curfew opens on the way
HALF_MS = instant_ms("2025-09-03T14:30:00Z")

SITE = Site(
    policy=Policy(),
    offices=(Office("O1", None, "Caotang Office", "judicial_office"),),
    people=(Person("P1", "Resident 1", "O1", "general"),),
    bindings=(
        Binding("D1", "P1", "phone", valid_to_ms=HALF_MS + 600_000),
        Binding("D1", "P1", "wristband", valid_from_ms=HALF_MS + 660_000),
    ),
    leaves=(Leave("L1", "P1", START_MS, HALF_MS, "", "", (), 104.095, 30.67, 400.0, HALF_MS + 300_000),),
    fences=(
        Fence("home", "home", "keep_in", "home", ("all",), Area(box(104.05, 30.65, 104.09, 30.69))),
        Fence(
            "bed",
            "bed",
            "keep_in",
            "home",
            ("all",),
            Area(Point(104.097, 30.67), 150.0),
            valid_from_ms=HALF_MS,
        ),
        Fence(
            "night",
            "night",
            "keep_in",
            "night",
            ("all",),
            Area(Point(104.085, 30.67), 400.0),
            schedule=parse_schedule(["Mo-Su 22:00-06:00"]),
        ),
        Fence("river", "river", "keep_out", None, ("class:general",), Area(box(104.093, 30.6, 104.1, 30.7))),
    ),
    holidays=load_builtin(),
)
DISTANCES = Distances()


def _walk(seed: int) -> list[ReferenceRow]:
    """Two hours of a fix a minute, to and fro over the borders of all fences."""
    draw = random.Random(seed)
    rows = []
    lon = 104.085
    for minute in range(120):
        lon = min(max(lon + draw.uniform(-0.006, 0.006), 104.08), 104.1)
        kind = CONFIRMATION if draw.random() < 0.05 else PING
        event_ms = START_MS + minute * 60_000 + draw.randrange(3) * 20_000
        position = (round(lon, 3), 30.67)
        rows.append(
            ReferenceRow(kind, "D1", event_ms, event_ms, event_ms, *position, *position, 10.0, "gnss")
        )
    return rows


def _arriving(rows: list[ReferenceRow], delays_ms: list[int]) -> list[ReferenceRow]:
    late = [replace(row, arrival_ms=row.event_ms + ms) for row, ms in zip(rows, delays_ms, strict=True)]
    return sorted(late, key=lambda row: row.arrival_ms)


def _kept(alerts: list[Alert]) -> list[Alert]:
    """Silence looks at arrivals and leaves at approvals, so they are no matter of order alone."""
    return [
        alert
        for alert in alerts
        if alert.withdrawn_ms is None and alert.kind in ("boundary_violation", "zone_entry")
    ]


@pytest.mark.parametrize("seed", range(6))
def test_order_of_arrival_within_the_lateness_changes_nothing(seed: int) -> None:
    site = replace(SITE, leaves=())
    rows = _walk(seed)
    draw = random.Random(seed)
    until_ms = rows[-1].event_ms + 400_000
    shuffled = _arriving(rows, [draw.randrange(240_000) for _ in rows])
    in_order = judge(site, rows, until_ms, distances=DISTANCES)
    assert _kept(judge(site, shuffled, until_ms, distances=DISTANCES)) == _kept(in_order)
    assert not any(alert.retrospective for alert in in_order)
    assert len(_kept(in_order)) >= 3, "a walk without alerts would prove nothing"


@pytest.mark.parametrize("seed", range(4))
def test_the_past_does_not_know_the_future(seed: int) -> None:
    """The state at an instant is the same whether or not rows that arrive later are there."""
    draw = random.Random(seed)
    rows = _arriving(_walk(seed), [draw.choice((0, 100_000, 900_000)) for _ in range(120)])
    for until_ms in (rows[30].arrival_ms, HALF_MS, rows[90].arrival_ms + 1):
        known = [row for row in rows if row.arrival_ms <= until_ms]
        assert judge(SITE, rows, until_ms, distances=DISTANCES) == judge(
            SITE, known, until_ms, distances=DISTANCES
        )


@pytest.mark.parametrize("seed", range(4))
def test_an_alert_is_there_from_the_row_that_raised_it_until_the_end(seed: int) -> None:
    """Row by row no alert disappears, and one is withdrawn exactly when the row before still held it."""
    draw = random.Random(seed)
    rows = _arriving(_walk(seed), [draw.choice((0, 0, 100_000, 900_000)) for _ in range(120)])
    before: dict[str, Alert] = {}
    for number in range(1, len(rows) + 1):
        now = {alert.alert_key: alert for alert in judge(SITE, rows[:number], distances=DISTANCES)}
        assert before.keys() <= now.keys()
        gone = [
            now[key]
            for key, alert in before.items()
            if alert.withdrawn_ms is None and now[key].withdrawn_ms is not None
        ]
        last_ms = rows[number - 2].arrival_ms
        assert all(last_ms <= (alert.withdrawn_ms or 0) <= rows[number - 1].arrival_ms for alert in gone)
        before = now
    assert before, "a walk without any alert would prove nothing"
