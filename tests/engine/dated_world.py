"""Random worlds once more, whose policies and offices change by date: other thresholds, other parents."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.random_world import MINUTE_MS, World

from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS
from pipeline.reference import ReferenceRow
from pipeline.sites.offices import parents_at
from pipeline.sites.policies import LaterPolicy
from pipeline.sites.policy import BoundaryRule, DailyWindow, Policy
from pipeline.sites.records import Office, Site

ZONES = ("Asia/Shanghai", "Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata", "America/New_York")
#: The second county, which no world has of itself.
COUNTY = Office("C2", None, "another county", "county")


def dated(world: World) -> World:
    """The same people and rows with policies by date and offices that are put elsewhere.

    Rows that are too old by the policy at their arrival are left out, as intake would.
    """
    drawing = _Dates(world)
    offices, later = drawing.offices(), drawing.policies()
    fences = tuple(drawing.fence(fence) for fence in world.site.fences)
    site = replace(world.site, offices=offices, later_policies=later, fences=fences)
    return replace(world, site=site, rows=_taken(site, world.rows))


def _taken(site: Site, rows: list[ReferenceRow]) -> list[ReferenceRow]:
    taken = [
        row
        for row in rows
        if row.event_ms >= row.arrival_ms - site.policies.at(row.arrival_ms).backfill_horizon_ms
    ]
    return taken or rows[:1]


class _Dates:
    def __init__(self, world: World) -> None:
        self._chance = random.Random(f"dated {world.seed} {len(world.rows)}")
        self._world = world
        self._first = world.site.policy
        self._begin_ms, self._end_ms = world.rows[0].arrival_ms, world.rows[-1].arrival_ms

    def _pick(self, *choices: Any) -> Any:
        return self._chance.choice(choices)

    def _moment(self) -> int:
        """An instant within the clock: of a row, of full five minutes, or a millisecond beside either."""
        row = self._chance.choice(self._world.rows)
        raster_ms = 5 * MINUTE_MS
        at_ms = self._pick(row.arrival_ms, row.event_ms, row.arrival_ms // raster_ms * raster_ms)
        return int(at_ms) + int(self._pick(0, 0, 0, 1, -1))

    def policies(self) -> tuple[LaterPolicy, ...]:
        """Up to four more policies, some of which take back what the one before them changed."""
        begins = sorted({self._moment() for _ in range(self._pick(1, 2, 2, 4))})
        found, policy = [], self._first
        for number, begin_ms in enumerate(begins, 1):
            policy = self._first if self._chance.random() < 0.2 else self._other(policy)
            found.append(LaterPolicy(begin_ms, replace(policy, version=f"v{number}")))
        self._chance.shuffle(found)
        return tuple(found)

    def _other(self, policy: Policy) -> Policy:
        """One to all groups of thresholds are others."""
        other = self._drawn(policy)
        groups = [
            ("timezone",),
            ("accuracy_factor", "accuracy_default_m", "floor_m"),
            ("keep_in", "keep_out", "clear_fixes"),
            ("allowed_lateness_ms",),
            ("backfill_horizon_ms",),
            ("silence_ms",),
            ("grace_ms", "windows"),
        ]
        chosen = self._chance.sample(groups, self._pick(1, 2, 4, len(groups)))
        return replace(policy, **{name: getattr(other, name) for names in chosen for name in names})

    def _drawn(self, policy: Policy) -> Policy:
        pick = self._pick
        floor_m = {**policy.floor_m, "gnss": pick(0.0, 20.0, 150.0), "fused": pick(10.0, 50.0, 300.0)}
        return replace(
            policy,
            timezone=pick(*ZONES),
            accuracy_factor=pick(0.5, 1.0, 3.0),
            accuracy_default_m=pick(0.0, 50.0, 300.0),
            floor_m=floor_m,
            keep_in=BoundaryRule(pick(0.0, 50.0, 400.0), pick(1, 2, 3, 5), pick(0, 60_000, 1_200_000)),
            keep_out=BoundaryRule(pick(0.0, 80.0, 250.0), pick(1, 2, 4), pick(0, 60_000, 600_000)),
            clear_fixes=pick(1, 2, 4),
            allowed_lateness_ms=pick(0, 60_000, 300_000, 1_800_000, 7_200_000),
            backfill_horizon_ms=pick(604_800_000, 7_200_000, 3_600_000, 1_200_000),
            silence_ms={
                "phone": pick((60_000, 600_000, 3_600_000), (1_800_000, 2_400_000, 9_000_000)),
                "wristband": pick((120_000, 300_000, 600_000), (3_600_000, 7_200_000, 7_200_001)),
            },
            grace_ms=pick(0, 300_000, 1_800_000),
            windows={name: self._windows() for name in policy.windows},
        )

    def _windows(self) -> tuple[DailyWindow, ...]:
        starts = self._chance.sample(range(0, 1440, 10), self._pick(0, 2, 4))
        return tuple(DailyWindow(start, start + self._pick(10, 30, 90)) for start in starts)

    def offices(self) -> tuple[Office, ...]:
        """Each office under either county, or under the other office, for a while; never above itself."""
        offices = (*self._world.site.offices, COUNTY)
        for office in self._world.site.offices:
            if office.parent_id is not None and self._chance.random() < 0.6:
                offices = self._moved(offices, office)
        return offices

    def _moved(self, offices: tuple[Office, ...], office: Office) -> tuple[Office, ...]:
        cuts = sorted({self._moment() for _ in range(self._pick(1, 2, 3))})
        spans = zip([BEGIN_MS, *cuts], [*cuts, END_MS], strict=True)
        others = [other.office_id for other in offices if other.office_id != office.office_id]
        rows = [
            replace(office, parent_id=self._pick(None, *others), valid_from_ms=begin_ms, valid_to_ms=end_ms)
            for begin_ms, end_ms in spans
        ]
        found = (*(other for other in offices if other.office_id != office.office_id), *rows)
        return found if _is_sound(found) else offices

    def fence(self, fence: Fence) -> Fence:
        """Some fences take the policy's tolerance, some are for the second county as well."""
        rule = self._first.keep_in if fence.rule == "keep_in" else self._first.keep_out
        if self._chance.random() < 0.5:
            fence = replace(fence, tolerance_m=rule.tolerance_m, has_policy_tolerance=True)
        selectors = fence.applies_to
        if "all" in selectors and self._chance.random() < 0.7:
            selectors = tuple(each for each in selectors if each != "all")
        if self._chance.random() < 0.5 or not selectors:
            selectors = (*selectors, self._pick("office:C2", "office:C1", "office:O1"))
        return replace(fence, applies_to=tuple(dict.fromkeys(selectors)))


def _is_sound(offices: tuple[Office, ...]) -> bool:
    """Whether no office is above itself at any time."""
    turns = {office.valid_from_ms for office in offices}
    return all(_ends_at_the_top(parents_at(offices, at_ms)) for at_ms in turns)


def _ends_at_the_top(parents: Mapping[str, str | None]) -> bool:
    for office_id in parents:
        step, steps = parents[office_id], 0
        while step is not None:
            step, steps = parents[step], steps + 1
            if steps > len(parents):
                return False
    return True
