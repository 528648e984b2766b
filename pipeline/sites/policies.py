"""Policies by date: which one is in force at an instant, and what those to come will still ask for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.policy import Policy

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LaterPolicy:
    """A policy that takes the place of the one before it at an instant."""

    valid_from_ms: int
    policy: Policy


class Policies:
    """The policies of a site, numbered as they follow each other; the first has always been in force."""

    def __init__(self, first: Policy, later: Sequence[LaterPolicy] = ()) -> None:
        """``later`` in any order; no two of them begin together."""
        dated = sorted(later, key=lambda one: one.valid_from_ms)
        self.all: tuple[Policy, ...] = (first, *(one.policy for one in dated))
        self.from_ms: tuple[int, ...] = (BEGIN_MS, *(one.valid_from_ms for one in dated))

    def number_at(self, at_ms: int) -> int:
        """The number of the policy in force at an instant."""
        return bisect_right(self.from_ms, at_ms) - 1 if len(self.all) > 1 else 0

    def at(self, at_ms: int) -> Policy:
        """The policy in force at an instant."""
        return self.all[self.number_at(at_ms)]

    def spans(self) -> Iterator[tuple[int, int, Policy]]:
        """Each policy with the time it is in force, ``from_ms <= t < to_ms``."""
        return zip(self.from_ms, (*self.from_ms[1:], END_MS), self.all, strict=True)

    def within(self, from_ms: int, to_ms: int) -> list[Policy]:
        """Those in force at some instant of ``from_ms <= t < to_ms``."""
        return [policy for begin, end, policy in self.spans() if begin < to_ms and from_ms < end]

    def kept_from_ms(self, clock_ms: int) -> int:
        """No row that arrives from an instant on may be older: how far back anything must be remembered.

        A policy to come with a longer horizon reaches back from its beginning.
        """
        return min(
            max(begin, clock_ms) - policy.backfill_horizon_ms
            for begin, end, policy in self.spans()
            if end > clock_ms
        )

    def horizon_ms(self, arrival_ms: int) -> int:
        """How old a row may be that arrives at an instant."""
        return self.at(arrival_ms).backfill_horizon_ms

    def lateness_from_ms(self, clock_ms: int) -> int:
        """The longest lateness that may count for a row that arrives from an instant on."""
        return max(policy.allowed_lateness_ms for _, end, policy in self.spans() if end > clock_ms)

    def tolerance_m(self, fence: Fence, at_ms: int) -> float:
        """The tolerance of a fence for a fix judged at an instant."""
        return tolerance_m(fence, self.at(at_ms))


def tolerances_m(own_m: Floats, by_policy: Flags, keeps_in: Flags, policy: Policy) -> Floats:
    """``tolerance_m`` of many fences, by columns of shape (n,)."""
    of_rule_m = np.where(keeps_in, policy.keep_in.tolerance_m, policy.keep_out.tolerance_m)
    return np.where(by_policy, of_rule_m, own_m)


def tolerance_m(fence: Fence, policy: Policy) -> float:
    """A fence's own tolerance; where it gives none, that of its rule by a policy."""
    if not fence.has_policy_tolerance:
        return fence.tolerance_m
    return (policy.keep_in if fence.rule == "keep_in" else policy.keep_out).tolerance_m
