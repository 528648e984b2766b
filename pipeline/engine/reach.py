"""Whom fences are for: offices as intervals, so that an office and all below it are one comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.fence import Fence
from pipeline.engine.intervals import starts_of_runs

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Whom the shared fences are for: per selector the offices ``[low, high)`` and a class or -1."""

    first: Ints
    office_low: Ints
    office_high: Ints
    class_code: Ints

    def holds(self, fence: Ints, office: Ints, class_code: Ints) -> NDArray[np.bool_]:
        """Of pairs of a fence and a person's row (by office and class number): does it apply?"""
        holds: NDArray[np.bool_] = _reaches(
            self.first, self.office_low, self.office_high, self.class_code, fence, office, class_code
        )
        return holds


def reach_of(
    count: int,
    shared: Sequence[tuple[int, Fence]],
    office_spans: Sequence[Mapping[str, tuple[int, int]]],
    class_code: Mapping[str, int],
) -> Reach:
    """The selectors of the ``shared`` ones of so many fences, by number, those by person left out.

    An office is one in each tree.
    """
    rows: list[tuple[int, int, int, int]] = []
    all_offices = sum(map(len, office_spans))
    for number, fence in shared:
        for selector in fence.applies_to:
            kind, _, name = selector.partition(":")
            if kind == "office":
                rows += [(number, *of_tree[name], -1) for of_tree in office_spans]
            elif kind != "person":
                rows.append((number, 0, all_offices, class_code[name] if name else -1))
    table = np.array(rows, np.int64).reshape(-1, 4)
    first = starts_of_runs(table[:, 0], count)
    return Reach(first, *(table[:, column].copy() for column in (1, 2, 3)))


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


def office_spans(trees: Sequence[Mapping[str, tuple[str, ...]]]) -> list[dict[str, tuple[int, int]]]:
    """The offices of each tree numbered so that an office and all below it are one interval ``[low, high)``.

    A tree's numbers follow those of the one before it: an office in another tree is another one.
    """
    found: list[dict[str, tuple[int, int]]] = []
    begin = 0
    for above in trees:
        spans = _office_spans(above)
        found.append({office_id: (begin + low, begin + high) for office_id, (low, high) in spans.items()})
        begin += len(spans)
    return found


def _office_spans(above: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[int, int]]:
    ordered = sorted(above, key=lambda office_id: above[office_id][::-1])
    low = {office_id: number for number, office_id in enumerate(ordered)}
    high = {office_id: number + 1 for office_id, number in low.items()}
    for office_id in ordered:
        for upper in above[office_id]:
            high[upper] = max(high[upper], low[office_id] + 1)
    return {office_id: (low[office_id], high[office_id]) for office_id in ordered}
