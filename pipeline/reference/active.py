"""When each fence version is active: within its validity and open by its schedule."""

from __future__ import annotations

from bisect import bisect_right
from zoneinfo import ZoneInfo

from geofences.fence import Fence
from geofences.schedule import open_intervals
from pipeline.reference.subjects import Spell, joined_spells
from pipeline.sites.records import Site


class ActiveTimes:
    """The active spells of fences that touch ``from_ms``..``to_ms``, found once per fence version."""

    def __init__(self, site: Site, *, from_ms: int, to_ms: int) -> None:
        self._site = site
        self._from_ms, self._to_ms = from_ms, to_ms
        self._spells: dict[Fence, list[Spell]] = {}

    def spells(self, fence: Fence) -> list[Spell]:
        """Ascending, apart from each other."""
        if fence not in self._spells:
            self._spells[fence] = self._find(fence)
        return self._spells[fence]

    def holds(self, fence: Fence, at_ms: int) -> bool:
        spells = self.spells(fence)
        before = bisect_right(spells, at_ms, key=lambda spell: spell.from_ms)
        return before > 0 and spells[before - 1].holds(at_ms)

    def _find(self, fence: Fence) -> list[Spell]:
        if fence.schedule is None:
            return [Spell(fence.valid_from_ms, fence.valid_to_ms)]
        from_ms = max(self._from_ms, fence.valid_from_ms)
        to_ms = min(self._to_ms + 1, fence.valid_to_ms)
        if from_ms >= to_ms:
            return []
        spells = []
        for begin_ms, end_ms, policy in self._site.policies.spans():
            low_ms, high_ms = max(from_ms, begin_ms), min(to_ms, end_ms)
            if low_ms < high_ms:  # a policy's windows are those of its own time zone, while it is in force
                zone = ZoneInfo(policy.timezone)
                starts, ends = open_intervals(fence.schedule, zone, low_ms, high_ms, self._site.holidays)
                low_ms, high_ms = max(fence.valid_from_ms, begin_ms), min(fence.valid_to_ms, end_ms)
                opened = zip(starts.tolist(), ends.tolist(), strict=True)
                spells += [Spell(max(start, low_ms), min(end, high_ms)) for start, end in opened]
        return joined_spells(spell for spell in spells if spell.from_ms < spell.to_ms)
