"""The policies of a site as columns: what each instant of many is judged by."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geofences.instant import END_MS
from pipeline.ping import CONFIRMATION, NO_SOURCE, PingBatch
from pipeline.sites.policies import Policies
from pipeline.sites.policy import DEVICE_KINDS, SOURCES, Policy

#: Of a fix whose source was not kept: its radius stays as it is.
UNKNOWN_SOURCE = -1
_USUAL_SOURCE = SOURCES.index("gnss")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def counted_sources(fixes: PingBatch) -> NDArray[np.int8]:
    """What each fix counts as: a confirmation, and a ping without a source, as gnss."""
    plain = (fixes.kind == CONFIRMATION) | (fixes.source == NO_SOURCE)
    return np.where(plain, _USUAL_SOURCE, fixes.source).astype(np.int8)


class PolicyTable:
    """Thresholds by policy number; nearly every site has one policy, whose number is 0 at any time.

    ``floor_m`` (policies, sources), ``silence_ms`` (policies, kinds of device, 3).
    """

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self.from_ms = np.array(policies.from_ms, np.int64)
        self._to_ms = np.append(self.from_ms[1:], END_MS)
        self.floor_m = np.array([[each.floor_m[source] for source in SOURCES] for each in policies.all])
        self.silence_ms = np.array(
            [[each.silence_ms[kind] for kind in DEVICE_KINDS] for each in policies.all], np.int64
        )
        self._default_m = np.array([each.accuracy_default_m for each in policies.all])
        self._factor = np.array([each.accuracy_factor for each in policies.all])
        #: The longest first level of silence, so the oldest last known fix that an opening may judge.
        self.longest_first_silence_ms = int(self.silence_ms[:, :, 0].max())
        self.most_clear_fixes = max(each.clear_fixes for each in policies.all)

    def __len__(self) -> int:
        return len(self.policies.all)

    def at(self, at_ms: int) -> Policy:
        """The policy in force at an instant."""
        return self.policies.at(at_ms)

    def numbers_at(self, at_ms: Ints) -> Ints:
        """The numbers of the policies in force at instants, shape (n,)."""
        if len(self) == 1:
            return np.zeros(len(at_ms), np.int64)
        numbers: Ints = np.searchsorted(self.from_ms, at_ms, "right") - 1
        return numbers

    def first_silence_ms(self, kind: NDArray[np.int8], at_ms: Ints) -> Ints:
        """The first levels of silence of kinds of device, with a silence that begins at instants."""
        if len(self) == 1:
            first_ms: Ints = self.silence_ms[0, :, 0][kind]
            return first_ms
        return np.asarray(self.silence_ms[self.numbers_at(at_ms), kind, 0])

    def span_of(self, number: Ints) -> tuple[Ints, Ints]:
        """From when until when policies are in force, by number."""
        return self.from_ms[number], self._to_ms[number]

    def radius_m(self, accuracy_m: Floats, source: NDArray[np.int8], at_ms: Ints) -> Floats:
        """The radii of uncertainty of fixes judged at instants; NaN accuracies are not given."""
        if len(self) == 1:
            given_m = np.where(np.isnan(accuracy_m), self._default_m[0], accuracy_m)
            return np.asarray(np.maximum(self._factor[0] * given_m, self.floor_m[0][source]))
        number = self.numbers_at(at_ms)
        given_m = np.where(np.isnan(accuracy_m), self._default_m[number], accuracy_m)
        radius_m: Floats = np.maximum(self._factor[number] * given_m, self.floor_m[number, source])
        return radius_m

    def radius_of(self, accuracy_m: float | None, source: int, at_ms: int) -> float:
        """``radius_m`` of a single fix."""
        policy = self.at(at_ms)
        given_m = policy.accuracy_default_m if accuracy_m is None else accuracy_m
        return max(policy.accuracy_factor * given_m, policy.floor_m[SOURCES[source]])

    def cuts(self, arrival_ms: Ints) -> list[slice]:
        """Rows in order of arrival, cut where another policy is in force at the arrival."""
        if not len(arrival_ms):
            return []
        first, last = (self.policies.number_at(int(ms)) for ms in (arrival_ms[0], arrival_ms[-1]))
        edges = np.searchsorted(arrival_ms, self.from_ms[first + 1 : last + 1]).tolist()
        places = pairwise([0, *edges, len(arrival_ms)])
        return [slice(begin, end) for begin, end in places if begin < end]
