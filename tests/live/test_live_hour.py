"""An engine or a whole system that stood still for an hour invents no silence: the clock is the log's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from live_system import RUN, SERVE, LiveSystem, settled, until
from minimal_site import WHOLE, write_site

from geofences.instant import instant_ms
from pipeline.rules.catalogue import LOG_GAP, SILENT_DEVICE
from sinks.alert import instant_text

START_MS = instant_ms("2026-03-02T01:00:00Z")
MINUTE_MS = 60_000

NAMES = ("phone-a", "phone-b", "wrist-a", "wrist-b", "wrist-c")
PEOPLE = "".join(f"P-{name},{name},O1,free,,\n" for name in NAMES)
DEVICES = "".join(
    f"{name},P-{name},{'wristband' if name.startswith('wrist') else 'phone'},,\n" for name in NAMES
)
#: Silence as the contract has it: a phone after 60 minutes, a wristband after 10, graver after 30 and 120.
POLICY = 'version = "hour"\n[confirmation]\nfree = []\n'
FENCES = """\
{"type": "FeatureCollection", "features": [{"type": "Feature",
 "properties": {"fence_id": "county", "rule": "keep_in", "applies_to": ["all"]},
 "geometry": {"type": "Polygon", "coordinates": [[[106, 29], [107, 29], [107, 30], [106, 30], [106, 29]]]}}]}
"""
LEAVES = "leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at\n"

#: (kind, device, onset, raised, cleared, level), the times in minutes since the start.
Told = tuple[str, str | None, float | None, float | None, float | None, int]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return write_site(
        folder,
        ("people.csv", WHOLE, "person_id,name,office_id,class,valid_from,valid_to\n" + PEOPLE),
        ("devices.csv", WHOLE, "device_id,person_id,kind,valid_from,valid_to\n" + DEVICES),
        ("policy.toml", WHOLE, POLICY),
        ("fences.geojson", WHOLE, FENCES),
        ("leaves.csv", WHOLE, LEAVES),
    )


def report(system: LiveSystem, minutes: Iterable[float], *devices: str) -> None:
    """Each minute a heartbeat of each device; without one the log gets the clock alone."""
    for minute in minutes:
        at_ms = START_MS + round(minute * MINUTE_MS)
        system.send(at_ms, [{"device_id": name, "event_time": instant_text(at_ms)} for name in devices])


def told(system: LiveSystem) -> set[Told]:
    """The queue's alerts."""

    def minute(ms: int | None) -> float | None:
        return None if ms is None else (ms - START_MS) / MINUTE_MS

    return {
        (
            one.kind,
            one.device_id,
            minute(one.onset_ms),
            minute(one.raised_ms),
            minute(one.cleared_ms),
            one.level,
        )
        for one in (item.alert for item in system.items())
    }


def test_an_hour_without_the_engine(site: Path, tmp_path: Path) -> None:
    """`serve` listened all the time, so the log tells who was silent and who was not.

    minute    0         30 ── engine down ── 90      100
    phone-a   ||||||||||||||||||||||||||||||||||||||||||
    phone-b   |                                             silent to the end
    wrist-a   ||||||||||||||||||||||||||||||||||||||||||
    wrist-b   ||||||||||||||| 40                       |    silent from 40 to 100
    wrist-c   ||||||||||||||||| 45       75 ||||||||||||    silent to 75, the very deadline of level 2
    """
    always = ("phone-a", "wrist-a")
    expected: set[Told] = {
        (SILENT_DEVICE.kind, "wrist-b", 40, 50, 100, 2),
        (SILENT_DEVICE.kind, "wrist-c", 45, 55, 75, 1),
        (SILENT_DEVICE.kind, "phone-b", 0, 60, None, 1),
    }
    with LiveSystem(tmp_path / "live", site, START_MS) as system:
        system.start(SERVE, RUN)
        report(system, [0], *NAMES)
        report(system, range(1, 31), *always, "wrist-b", "wrist-c")
        until(lambda: system.is_at_work(RUN), "the engine")
        system.stop(RUN)
        report(system, range(31, 41), *always, "wrist-b", "wrist-c")
        report(system, range(41, 46), *always, "wrist-c")
        report(system, range(46, 75), *always)
        report(system, range(75, 91), *always, "wrist-c")
        assert told(system) == set(), "nobody judged meanwhile"
        system.start(RUN)
        report(system, range(91, 100), *always, "wrist-c")
        report(system, [100, 101], *always, "wrist-b", "wrist-c")
        assert settled(lambda: told(system), expected) == expected
        system.stop(SERVE, RUN)
        assert told(system) == expected


@pytest.mark.soak
def test_an_hour_in_which_nobody_listened(site: Path, tmp_path: Path) -> None:
    """What the log knows nothing of counts towards nobody's silence, and is itself told, once.

    minute    0    10        45   60 ═ both down ═ 120   121   125   130
    phone-a   |||||||||||||||||||||                  |||||||||||||||||||   reports right after
    phone-b   |||||||                                                      50 + 10 minutes
    wrist-a   |||||||||||||||||||||                              |||||||   5 minutes
    wrist-b   ||||||||||||||||                             |||||||||||||   15 + 1 minutes: level 1
    wrist-c   |||||||||||||||||||||                                        10 minutes
    """
    expected: set[Told] = {
        (LOG_GAP.kind, None, 60, 120, 120, 1),
        (SILENT_DEVICE.kind, "phone-b", 10, 130, None, 1),
        (SILENT_DEVICE.kind, "wrist-b", 45, 55, 121, 1),
        (SILENT_DEVICE.kind, "wrist-c", 60, 130, None, 1),
    }
    with LiveSystem(tmp_path / "live", site, START_MS) as system:
        system.start(SERVE, RUN)
        report(system, range(11), *NAMES)
        report(system, range(11, 46), "phone-a", "wrist-a", "wrist-b", "wrist-c")
        report(system, range(46, 61), "phone-a", "wrist-a", "wrist-c")
        until(lambda: told(system), "the silence before the gap")
        system.stop(SERVE, RUN)
        system.clock.set(START_MS + 120 * MINUTE_MS)
        system.start(SERVE, RUN)
        until(lambda: system.is_at_work(SERVE), "the end of the gap")
        report(system, [120 + 1 / 60], "phone-a")
        report(system, range(121, 125), "phone-a", "wrist-b")
        report(system, range(125, 130), "phone-a", "wrist-a", "wrist-b")
        report(system, [130, 131], "phone-a", "wrist-a", "wrist-b")
        assert settled(lambda: told(system), expected) == expected
        system.kill(RUN)
        system.start(RUN)  # which judges the gap again
        report(system, [132], *NAMES)
        until(lambda: not any(row[4] is None for row in told(system)), "the return of all")
        system.stop(SERVE, RUN)
        (gap,) = [item for item in system.items() if item.alert.kind == LOG_GAP.kind]
        assert [entry.kind for entry in gap.timeline] == ["raised", "cleared"]
