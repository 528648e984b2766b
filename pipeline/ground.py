"""Where and when a site's fences count: areas, scopes, schedules and the indexes over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from zoneinfo import ZoneInfo

import numpy as np
from numba import njit
from numpy.typing import NDArray
from shapely import Point

from geofences.area import Area
from geofences.errors import HolidayYearMissing
from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS
from geofences.pack import AreaPack
from geofences.registry import FenceRegistry, StreamIndex
from geofences.schedule import Schedule, open_intervals
from pipeline.intervals import starts_of_runs
from pipeline.policy import Policy
from pipeline.sites.records import Leave, Site

Ints = NDArray[np.int64]

_DAY_MS = 86_400_000
#: How far beyond the instants asked for the schedules are opened out at a time.
_AHEAD_MS = 32 * _DAY_MS


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged on its own: the keep_in fences of one group, or one keep_out fence."""

    keep_in: bool
    name: str
    fences: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Every schedule's open intervals over a range of time, schedule ``q`` at ``first[q] .. first[q + 1]``."""

    low_ms: int
    high_ms: int
    first: Ints
    starts: Ints
    ends: Ints

    def of(self, schedule: int) -> tuple[Ints, Ints]:
        """Starts and ends of one schedule's open intervals."""
        part = slice(self.first[schedule], self.first[schedule + 1])
        return self.starts[part], self.ends[part]


class Hours:
    """When each fence is active: its validity and the open intervals of its schedule.

    Schedules are opened out over the range asked for and extended as the stream goes on, so that a
    public-holiday year that is not published fails when it is needed and no earlier.
    """

    def __init__(self, site: Site) -> None:
        self._zone = ZoneInfo(site.policy.timezone)
        self._holidays = site.holidays
        numbers: dict[Schedule, int] = {}
        self.schedule = np.array(
            [-1 if f.schedule is None else numbers.setdefault(f.schedule, len(numbers)) for f in site.fences],
            np.int64,
        )
        self._schedules = list(numbers)
        self._named_by = [
            site.fences[int(np.flatnonzero(self.schedule == q)[0])].fence_id for q in range(len(numbers))
        ]
        self.valid_from = np.array([fence.valid_from_ms for fence in site.fences], np.int64)
        self.valid_to = np.array([fence.valid_to_ms for fence in site.fences], np.int64)
        nothing = np.empty(0, np.int64)
        self._opened = Opened(END_MS, BEGIN_MS, np.zeros(len(numbers) + 1, np.int64), nothing, nothing)
        self._extending = Lock()

    def cover(self, low_ms: int, high_ms: int) -> None:
        """Make sure every schedule is known over ``[low_ms, high_ms]``.

        Raises HolidayYearMissing where a schedule needs a year that the holiday table lacks.
        """
        known = self._opened
        if not self._schedules or (known.low_ms <= low_ms and high_ms <= known.high_ms):
            return
        with self._extending:  # shards on other threads read the table as a whole, before or after
            low_ms, high_ms = min(low_ms - _DAY_MS, known.low_ms), max(high_ms, known.high_ms)
            try:
                self._opened = self._open_out(low_ms, high_ms + _AHEAD_MS)
            except HolidayYearMissing:  # perhaps only the look-ahead is too far
                self._opened = self._open_out(low_ms, high_ms)

    @property
    def known_to_ms(self) -> int:
        """How far the schedules are opened out; END_MS where no fence has one."""
        return self._opened.high_ms if self._schedules else END_MS

    def _open_out(self, low_ms: int, high_ms: int) -> Opened:
        parts = []
        for number, schedule in enumerate(self._schedules):
            try:
                parts.append(open_intervals(schedule, self._zone, low_ms, high_ms, self._holidays))
            except HolidayYearMissing as missing:
                missing.add_note(f"fence {self._named_by[number]} has a schedule with PH")
                raise
        return Opened(
            low_ms,
            high_ms,
            np.cumsum([0] + [len(starts) for starts, _ in parts]).astype(np.int64),
            np.concatenate([starts for starts, _ in parts]).astype(np.int64),
            np.concatenate([ends for _, ends in parts]).astype(np.int64),
        )

    def activity(self, fence: Ints, at_ms: Ints) -> tuple[NDArray[np.bool_], Ints, Ints]:
        """Of pairs (fence, instant): active then, since when (or inactive since), and until when."""
        opened = self._opened
        since, until = np.empty_like(at_ms), np.empty_like(at_ms)
        active = _activity(
            fence, at_ms, self.schedule, self.valid_from, self.valid_to, opened.first, opened.starts,
            opened.ends, opened.high_ms, since, until,
        )  # fmt: skip
        return active, since, until

    def active_at(self, fence: int, at_ms: int) -> bool:
        """``activity`` for a single fence and instant."""
        if not self.valid_from[fence] <= at_ms < self.valid_to[fence]:
            return False
        schedule = self.schedule[fence]
        if schedule < 0:
            return True
        starts, ends = self._opened.of(schedule)
        number = int(np.searchsorted(starts, at_ms, "right")) - 1
        return bool(number >= 0 and at_ms < ends[number])

    def intervals(self, fence: int, after_ms: int, upto_ms: int) -> list[tuple[int, int]]:
        """Active intervals of a fence that begin or end in ``(after_ms, upto_ms]``."""
        valid_from, valid_to = int(self.valid_from[fence]), int(self.valid_to[fence])
        schedule = self.schedule[fence]
        if schedule < 0:
            spans = [(valid_from, valid_to)]
        else:
            starts, ends = self._opened.of(schedule)
            part = slice(np.searchsorted(ends, after_ms, "right"), np.searchsorted(starts, upto_ms, "right"))
            opened = zip(starts[part].tolist(), ends[part].tolist(), strict=True)
            spans = [(max(valid_from, start), min(valid_to, stop)) for start, stop in opened]
        return [
            (start, stop)
            for start, stop in spans
            if start < stop and (after_ms < start <= upto_ms or after_ms < stop <= upto_ms)
        ]

    def openings(self, after_ms: int, upto_ms: int) -> dict[int, Ints]:
        """Moments in ``(after_ms, upto_ms]`` at which fences become active, with their numbers."""
        moments: dict[int, list[Ints]] = {}
        for schedule in range(len(self._schedules)):
            starts, _ = self._opened.of(schedule)
            fences = np.flatnonzero(self.schedule == schedule)
            for at_ms in starts[(starts > after_ms) & (starts <= upto_ms)].tolist():
                valid = (self.valid_from[fences] <= at_ms) & (at_ms < self.valid_to[fences])
                if valid.any():
                    moments.setdefault(at_ms, []).append(fences[valid])
        begun = np.flatnonzero((self.valid_from > after_ms) & (self.valid_from <= upto_ms))
        for fence in begun[self.activity(begun, self.valid_from[begun])[0]].tolist():
            moments.setdefault(int(self.valid_from[fence]), []).append(np.array([fence], np.int64))
        return {at_ms: np.unique(np.concatenate(parts)) for at_ms, parts in sorted(moments.items())}


