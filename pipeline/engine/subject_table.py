"""One shard's people and devices as columns: who is supervised, bound and of which class when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geofences.appending import Appending
from pipeline.engine.intervals import ranges
from pipeline.engine.spans import Spans
from pipeline.sites.offices import OfficeTree
from pipeline.sites.policy import DEVICE_KINDS
from pipeline.sites.row_columns import cells_of
from pipeline.stream.division import Division

Ints = NDArray[np.int64]
_KIND = {kind: code for code, kind in enumerate(DEVICE_KINDS)}


@dataclass(slots=True, eq=False)
class SubjectTable:
    """The people of one shard (numbered within it) and the devices of the whole site.

    ``rows`` are the people's rows by person, with class and office, cut where other offices come to stand
    above theirs (``row_tree``: the number of the tree of offices then); ``supervision`` the merged
    intervals by person; ``bindings`` the merged intervals by device, each of one person;
    ``kinds`` the device rows by binding; ``episodes`` where a binding is supervised, by device.
    """

    person_ids: list[str]
    person_number: dict[str, int]
    device_ids: list[str]
    rows: Spans
    row_office: list[str]
    row_class: list[str]
    row_tree: list[int]
    supervision: Spans
    bindings: Spans
    binding_person: Ints
    kinds: Spans
    kind: NDArray[np.int8]
    episodes: Spans
    episode_binding: Ints
    growing: dict[str, Appending] = field(default_factory=dict)

    def add_row_of(self, part: SubjectTable, row: int) -> None:
        """What a row of another table says belongs to the next row here."""
        self.row_office.append(part.row_office[row])
        self.row_class.append(part.row_class[row])
        self.row_tree.append(part.row_tree[row])

    def add_binding(self, device: int, span: tuple[int, int], person: int) -> int:
        """A new binding, which its device is given afterwards; its number."""
        (number,) = self.bindings.add(device, [span])
        self.binding_person = self._grown("binding_person", np.array([person], np.int64))
        self.kinds.make_room(number + 1)
        return number

    def set_kinds(self, binding: int, part: SubjectTable, of: int) -> None:
        """A binding's rows are those of a binding of another table."""
        rows = part.kinds.of_owner(of)
        self.kinds.give(binding, self.kinds.add(binding, part.kinds.of(of)))
        self.kind = self._grown("kind", part.kind[rows])

    def add_episode(self, device: int, span: tuple[int, int], binding: int) -> int:
        """A new episode, which its device is given afterwards; its number."""
        (number,) = self.episodes.add(device, [span])
        self.episode_binding = self._grown("episode_binding", np.array([binding], np.int64))
        return number

    def _grown(self, name: str, more: NDArray[Any]) -> NDArray[Any]:
        if name not in self.growing:
            self.growing[name] = Appending(getattr(self, name))
        return self.growing[name].also(more)

    def office_at(self, person: int, at_ms: int) -> str:
        """The office of the row valid then, else of the last row before (an end exactly then)."""
        mine = self.rows.of_owner(person)
        place = int(np.searchsorted(self.rows.from_ms[mine], at_ms, "right")) - 1
        return self.row_office[int(mine[max(place, 0)])]

    def kind_at(self, binding: Ints, at_ms: Ints) -> NDArray[np.int8]:
        """Device kind codes of the binding rows valid at these instants; shape (n,)."""
        return self.kind[self.kinds.at(binding, at_ms)]

    def ends_of(self, binding: int) -> list[int]:
        """When supervision under this binding ends, rising."""
        device = int(self.bindings.owner[binding])
        mine = self.episodes.of_owner(device).tolist()
        return [int(self.episodes.to_ms[e]) for e in mine if self.episode_binding[e] == binding]


def build_subject_table(division: Division, shard: int, trees: Sequence[OfficeTree] = ()) -> SubjectTable:
    """The people of one shard and everything that is about them; without ``trees`` offices never move."""
    people = _person_rows(division, shard, trees)
    # Numbered by their first rows here, as all are by their first rows anywhere.
    is_here = np.zeros(len(division.person_ids), np.bool_)
    is_here[division.of_people[shard]] = True
    here, number = np.flatnonzero(is_here), np.cumsum(is_here) - 1
    person_ids = list(compress(division.person_ids, is_here))
    row_person = number[people.person]
    order = np.lexsort((people.from_ms, row_person))
    rows = Spans(row_person[order], people.from_ms[order], people.to_ms[order], len(here))
    supervision, _ = _joined(rows.owner, rows.from_ms, rows.to_ms, rows.owner, len(here))
    bindings, binding_person, kinds, kind = _bindings(division, shard, number)
    episodes, episode_binding = _episodes(bindings, binding_person, supervision)
    offices, classes = people.office_id, people.class_name
    if not np.array_equal(order, np.arange(len(order))):
        offices, classes = (list(map(cells.__getitem__, order.tolist())) for cells in (offices, classes))
    return SubjectTable(
        person_ids=person_ids,
        person_number=_person_number(division, person_ids),
        device_ids=division.device_ids,
        rows=rows,
        row_office=offices,
        row_class=classes,
        row_tree=people.tree[order].tolist(),
        supervision=supervision,
        bindings=bindings,
        binding_person=binding_person,
        kinds=kinds,
        kind=kind,
        episodes=episodes,
        episode_binding=episode_binding,
    )


