"""Where and when a site's fences count: areas, scopes, schedules and the indexes over them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray
from shapely import Point

from geofences.area import Area, Areas
from geofences.box import folded_area_boxes
from geofences.fence import Fence
from geofences.instant import END_MS
from geofences.pack import AreaPack
from geofences.registry import StreamIndex
from pipeline.engine.active_intervals import ActiveIntervals
from pipeline.engine.fence_numbers import Chained, FenceNumbers
from pipeline.engine.policy_table import PolicyTable
from pipeline.engine.reach import Reach, office_spans, reach_of
from pipeline.sites.offices import office_trees
from pipeline.sites.policies import tolerances_m
from pipeline.sites.records import Leave, Site
from pipeline.sites.row_columns import Column, cells_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: So many shared fences may be newer than the packed index before it is packed anew.
_NEWER_MOST = 512
#: So many fences are worth a thread of their own.
_MANY = 10_000


@dataclass(frozen=True, slots=True)
class LeavePlace:
    """One area of a leave: its circle, or one version of a fence it names; a tolerance for each policy."""

    area: int
    tolerances_m: tuple[float, ...]
    name: str
    severity: int | None


class CompiledFences:
    """A site's fences compiled for the stream; shared by all shards, never changed by them.

    Circles of leaves are numbered among the fences, and apply to nobody. ``shared`` keep_out fences are
    found through the R-tree, all others by assignment to a person, a class or an office. ``tolerance_m``
    is of shape (fences, policies).

    Numbers last: where the site changes, ``also`` gives a version with more of them, which shares all
    columns. A fence that is another by then has another number, and its old one is ``gone`` there.
    """

    def __init__(self, site: Site) -> None:
        self.policies = PolicyTable(site.policies)
        self.generation = 0
        self._numbers = FenceNumbers()
        self.office_trees = office_trees(site.offices)
        self.office_spans = office_spans([tree.above for tree in self.office_trees])
        classes = dict.fromkeys(name for policy in site.policies.all for name in policy.windows)
        self.class_code = {name: code for code, name in enumerate(classes)}
        circles = [circle_of(leave) for leave in site.leaves if leave.radius_m is not None]
        fences = Chained([site.fences, circles])
        with packed_beside(fences) as pack:
            self._take(fences, ActiveIntervals(fences, site), None)
            self.pack: AreaPack = pack()
        self.leave_places = self.places_of(site.leaves, len(site.fences))

    def _take(
        self, fences: Sequence[Fence], active_intervals: ActiveIntervals, before: CompiledFences | None
    ) -> None:
        """The columns of fences, behind those of the version before."""
        known = 0 if before is None else before.count
        self.count: int = known + len(fences)
        self.active_intervals = active_intervals
        columns = self._numbers.columns
        scope = self._numbers.add(fences, known)
        self.scopes = self._numbers.scopes
        self.scope_count = len(self.scopes)
        keep_in = np.fromiter(map("keep_in".__eq__, cells_of(fences, "rule")), np.bool_, len(fences))
        are_for_many = _are_for_many(cells_of(fences, "applies_to"))
        is_shared = are_for_many & ~keep_in
        self.tolerance_m = columns.also("tolerance_m", self._tolerances_m(fences, keep_in), np.float64)
        self.keep_in = columns.also("keep_in", keep_in, np.bool_)
        self.scope = columns.also("scope", scope, np.int64)
        self.shared = columns.also("shared", is_shared, np.bool_)
        self._gone_at = columns.also("gone_at", np.full(len(fences), END_MS), np.int64)
        for_many = np.flatnonzero(keep_in & are_for_many) + known
        self._keep_in_for_many: list[int] = [
            *(() if before is None else before._keep_in_for_many), *for_many.tolist()
        ]  # fmt: skip
        self._keep_in_by_selector: dict[str, list[int]] | None = None
        if before is not None:
            self.pack = before.pack.also(_areas_of(fences))
        shared = [(number, fences[number]) for number in np.flatnonzero(is_shared).tolist()]
        self._set_zones([(known + number, fence) for number, fence in shared], before)
        self._set_reach(len(fences), shared, before)

    def _tolerances_m(self, fences: Sequence[Fence], keep_in: Flags) -> Floats:
        """Of each fence the tolerance by each policy."""
        own_m = np.asarray(cells_of(fences, "tolerance_m"), np.float64)
        policies = self.policies.policies.all
        if len(policies) == 1:
            return own_m.reshape(-1, 1)
        by_policy = np.asarray(cells_of(fences, "has_policy_tolerance"), np.bool_)
        return np.column_stack([tolerances_m(own_m, by_policy, keep_in, policy) for policy in policies])

    def _set_reach(
        self, count: int, shared: Sequence[tuple[int, Fence]], before: CompiledFences | None
    ) -> None:
        part, also = reach_of(count, shared, self.office_spans, self.class_code), self._numbers.columns.also
        self.reach: Reach = Reach(
            also(
                "first", part.first if before is None else part.first[1:] + before.reach.first[-1], np.int64
            ),
            also("office_low", part.office_low, np.int64),
            also("office_high", part.office_high, np.int64),
            also("class_code", part.class_code, np.int64),
        )

    def _set_zones(self, shared: list[tuple[int, Fence]], before: CompiledFences | None) -> None:
        """The indexes over the shared fences: a packed one, and a small one of what is newer."""
        self._zones: tuple[StreamIndex | None, StreamIndex | None] = (None, None)
        self._newer: list[tuple[int, Fence]] = []
        if before is None:
            self._zones = stream_index(shared), None
        else:
            self._newer = [*before._newer, *shared]
            self._zones = before._zones[0], stream_index(self._newer) if shared else before._zones[1]
        if len(self._newer) > _NEWER_MOST:
            every = [(n, self.fence(n)) for n in np.flatnonzero(self.shared).tolist() if not self.is_gone(n)]
            self._zones, self._newer = (stream_index(every), None), []

    def make_room(self) -> None:
        """So that the first change need not, while a stream waits: with a million, a third of a second."""
        self.pack.make_room()
        self._numbers.columns.make_room()

    def also(self, fences: Sequence[Fence], gone: Sequence[int]) -> CompiledFences:
        """The next version: some fences more, and some of these numbers ``gone`` from it on.

        Offices, policies and holidays are the same. Only the newest version may be asked.
        """
        new = CompiledFences.__new__(CompiledFences)
        new.policies, new.generation, new._numbers = self.policies, self.generation + 1, self._numbers
        new.office_trees, new.office_spans = self.office_trees, self.office_spans
        new.class_code = self.class_code
        new.leave_places = []
        new._take(fences, self.active_intervals.also(fences), self)
        # Versions before this one see no difference: to them a fence goes only by their own generation.
        new._gone_at[list(gone)] = new.generation
        return new

    def follows(self, before: CompiledFences) -> bool:
        """Whether this is the next version after another."""
        return self._numbers is before._numbers and self.generation == before.generation + 1

    def fence(self, number: int) -> Fence:
        """A fence, or the circle of a leave."""
        return self._numbers.fence(number)

    def applies_to(self, number: int) -> tuple[str, ...]:
        """The selectors of a fence, which cost no object."""
        return self._numbers.applies_to[number]

    def is_gone(self, number: int) -> bool:
        """Whether another number is that fence's in this version, or none."""
        return bool(self._gone_at[number] <= self.generation)

    def there(self, fences: Ints) -> Ints:
        """Those of these numbers that are not gone."""
        return fences[self._gone_at[fences] > self.generation] if self.generation else fences

    def scopes_of(self, fence: Fence) -> list[int]:
        """The scopes of all versions of a fence there ever were."""
        return [int(self.scope[n]) for n in self._numbers.by_id.of(fence.fence_id) if n < self.count]

    def fences_of(self, scope: int) -> list[int]:
        """The fences of a scope."""
        return self._present(self._numbers.of_scope.of(scope))

    def versions_of(self, fence_id: str) -> list[int]:
        """All versions of a fence."""
        return self._present(self._numbers.by_id.of(fence_id))

    def numbers_for(self, selector: str) -> list[int]:
        """Fences that name this selector."""
        return self._present(self._numbers.by_selector.of(selector))

    def named(self, person_ids: Sequence[str]) -> tuple[Ints, Ints]:
        """Pairs of a person, by place among these, and a fence that names them; by person, then by fence."""
        selectors = map("person:".__add__, person_ids)
        if not self.generation:
            return self._numbers.selectors.pairs(selectors)
        lists = list(map(self.numbers_for, selectors))
        person = np.repeat(np.arange(len(lists)), np.fromiter(map(len, lists), np.int64, len(lists)))
        return person, np.fromiter(chain.from_iterable(lists), np.int64, len(person))

    def _present(self, numbers: list[int]) -> list[int]:
        if not self.generation:
            return numbers[: bisect_left(numbers, self.count)]
        return [number for number in numbers if number < self.count and not self.is_gone(number)]

    def keep_in_for(self, class_name: str, office_id: str, tree: int) -> list[int]:
        """The keep_in fences that apply to a class or an office (or one above it in a tree), or to all."""
        if self._keep_in_by_selector is None:
            self._keep_in_by_selector = {}
            for number in self._keep_in_for_many:
                for selector in self.applies_to(number):
                    self._keep_in_by_selector.setdefault(selector, []).append(number)
        if not self._keep_in_by_selector:
            return []
        above = self.office_trees[tree].above[office_id]
        selectors = ["all", f"class:{class_name}", *(f"office:{o}" for o in above)]
        found = {number for name in selectors for number in self._keep_in_by_selector.get(name, ())}
        return self._present(sorted(found))

    @property
    def has_zones(self) -> bool:
        """Whether there are shared fences, or were."""
        return any(index is not None for index in self._zones)

    def zones_near(self, lon: Floats, lat: Floats, reach_m: float) -> tuple[Ints, Ints]:
        """Rows and numbers of the shared fences whose box comes within reach of a position."""
        found = [index.pairs(lon, lat, reach_m) for index in self._zones if index is not None]
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        row, fence = (np.concatenate(column) for column in zip(*found, strict=True))
        if self.generation:
            there = self._gone_at[fence] > self.generation
            row, fence = row[there], fence[there]
        return row, fence

    def places_of(self, leaves: Sequence[Leave], first_circle: int) -> list[tuple[LeavePlace, ...]]:
        """The areas of leaves, of which their circles have the numbers from ``first_circle`` on."""
        circle = first_circle
        circle_m = tuple(policy.keep_in.tolerance_m for policy in self.policies.policies.all)
        places: list[tuple[LeavePlace, ...]] = []
        for leave in leaves:
            numbers = [number for fence_id in leave.fence_ids for number in self.versions_of(fence_id)]
            named = [
                LeavePlace(n, tuple(self.tolerance_m[n].tolist()), fence.fence_id, fence.severity)
                for n, fence in zip(numbers, map(self.fence, numbers), strict=True)
            ]
            if leave.radius_m is not None:
                named.append(LeavePlace(circle, circle_m, leave.leave_id, None))
                circle += 1
            places.append(tuple(named))
        return places