@njit(cache=True, nogil=True)
def _activity(  # type: ignore[no-untyped-def]  # numba infers the arrays
    fence, at_ms, schedule, valid_from, valid_to, first, starts, ends, known_to, since, until
):
    active = np.zeros(len(fence), np.bool_)
    for pair in range(len(fence)):
        f, t = fence[pair], at_ms[pair]
        if t < valid_from[f]:
            since[pair], until[pair] = BEGIN_MS, valid_from[f]
            continue
        if t >= valid_to[f]:
            since[pair], until[pair] = valid_to[f], END_MS
            continue
        since[pair], until[pair] = valid_from[f], valid_to[f]
        q = schedule[f]
        if q < 0:
            active[pair] = True
            continue
        low, high = first[q], first[q + 1]
        while low < high:
            middle = (low + high) // 2
            if starts[middle] <= t:
                low = middle + 1
            else:
                high = middle
        following = starts[low] if low < first[q + 1] else known_to
        if low > first[q]:
            active[pair] = t < ends[low - 1]
            since[pair] = max(since[pair], starts[low - 1] if active[pair] else ends[low - 1])
            if active[pair]:
                following = ends[low - 1]
        until[pair] = min(until[pair], following)
    return active


@dataclass(frozen=True, slots=True)
class LeavePlace:
    """One area of a leave: its circle, or one version of a fence it names."""

    area: int
    tolerance_m: float
    name: str
    severity: int | None


