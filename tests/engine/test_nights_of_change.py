"""Owed confirmations in nights in which clocks are changed: the engine as the reference, minute by minute."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from engine.engine_run import engine_lines
from seeds import seeds

from geofences.holidays import load_builtin
from geofences.instant import BEGIN_MS, EPOCH
from pipeline.ping import CONFIRMATION, PING
from pipeline.reference import ReferenceRow, judge
from pipeline.sites.policy import DailyWindow, Policy
from pipeline.sites.records import Binding, Office, Person, Site
from sinks.alert import alert_line

HOUR_MS, MINUTE_MS = 3_600_000, 60_000

#: Zone, the local day in whose first hours clocks are changed, minutes on the wall worth a window.
NIGHTS = [
    ("Europe/Berlin", "2025-03-30", (60, 210)),
    ("Europe/Berlin", "2025-10-26", (60, 210)),
    ("America/New_York", "2025-03-09", (60, 210)),
    ("America/New_York", "2025-11-02", (30, 150)),
    ("America/St_Johns", "2025-03-09", (60, 210)),
    ("Australia/Lord_Howe", "2025-10-05", (60, 210)),
    ("Australia/Lord_Howe", "2025-04-06", (60, 150)),
    ("America/Havana", "2025-03-09", (-60, 90)),  # midnight itself is skipped
    ("America/Havana", "2025-11-02", (-30, 90)),
    ("Pacific/Apia", "2011-12-30", (-120, 1500)),  # a whole day is skipped
]


def windows(rng: random.Random, about: tuple[int, int]) -> tuple[DailyWindow, ...]:
    """Some that begin about then, each at a minute of its own."""
    found: dict[int, DailyWindow] = {}
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(*about) // 15 * 15 % 1440
        found[start] = DailyWindow(start, start + rng.choice([15, 30, 45, 60, 90, 120, 300, 1440]))
    return tuple(found.values())


def night(seed: int) -> tuple[Site, list[ReferenceRow], int]:
    """A site, three days of reports about a night, and the end of the clock."""
    rng = random.Random(seed)
    zone, day, about = NIGHTS[seed % len(NIGHTS)]
    policy = Policy(
        timezone=zone, grace_ms=rng.choice([0, 10 * MINUTE_MS]),
        windows={"strict": windows(rng, about), "general": windows(rng, about)},
    )  # fmt: skip
    midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone))
    change_ms = (midnight - EPOCH) // timedelta(milliseconds=1)
    begin_ms, until_ms = change_ms - 36 * HOUR_MS, change_ms + 40 * HOUR_MS
    people = [Person("P1", "P1", "O", "strict"), Person("P2", "P2", "O", "general")]
    changes_ms = change_ms + rng.randint(-2, 6) * 30 * MINUTE_MS
    people += [Person("P3", "P3", "O", "strict", BEGIN_MS, changes_ms)]
    people += [Person("P3", "P3", "O", "general", changes_ms)]
    bindings = tuple(Binding(f"D{n}", f"P{n}", "phone") for n in (1, 2, 3))
    office = Office("O", None, "O", "judicial_office")
    site = Site(policy, (office,), tuple(people), bindings, (), (), load_builtin())
    rows = [(begin_ms, 0, PING, 1)]
    for _ in range(rng.randint(0, 12)):
        made_ms = change_ms + rng.randint(-20, 30) * 15 * MINUTE_MS + rng.choice([-1, 0, 0, 1])
        rows.append((made_ms, rng.choice([0, 0, 20, 90]) * MINUTE_MS, CONFIRMATION, rng.randint(1, 3)))
    found = [
        ReferenceRow(kind, f"D{device}", made_ms, made_ms + delay_ms, lon=None, lat=None, given_lon=None,
                     given_lat=None, accuracy_m=None, source=None, face_ok=True)
        for made_ms, delay_ms, kind, device in rows
    ]  # fmt: skip
    return site, sorted(found, key=lambda row: (row.arrival_ms, row.kind)), until_ms


@pytest.mark.parametrize("seed", seeds(120))
def test_a_night_of_change(seed: int) -> None:
    site, rows, until_ms = night(seed)
    expected = [alert for alert in judge(site, rows, until_ms) if alert.kind == "missed_confirmation"]
    assert len({alert.alert_key for alert in expected}) == len(expected)
    assert all(alert.onset_ms < alert.raised_ms or site.policy.grace_ms == 0 for alert in expected)
    wanted = sorted(map(alert_line, expected))
    for size in (1, 1 << 16):
        lines = engine_lines(site, rows, until_ms, size=size, renew_every=1)
        assert sorted(line for line in lines if b"missed_confirmation" in line) == wanted


def test_the_nights_have_all_of_it() -> None:
    """Equal answers prove little where nothing is missed, or all of it by everyone."""
    counts = [sum(a.kind == "missed_confirmation" for a in judge(*night(seed))) for seed in range(40)]
    assert len(set(counts)) > 8
    cleared = [a.cleared_ms is not None for seed in range(40) for a in judge(*night(seed))
               if a.kind == "missed_confirmation"]  # fmt: skip
    assert 0.005 < sum(cleared) / len(cleared) < 0.5
