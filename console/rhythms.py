"""Who was to report by now and has not: each device by its own rhythm and the threshold of silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.intervals import ranges
from pipeline.sites.records import Binding, Site
from pipeline.sites.row_columns import cells_of
from pipeline.sites.rows import as_rows

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
        #: Each device's place in what is said of devices here; one that is no more keeps its own.
        self.numbers: dict[str, int] = {}
        self._offices: dict[str, int] = {}
        self._site = site
        #: Device, office, from, to and first threshold of each time in which a supervised person bears one.
        self._spans = np.empty((5, 0), np.int64)
        #: Of each device the last report, the time since then in which nobody listened (which is nobody's
        #: silence), its usual pause, and how many pauses were seen.
        self._last_ms, self._gap_ms = np.empty(0, np.int64), np.empty(0, np.int64)
        self._usual_ms, self._pauses = np.empty(0), np.empty(0, np.int64)
        self._start_ms: int | None = None
        self.clock_ms = 0
        self._take_all()

    def follow(self, site: Site) -> None:
        """Who is to report is who this site says; of a device that was there, what was heard stays known."""
        people = as_rows(site.people, "person_id").moved_since(as_rows(self._site.people, "person_id"))
        bindings = as_rows(site.bindings, "device_id").moved_since(as_rows(self._site.bindings, "device_id"))
        same_policy = site.policy is self._site.policy
        before, self._site = self._site, site
        if people is None or bindings is None or not same_policy:
            self._take_all()
            return
        devices = {row.device_id for _, *both in bindings for row in both if row is not None}
        for person_id in {row.person_id for _, *both in people for row in both if row is not None}:
            for rows in (before.bindings, site.bindings):
                bound = as_rows(rows, "device_id", "person_id").about(person_id, "person_id")
                devices.update(row.device_id for row in bound)
        numbers = [self.numbers[name] for name in devices if name in self.numbers]
        if numbers:
            of_device, _, from_ms, to_ms, _ = self._spans
            gone = np.isin(of_device, numbers)
            to_ms[gone] = from_ms[gone]  # they hold nowhere
        table = as_rows(site.bindings, "device_id")
        self._take([row for name in sorted(devices) for row in table.about(name)])

    def _take_all(self) -> None:
        """All bindings of the site, by columns."""
        people, bindings = self._site.people, self._site.bindings
        number = {name: code for code, name in enumerate(dict.fromkeys(cells_of(people, "person_id")))}
        person = np.array([number[name] for name in cells_of(people, "person_id")], np.int64)
        bearer = np.array([number.get(name, -1) for name in cells_of(bindings, "person_id")], np.int64)
        device = np.array([_number(self.numbers, name) for name in cells_of(bindings, "device_id")], np.int64)
        office = np.array([_number(self._offices, name) for name in cells_of(people, "office_id")], np.int64)
        silence_ms = self._site.policy.silence_ms
        level_ms = np.array([silence_ms[kind][0] for kind in cells_of(bindings, "kind")], np.int64)
        order = np.argsort(person, kind="stable")
        first, beyond = (np.searchsorted(person[order], bearer, side) for side in ("left", "right"))
        binding, place = ranges(first, beyond)
        row = order[place]
        begin_ms, end_ms = (
            choose(cells_of(people, name)[row], cells_of(bindings, name)[binding])
            for choose, name in ((np.maximum, "valid_from_ms"), (np.minimum, "valid_to_ms"))
        )
        spans = np.stack([device[binding], office[row], begin_ms, end_ms, level_ms[binding]])
        self._spans = spans[:, begin_ms < end_ms]
        self._make_room()

    def _take(self, bindings: Iterable[Binding]) -> None:
        """Bindings of devices of which nothing is said yet, or no longer."""
        rows = np.array(list(self._supervised(bindings)), np.int64).reshape(-1, 5).T
        if rows.size:
            self._spans = np.concatenate([self._spans, rows], axis=1)
        self._make_room()

    def _make_room(self) -> None:
        more = len(self.numbers) - len(self._last_ms)
        if not more:
            return
        for name, first in (("_last_ms", _NEVER), ("_gap_ms", 0), ("_usual_ms", 0.0), ("_pauses", 0)):
            held = getattr(self, name)
            setattr(self, name, np.concatenate([held, np.full(more, first, held.dtype)]))

    def _supervised(self, bindings: Iterable[Binding]) -> Iterator[tuple[int, int, int, int, int]]:
        people = as_rows(self._site.people, "person_id")
        for binding in bindings:
            number = _number(self.numbers, binding.device_id)
            level_ms = self._site.policy.silence_ms[binding.kind][0]
            for person in people.about(binding.person_id):
                begin = max(person.valid_from_ms, binding.valid_from_ms)
                end = min(person.valid_to_ms, binding.valid_to_ms)
                if begin < end:
                    office = _number(self._offices, person.office_id)
                    yield number, office, begin, end, level_ms

    def hear(self, device: Ints, arrival_ms: Ints) -> None:
        """Reports (n,), none of which arrived before an earlier one's."""
        if not len(device):
            return
        # All by the devices that were heard: there may be many times as many that were not.
        heard, place = np.unique(device, return_inverse=True)
        now = np.full(len(heard), _NEVER, np.int64)
        np.maximum.at(now, place, arrival_ms)
        before = self._last_ms[heard]
        is_apart = (before != _NEVER) & (now - before >= _APART_MS)
        apart = heard[is_apart]
        pause_ms = (now - before)[is_apart] - self._gap_ms[apart]
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
        of_device, office, from_ms, to_ms, level_ms = self._spans
        chosen = np.isin(office, [number for name, number in self._offices.items() if name in offices])
        rows = np.flatnonzero(chosen & (from_ms <= now_ms) & (now_ms < to_ms))
        device = of_device[rows]
        last_ms = self._last_ms[device]
        heard_ms = last_ms + self._gap_ms[device]
        since_ms = np.maximum(np.maximum(heard_ms, from_ms[rows]), self._start_ms or 0)
        overdue = now_ms - since_ms > self._patience_ms(device, level_ms[rows])
        heard = last_ms[last_ms != _NEVER]
        return Reports(len(rows), int(overdue.sum()), int(heard.max()) if len(heard) else None)

    def _patience_ms(self, device: Ints, level_ms: Ints) -> NDArray[np.float64]:
        own_ms = np.maximum(_PAUSES * self._usual_ms[device], _SHARE_LEAST * level_ms)
        known = self._pauses[device] >= _KNOWN_AFTER
        return np.where(known, np.minimum(own_ms, level_ms), level_ms)


def _number(numbers: dict[str, int], name: str) -> int:
    """The number of a name, the next one where it has none."""
    return numbers.setdefault(name, len(numbers))