class Ground:
    """A site's fences compiled for the stream; shared by all shards, never changed by them.

    Areas are numbered as the fences, then the circles of the leaves. ``shared`` keep_out fences are
    found through the R-tree, all others by assignment to a person, a class or an office.
    """

    def __init__(self, site: Site) -> None:
        self.policy: Policy = site.policy
        self.fences: tuple[Fence, ...] = site.fences
        self.hours = Hours(site)
        self.tolerance_m = np.array([fence.tolerance_m for fence in site.fences], np.float64)
        self.keep_in = np.array([fence.rule == "keep_in" for fence in site.fences], np.bool_)
        self.scopes, self.scope = _scopes(site.fences)
        self.leave_places = _leave_places(site)
        self.pack = AreaPack([*(fence.area for fence in site.fences), *_circles(site.leaves)])
        self.by_selector = _by_selector(site.fences)
        self.offices_above = _offices_above(site)
        self.office_span = _office_spans(site, self.offices_above)
        self.class_code = {name: code for code, name in enumerate(site.policy.windows)}
        self.shared = np.array([f.group is None and _is_shared(f) for f in site.fences], np.bool_)
        shared = np.flatnonzero(self.shared).tolist()
        self.registry = FenceRegistry(site.fences)
        self.index: StreamIndex | None = self.registry.compiled(shared) if shared else None
        self.reach = self._reach(shared)

    def _reach(self, shared: Sequence[int]) -> Reach:
        """The selectors of the shared fences as intervals of office and class numbers."""
        rows: list[tuple[int, int, int, int]] = []
        for fence in shared:
            for selector in self.fences[fence].applies_to:
                kind, _, name = selector.partition(":")
                if kind == "office":
                    rows.append((fence, *self.office_span[name], -1))
                elif kind != "person":
                    rows.append((fence, 0, len(self.office_span), self.class_code[name] if name else -1))
        table = np.array(rows, np.int64).reshape(-1, 4)
        first = starts_of_runs(table[:, 0], len(self.fences))
        return Reach(first, *(table[:, column].copy() for column in (1, 2, 3)))

    def numbers_for(self, selector: str) -> list[int]:
        """Fences that name this selector."""
        return self.by_selector.get(selector, [])

    def shared_for(self, class_name: str, office_id: str) -> list[int]:
        """Fences that apply to a class or an office (or one above it), or to all."""
        selectors = ["all", f"class:{class_name}", *(f"office:{o}" for o in self.offices_above[office_id])]
        return sorted({number for selector in selectors for number in self.numbers_for(selector)})


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Whom the shared fences are for: per selector the offices ``[low, high)`` and a class or -1."""

    first: Ints
    office_low: Ints
    office_high: Ints
    class_code: Ints

    def holds(self, fence: Ints, office: Ints, class_code: Ints) -> NDArray[np.bool_]:
        """Of pairs of a fence and a person's row (by office and class number): does it apply?"""
        return _reaches(
            self.first, self.office_low, self.office_high, self.class_code, fence, office, class_code
        )


@njit(cache=True, nogil=True)
def _reaches(first, office_low, office_high, wanted, fence, office, class_code):  # type: ignore[no-untyped-def]
    holds = np.zeros(len(fence), np.bool_)
    for pair in range(len(fence)):
        for selector in range(first[fence[pair]], first[fence[pair] + 1]):
            right_class = wanted[selector] < 0 or wanted[selector] == class_code[pair]
            if right_class and office_low[selector] <= office[pair] < office_high[selector]:
                holds[pair] = True
                break
    return holds


def _is_shared(fence: Fence) -> bool:
    return any(not selector.startswith("person:") for selector in fence.applies_to)


def _scopes(fences: Sequence[Fence]) -> tuple[list[Scope], Ints]:
    names = [(fence.group is not None, fence.group or fence.fence_id) for fence in fences]
    number = {name: code for code, name in enumerate(dict.fromkeys(names))}
    scope = np.array([number[name] for name in names], np.int64)
    order = np.argsort(scope, kind="stable")
    members = np.split(order, np.searchsorted(scope[order], np.arange(1, len(number))))
    return [
        Scope(keep_in, name, tuple(members[code].tolist())) for (keep_in, name), code in number.items()
    ], scope


def _circles(leaves: Sequence[Leave]) -> list[Area]:
    return [
        Area(Point(leave.lon, leave.lat), leave.radius_m)
        for leave in leaves
        if leave.lon is not None and leave.lat is not None and leave.radius_m is not None
    ]


def _leave_places(site: Site) -> list[tuple[LeavePlace, ...]]:
    versions: dict[str, list[int]] = {}
    for number, fence in enumerate(site.fences):
        versions.setdefault(fence.fence_id, []).append(number)
    circle = len(site.fences)
    places: list[tuple[LeavePlace, ...]] = []
    for leave in site.leaves:
        named = [
            LeavePlace(f, site.fences[f].tolerance_m, fence_id, site.fences[f].severity)
            for fence_id in leave.fence_ids
            for f in versions[fence_id]
        ]
        if leave.radius_m is not None:
            named.append(LeavePlace(circle, site.policy.keep_in.tolerance_m, leave.leave_id, None))
            circle += 1
        places.append(tuple(named))
    return places


def _by_selector(fences: Sequence[Fence]) -> dict[str, list[int]]:
    by_selector: dict[str, list[int]] = {}
    for number, fence in enumerate(fences):
        for selector in fence.applies_to:
            by_selector.setdefault(selector, []).append(number)
    return by_selector


def _offices_above(site: Site) -> dict[str, list[str]]:
    parent = {office.office_id: office.parent_id for office in site.offices}
    above: dict[str, list[str]] = {}
    for office_id in parent:
        chain: list[str] = []
        at: str | None = office_id
        while at is not None:
            chain.append(at)
            at = parent[at]
        above[office_id] = chain
    return above


def _office_spans(site: Site, above: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Offices numbered so that an office and all below it are one interval ``[low, high)``."""
    ordered = sorted(above, key=lambda office_id: above[office_id][::-1])
    low = {office_id: number for number, office_id in enumerate(ordered)}
    high = {office_id: number + 1 for office_id, number in low.items()}
    for office_id in ordered:
        for upper in above[office_id]:
            high[upper] = max(high[upper], low[office_id] + 1)
    return {office_id: (low[office_id], high[office_id]) for office_id in ordered}
