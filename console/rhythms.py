"""Who was to report by now and has not: each device by its own rhythm and the threshold of silence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.sites.records import Site

Ints = NDArray[np.int64]
#: Reports closer together than this are one: a phone sends what it has gathered at once.
_APART_MS = 1_000
#: So many pauses are seen before a device's own rhythm counts.
_KNOWN_AFTER = 5
#: A report is overdue after so many times the usual pause, but not before this share of the threshold.
_PAUSES, _SHARE_LEAST = 4, 0.5
#: A shorter pause than usual moves what is usual so far towards it, a longer one all the way.
_FORGETS = 0.05
_NEVER = -1


@dataclass(frozen=True, slots=True)
class Reports:
    """Of the devices of some offices: how many are to report, how many are overdue, when the newest did."""

    devices: int
    overdue: int
    newest_ms: int | None


class Rhythms:
    """Last reports of all devices of a site by the log's clock, and their usual pauses."""

    def __init__(self, site: Site) -> None:
        self.device_ids = sorted({binding.device_id for binding in site.bindings})
        self._offices = sorted({person.office_id for person in site.people})
        numbers = {device_id: number for number, device_id in enumerate(self.device_ids)}
        places = {office_id: number for number, office_id in enumerate(self._offices)}
        rows = np.array(list(_supervised(site, numbers, places)), np.int64).reshape(-1, 5).T
        self._device, self._office, self._from_ms, self._to_ms, self._level_ms = rows
        count = len(self.device_ids)
        self._last_ms = np.full(count, _NEVER, np.int64)
        #: Since then nobody listened for so long, which is nobody's silence.
        self._gap_ms = np.zeros(count, np.int64)
        self._usual_ms = np.zeros(count)
        self._pauses = np.zeros(count, np.int64)
        self._start_ms: int | None = None
        self.clock_ms = 0

    def of_site(self, site: Site) -> Rhythms:
        """The same of another site: of a device that is in both, what was heard stays known."""
        found = Rhythms(site)
        found._start_ms, found.clock_ms = self._start_ms, self.clock_ms
        _, here, there = np.intersect1d(
            np.array(self.device_ids, object), np.array(found.device_ids, object), return_indices=True
        )
        for name in ("_last_ms", "_gap_ms", "_usual_ms", "_pauses"):
            getattr(found, name)[there] = getattr(self, name)[here]
        return found

    def hear(self, device: Ints, arrival_ms: Ints) -> None:
        """Reports (n,), none of which arrived before an earlier one's."""
        if not len(device):
            return
        newest_ms = np.full(len(self.device_ids), _NEVER, np.int64)
        np.maximum.at(newest_ms, device, arrival_ms)
        heard = np.unique(device)
        before, now = self._last_ms[heard], newest_ms[heard]
        apart = heard[(before != _NEVER) & (now - before >= _APART_MS)]
        pause_ms = (newest_ms - self._last_ms - self._gap_ms)[apart]
        usual_ms = self._usual_ms[apart]
        self._usual_ms[apart] = np.maximum(pause_ms, usual_ms + (pause_ms - usual_ms) * _FORGETS)
        self._pauses[apart] += 1
        self._last_ms[heard] = np.maximum(before, now)
        self._gap_ms[heard] = 0
        self.passed(int(arrival_ms.max()))

    def passed(self, clock_ms: int) -> None:
        """The log's clock has come so far."""
        self.clock_ms = max(self.clock_ms, clock_ms)
        if self._start_ms is None:
            self._start_ms = clock_ms

    def skip_gap(self, span_ms: int) -> None:
        """Nobody listened for so long."""
        self._gap_ms += span_ms
        if self._start_ms is not None:
            self._start_ms += span_ms

    def reports(self, offices: Collection[str]) -> Reports:
        """How the devices of supervised people of these offices stand, by the log's clock."""
        now_ms = self.clock_ms
        chosen = np.isin(self._office, [n for n, name in enumerate(self._offices) if name in offices])
        rows = np.flatnonzero(chosen & (self._from_ms <= now_ms) & (now_ms < self._to_ms))
        device = self._device[rows]
        last_ms = self._last_ms[device]
        heard_ms = last_ms + self._gap_ms[device]
        since_ms = np.maximum(np.maximum(heard_ms, self._from_ms[rows]), self._start_ms or 0)
        overdue = now_ms - since_ms > self._patience_ms(device, self._level_ms[rows])
        heard = last_ms[last_ms != _NEVER]
        return Reports(len(rows), int(overdue.sum()), int(heard.max()) if len(heard) else None)

    def _patience_ms(self, device: Ints, level_ms: Ints) -> NDArray[np.float64]:
        own_ms = np.maximum(_PAUSES * self._usual_ms[device], _SHARE_LEAST * level_ms)
        known = self._pauses[device] >= _KNOWN_AFTER
        return np.where(known, np.minimum(own_ms, level_ms), level_ms)


def _supervised(
    site: Site, numbers: dict[str, int], places: dict[str, int]
) -> list[tuple[int, int, int, int, int]]:
    """Device, office, from, to, first threshold: each time in which a supervised person bears a device."""
    people: dict[str, list[tuple[int, int, int]]] = {}
    for person in site.people:
        row = (places[person.office_id], person.valid_from_ms, person.valid_to_ms)
        people.setdefault(person.person_id, []).append(row)
    found = []
    for binding in site.bindings:
        level_ms = site.policy.silence_ms[binding.kind][0]
        for office, from_ms, to_ms in people.get(binding.person_id, ()):
            begin, end = max(from_ms, binding.valid_from_ms), min(to_ms, binding.valid_to_ms)
            if begin < end:
                found.append((numbers[binding.device_id], office, begin, end, level_ms))
    return found