def _areas_of(fences: Sequence[Fence]) -> Areas:
    return Areas(cells_of(fences, "area.shape"), cells_of(fences, "area.reach_m"))


@contextmanager
def packed_beside(fences: Sequence[Fence]) -> Iterator[Callable[[], AreaPack]]:
    """What gives the areas of fences, packed while the block runs: arrays let other threads work."""
    areas = _areas_of(fences)
    if len(fences) < _MANY:
        yield lambda: AreaPack(areas)
        return
    with ThreadPoolExecutor(1, "areas") as beside:
        yield beside.submit(AreaPack, areas).result


def stream_index(zones: Sequence[tuple[int, Fence]]) -> StreamIndex | None:
    """A packed index of some fences; None where there are none."""
    if not zones:
        return None
    boxes, owner = folded_area_boxes([fence.area for _, fence in zones])
    return StreamIndex(np.array([number for number, _ in zones], np.int64)[owner], boxes)


def circle_of(leave: Leave) -> Fence:
    """The circle of a leave, as a fence that applies to nobody and never holds."""
    radius_m = leave.radius_m
    assert radius_m is not None, "the leave has a circle"
    area = Area(Point(leave.lon, leave.lat), radius_m)
    return Fence(leave.leave_id, "", "keep_out", None, (), area, valid_from_ms=END_MS, valid_to_ms=END_MS)


def _are_for_many(applies_to: Column) -> Flags:
    """Which fences name an office, a class or all; circles of leaves name nobody."""
    count = np.fromiter(map(len, applies_to), np.int64, len(applies_to))
    named = chain.from_iterable(applies_to)
    if count.max(initial=0) < 2:
        are_people = np.fromiter(map(str.startswith, named, repeat("person:")), np.bool_, int(count.sum()))
        flags = np.zeros(len(count), np.bool_)
        flags[count == 1] = ~are_people
        return flags
    return np.fromiter(
        (any(selector[:7] != "person:" for selector in selectors) for selectors in applies_to), np.bool_
    )
