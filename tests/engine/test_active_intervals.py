"""When fences are active, against a scan of every moment that matters."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from engine.harsh_world import harsh_world
from engine.random_world import MINUTE_MS

from geofences.errors import HolidayYearMissing
from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS, instant_ms
from geofences.schedule import open_intervals, parse_schedule
from pipeline.engine.active_intervals import ActiveIntervals
from pipeline.sites.records import Site

SPAN_MS = 6 * 3_600_000


class Scan:
    """A fence's activity by its definition, at instants a millisecond around everything it knows."""

    def __init__(self, site: Site, fence: Fence, low_ms: int, high_ms: int) -> None:
        self.fence = fence
        self.open = [(BEGIN_MS, END_MS)]
        if fence.schedule is not None:
            zone = ZoneInfo(site.policy.timezone)
            starts, ends = open_intervals(fence.schedule, zone, low_ms, high_ms, site.holidays)
            self.open = list(zip(starts.tolist(), ends.tolist(), strict=True))
        edges = {fence.valid_from_ms, fence.valid_to_ms, *(ms for span in self.open for ms in span)}
        known = {ms + step for ms in edges for step in (-1, 0, 1)} | set(
            range(low_ms, high_ms, 7 * MINUTE_MS)
        )
        self.instants = sorted(ms for ms in known if low_ms <= ms < high_ms)

    def active(self, at_ms: int) -> bool:
        valid = self.fence.valid_from_ms <= at_ms < self.fence.valid_to_ms
        return valid and any(start <= at_ms < end for start, end in self.open)

    def turns(self, *, on: bool) -> list[int]:
        """Instants at which it becomes active, or inactive."""
        return [ms for ms in self.instants if self.active(ms) is on and self.active(ms - 1) is not on]


@pytest.mark.parametrize("seed", range(40))
def test_activity_openings_and_intervals(seed: int) -> None:
    world = harsh_world(seed)
    low_ms = min(row.event_ms for row in world.rows)
    high_ms = low_ms + SPAN_MS
    active_intervals = ActiveIntervals(world.site.fences, world.site)
    active_intervals.cover(low_ms, low_ms + SPAN_MS // 3)
    active_intervals.cover(low_ms, high_ms)
    scans = [Scan(world.site, fence, low_ms, high_ms) for fence in world.site.fences]
    opened: dict[int, list[int]] = {}
    for number, scan in enumerate(scans):
        instants = np.array(scan.instants, np.int64)
        active, since_ms, until_ms = active_intervals.activity(np.full(len(instants), number), instants)
        assert active.tolist() == [scan.active(ms) for ms in scan.instants]
        assert [active_intervals.active_at(number, ms) for ms in scan.instants] == active.tolist()
        assert ((since_ms <= instants) & (instants < until_ms)).all()
        for at_ms, is_active, since, until in zip(scan.instants, active, since_ms, until_ms, strict=True):
            within = [ms for ms in scan.instants if since <= ms < until]
            assert all(scan.active(ms) == is_active for ms in within), (
                f"seed {seed}, fence {number} at {at_ms}"
            )
        spans = active_intervals.intervals(number, low_ms, high_ms - 1)
        begins, ends = ({span[side] for span in spans if low_ms < span[side] < high_ms} for side in (0, 1))
        assert sorted(begins) == [ms for ms in scan.turns(on=True) if ms > low_ms]
        assert sorted(ends) == [ms for ms in scan.turns(on=False) if ms > low_ms]
        for at_ms in begins:
            opened.setdefault(at_ms, []).append(number)
    told = {ms: fences.tolist() for ms, fences in active_intervals.openings(low_ms, high_ms - 1).items()}
    assert told == dict(sorted(opened.items())), f"seed {seed}"


def test_a_year_without_holidays_fails_when_it_is_needed() -> None:
    world = harsh_world(1)
    fence = replace(world.site.fences[0], schedule=parse_schedule(["Mo-Fr 08:00-12:00", "PH off"]))
    last_year = max(world.site.holidays.years)
    active_intervals = ActiveIntervals((fence,), world.site)
    active_intervals.cover(
        instant_ms(f"{last_year}-12-30T00:00:00Z"), instant_ms(f"{last_year}-12-30T08:00:00Z")
    )
    with pytest.raises(HolidayYearMissing) as caught:
        active_intervals.cover(
            instant_ms(f"{last_year + 1}-03-01T00:00:00Z"), instant_ms(f"{last_year + 1}-03-02T00:00:00Z")
        )
    assert fence.fence_id in str(caught.value.__notes__)