def _person_number(division: Division, person_ids: list[str]) -> dict[str, int]:
    """The numbers of the people of one shard; where that has all, a copy, which is much sooner made."""
    if len(person_ids) == len(division.person_ids):
        return division.person_number.copy()
    return dict(zip(person_ids, range(len(person_ids)), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class _PersonRows:
    """Rows of people by columns, shape (n,); ``tree`` is the number of the tree of offices then."""

    person: Ints
    office_id: list[str]
    class_name: list[str]
    from_ms: Ints
    to_ms: Ints
    tree: Ints


def _person_rows(division: Division, shard: int, trees: Sequence[OfficeTree]) -> _PersonRows:
    """Rows cut where their office comes to stand elsewhere; what is cut off comes behind all others."""
    rows, person = division.people[shard], division.of_people[shard]
    offices, classes = ([*cells_of(rows, name)] for name in ("office_id", "class_name"))
    from_ms, to_ms = (np.array(cells_of(rows, name), np.int64) for name in ("valid_from_ms", "valid_to_ms"))
    turns_ms = np.array([tree.from_ms for tree in trees[1:]], np.int64)
    people = _PersonRows(
        person, offices, classes, from_ms, to_ms, np.searchsorted(turns_ms, from_ms, "right")
    )
    return people if not len(turns_ms) else _cut(people, trees)


def _cut(people: _PersonRows, trees: Sequence[OfficeTree]) -> _PersonRows:
    above = trees[0].above
    moving = {name for name in above if any(tree.above[name] != above[name] for tree in trees)}
    behind: list[tuple[int, int, int, int]] = []
    for row in [row for row, office_id in enumerate(people.office_id) if office_id in moving]:
        span = int(people.from_ms[row]), int(people.to_ms[row])
        (people.tree[row], _, people.to_ms[row]), *later = _stays(people.office_id[row], span, trees)
        behind += [(row, *stay) for stay in later]
    more = np.array(behind, np.int64).reshape(-1, 4)
    cut = more[:, 0].tolist()
    return _PersonRows(
        np.concatenate([people.person, people.person[cut]]),
        [*people.office_id, *map(people.office_id.__getitem__, cut)],
        [*people.class_name, *map(people.class_name.__getitem__, cut)],
        np.concatenate([people.from_ms, more[:, 2]]),
        np.concatenate([people.to_ms, more[:, 3]]),
        np.concatenate([people.tree, more[:, 1]]),
    )


def _stays(
    office_id: str, span: tuple[int, int], trees: Sequence[OfficeTree]
) -> Iterator[tuple[int, int, int]]:
    """(tree, from, to) of the stretches of a row in which the same offices stand above its own."""
    first, begin_ms = 0, span[0]
    for number, tree in enumerate(trees):
        if tree.from_ms <= begin_ms:
            first = number
        elif tree.from_ms >= span[1]:
            break
        elif tree.above[office_id] != trees[first].above[office_id]:
            yield first, begin_ms, tree.from_ms
            first, begin_ms = number, tree.from_ms
    yield first, begin_ms, span[1]


def _joined(owner: Ints, from_ms: Ints, to_ms: Ints, same: Ints, owners: int) -> tuple[Spans, Ints]:
    """Rows sorted by owner and start, those that adjoin and are of the ``same`` made one.

    Also gives the first row of each. Rows of one owner do not overlap: a site's check forbids it.
    """
    fresh = np.ones(len(owner), np.bool_)
    fresh[1:] = (owner[1:] != owner[:-1]) | (same[1:] != same[:-1]) | (from_ms[1:] > to_ms[:-1])
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(owner)) - 1 if len(first) else first
    return Spans(owner[first], from_ms[first], to_ms[last], owners), first


def _bindings(division: Division, shard: int, number: Ints) -> tuple[Spans, Ints, Spans, NDArray[np.int8]]:
    rows, device = division.bindings[shard], division.devices[shard]
    from_ms, to_ms = (np.asarray(cells_of(rows, name), np.int64) for name in ("valid_from_ms", "valid_to_ms"))
    order = np.lexsort((from_ms, device))
    who = number[division.of_bindings[shard]][order]
    kind = np.fromiter(map(_KIND.__getitem__, cells_of(rows, "kind")), np.int8, len(rows))[order]
    device, from_ms, to_ms = device[order], from_ms[order], to_ms[order]
    # Room for devices to come: to make it while the stream waits would take half a second with a million.
    room = len(division.device_ids) // 8
    bindings, first = _joined(device, from_ms, to_ms, who, len(division.device_ids) + room)
    binding_of_row = np.searchsorted(first, np.arange(len(device)), "right") - 1
    return bindings, who[first], Spans(binding_of_row, from_ms, to_ms, len(first)), kind


def _episodes(bindings: Spans, binding_person: Ints, supervision: Spans) -> tuple[Spans, Ints]:
    first, beyond = supervision.first, supervision.beyond
    binding, span = ranges(first[binding_person], beyond[binding_person])
    low = np.maximum(bindings.from_ms[binding], supervision.from_ms[span])
    high = np.minimum(bindings.to_ms[binding], supervision.to_ms[span])
    some = low < high
    binding = binding[some]
    return Spans(bindings.owner[binding], low[some], high[some], len(bindings.first)), binding
