"""One shard's people and devices as columns: who is supervised, bound and of which class when."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.intervals import interval_at, merged, starts_of_runs
from pipeline.policy import DEVICE_KINDS
from pipeline.sites.records import Binding, Person, Site

Ints = NDArray[np.int64]


def shard_of_person(person_id: str, shards: int) -> int:
    """The shard a person lives in: stable across runs, machines and Python versions."""
    return zlib.crc32(person_id.encode()) % shards


def device_ids(site: Site) -> list[str]:
    """Every device a site knows, in order of first mention: the numbering of ``PingBatch.device``."""
    return list(dict.fromkeys(row.device_id for row in site.bindings))


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Rising disjoint intervals per owner, owner ``o`` at ``first[o] .. first[o + 1]``."""

    first: Ints
    owner: Ints
    from_ms: Ints
    to_ms: Ints

    def at(self, owner: Ints, at_ms: Ints) -> Ints:
        """Interval numbers holding these instants, -1 where none; shape (n,)."""
        return interval_at(self.first, self.from_ms, self.to_ms, owner, at_ms)

    def one_at(self, owner: int, at_ms: int) -> int:
        """``at`` for a single owner and instant."""
        low, high = self.first[owner], self.first[owner + 1]
        number = int(low + np.searchsorted(self.from_ms[low:high], at_ms, "right")) - 1
        return number if number >= low and at_ms < self.to_ms[number] else -1

    def of(self, owner: int) -> list[tuple[int, int]]:
        """All intervals of one owner."""
        part = slice(self.first[owner], self.first[owner + 1])
        return list(zip(self.from_ms[part].tolist(), self.to_ms[part].tolist(), strict=True))


def _spans(rows: Sequence[tuple[int, int, int]], owners: int) -> Spans:
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Spans(starts_of_runs(table[:, 0], owners), *(table[:, column].copy() for column in range(3)))


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """The people of one shard (numbered within it) and the devices of the whole site.

    ``rows`` are the people's rows by person, with class and office; ``supervision`` the merged
    intervals by person; ``bindings`` the merged intervals by device, each of one person;
    ``kinds`` the device rows by binding; ``episodes`` where a binding is supervised, by device.
    """

    person_ids: list[str]
    device_ids: list[str]
    rows: Spans
    row_office: list[str]
    row_class: list[str]
    supervision: Spans
    bindings: Spans
    binding_person: Ints
    kinds: Spans
    kind: NDArray[np.int8]
    episodes: Spans
    episode_binding: Ints

    def office_at(self, person: int, at_ms: int) -> str:
        """The office of the row valid then, else of the last row before (an end exactly then)."""
        low, high = int(self.rows.first[person]), int(self.rows.first[person + 1])
        number = low + int(np.searchsorted(self.rows.from_ms[low:high], at_ms, "right")) - 1
        return self.row_office[max(number, low)]

    def kind_at(self, binding: Ints, at_ms: Ints) -> NDArray[np.int8]:
        """Device kind codes of the binding rows valid at these instants; shape (n,)."""
        return self.kind[self.kinds.at(binding, at_ms)]

    def ends_of(self, binding: int) -> list[int]:
        """When supervision under this binding ends, rising."""
        device = int(self.bindings.owner[binding])
        part = range(int(self.episodes.first[device]), int(self.episodes.first[device + 1]))
        return [int(self.episodes.to_ms[e]) for e in part if self.episode_binding[e] == binding]


def build_roster(site: Site, shard: int = 0, shards: int = 1) -> Roster:
    """The people of one shard and everything that is about them."""
    people = [row for row in site.people if shard_of_person(row.person_id, shards) == shard]
    person_ids = list(dict.fromkeys(row.person_id for row in people))
    person = {person_id: number for number, person_id in enumerate(person_ids)}
    devices = device_ids(site)
    rows = sorted(people, key=lambda row: (person[row.person_id], row.valid_from_ms))
    row_spans = _spans([(person[r.person_id], r.valid_from_ms, r.valid_to_ms) for r in rows], len(person))
    supervision = _spans(_supervision(rows, person), len(person))
    bound = [row for row in site.bindings if row.person_id in person]
    bindings, binding_person, kinds = _bindings(bound, person, devices)
    binding_spans = _spans(bindings, len(devices))
    episodes, episode_binding = _episodes(binding_spans, binding_person, supervision)
    return Roster(
        person_ids=person_ids,
        device_ids=devices,
        rows=row_spans,
        row_office=[row.office_id for row in rows],
        row_class=[row.class_name for row in rows],
        supervision=supervision,
        bindings=binding_spans,
        binding_person=np.array(binding_person, np.int64),
        kinds=_spans([(owner, start, end) for owner, start, end, _ in kinds], len(bindings)),
        kind=np.array([code for *_, code in kinds], np.int8),
        episodes=_spans(episodes, len(devices)),
        episode_binding=np.array(episode_binding, np.int64),
    )


def _supervision(rows: Iterable[Person], person: dict[str, int]) -> list[tuple[int, int, int]]:
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        spans[person[row.person_id]].append((row.valid_from_ms, row.valid_to_ms))
    return [(owner, start, end) for owner in sorted(spans) for start, end in merged(spans[owner])]


def _bindings(
    rows: Sequence[Binding], person: dict[str, int], devices: list[str]
) -> tuple[list[tuple[int, int, int]], list[int], list[tuple[int, int, int, int]]]:
    number = {device_id: code for code, device_id in enumerate(devices)}
    pairs: dict[tuple[int, int], list[Binding]] = defaultdict(list)
    for row in rows:
        pairs[number[row.device_id], person[row.person_id]].append(row)
    spans = sorted(
        (device, start, end, who)
        for (device, who), parts in pairs.items()
        for start, end in merged([(part.valid_from_ms, part.valid_to_ms) for part in parts])
    )
    kinds = [
        (code, part.valid_from_ms, part.valid_to_ms, DEVICE_KINDS.index(part.kind))
        for code, (device, start, end, who) in enumerate(spans)
        for part in sorted(pairs[device, who], key=lambda part: part.valid_from_ms)
        if start <= part.valid_from_ms < end
    ]
    return [(device, start, end) for device, start, end, _ in spans], [who for *_, who in spans], kinds


def _episodes(
    bindings: Spans, binding_person: Sequence[int], supervision: Spans
) -> tuple[list[tuple[int, int, int]], list[int]]:
    episodes: list[tuple[int, int, int]] = []
    episode_binding: list[int] = []
    columns = zip(bindings.owner.tolist(), bindings.from_ms.tolist(), bindings.to_ms.tolist(), strict=True)
    for binding, (device, start, end) in enumerate(columns):
        for supervised_from, supervised_to in supervision.of(binding_person[binding]):
            low, high = max(start, supervised_from), min(end, supervised_to)
            if low < high:
                episodes.append((device, low, high))
                episode_binding.append(binding)
    return episodes, episode_binding
