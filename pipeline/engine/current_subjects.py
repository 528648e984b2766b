"""Whose a row is that was made and arrived of late: everything about it in one look."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.record_columns import AHEAD, grown
from pipeline.engine.spans import Spans
from pipeline.engine.subject_table import SubjectTable

Ints = NDArray[np.int64]

_NONE = -1

#: The last of everything that is known of a device, together as it is read, and while all of it holds.
_CURRENT = np.dtype(
    [
        ("from_ms", np.int64), ("to_ms", np.int64), ("binding", np.int32), ("row", np.int32),
        ("episode", np.int32), ("kind", np.int8),
    ],
    align=True,
)  # fmt: skip


class Whose(NamedTuple):
    """Whose some rows are, by number, -1 where there is none; all of shape (n,).

    ``binding`` and ``row`` (of the person) as they held when a row was made, ``episode`` and ``kind`` (of the
    device in an episode) when it arrived.
    """

    binding: Ints
    row: Ints
    episode: Ints
    kind: NDArray[np.int8]


class CurrentSubjects:
    """For each device of a shard its last binding and that one's last rows; earlier ones are searched for."""

    def __init__(self, subjects: SubjectTable) -> None:
        self._subjects = subjects
        #: By device, where it stands; few devices of a site are of one shard.
        self._place = np.empty(0, np.int32)
        self._current = np.empty(0, _CURRENT)
        self.renew(np.unique(subjects.bindings.owner))

    def renew(self, devices: Ints) -> None:
        """Something about these devices, or those who have them, has changed."""
        if not len(devices):
            return
        self._make_room(int(devices.max()) + 1)
        new = devices[self._place[devices] == _NONE]
        self._place[new] = len(self._current) + np.arange(len(new))
        self._current = grown(self._current, len(self._current) + len(new)) if len(new) else self._current
        self._current[self._place[devices]] = self._read(devices)

    def _make_room(self, devices: int) -> None:
        more = devices - len(self._place)
        if more > 0:
            room = np.full(more + len(self._place) // 8, _NONE, np.int32)
            self._place = np.concatenate([self._place, room])

    def _read(self, devices: Ints) -> NDArray[Any]:
        a = self._subjects
        read = np.zeros(len(devices), _CURRENT)
        binding, episode = _last(a.bindings, devices), _last(a.episodes, devices)
        there = np.flatnonzero((binding != _NONE) & (episode != _NONE))
        there = there[a.episode_binding[episode[there]] == binding[there]]
        binding, episode = binding[there], episode[there]
        person = a.binding_person[binding]
        row, kind = _last(a.rows, person), _last(a.kinds, binding)
        is_whole = (row != _NONE) & (kind != _NONE)
        there, binding, episode, row, kind = (
            column[is_whole] for column in (there, binding, episode, row, kind)
        )
        spans = ((a.bindings, binding), (a.episodes, episode), (a.rows, row), (a.kinds, kind))
        read["from_ms"], read["to_ms"] = END_MS, BEGIN_MS
        read["from_ms"][there] = np.max([of.from_ms[number] for of, number in spans], axis=0)
        read["to_ms"][there] = np.min([of.to_ms[number] for of, number in spans], axis=0)
        cells = {"binding": binding, "row": row, "episode": episode, "kind": a.kind[kind]}
        for name, column in cells.items():
            read[name][there] = column
        return read

    def whose(self, device: NDArray[np.int32], event_ms: Ints, arrival_ms: Ints) -> Whose:
        """Whose rows are, made and arrived at these instants; shape (n,)."""
        binding, row, episode = np.empty((3, len(device)), np.int64)
        found = Whose(binding, row, episode, np.empty(len(device), np.int8))
        is_known = np.empty(len(device), np.bool_)
        _look(self._place, self._current, device, event_ms, arrival_ms, *found, is_known)
        others = np.flatnonzero(~is_known)
        if len(others):
            searched = self._search(device[others].astype(np.int64), event_ms[others], arrival_ms[others])
            columns: list[tuple[NDArray[Any], NDArray[Any]]] = list(zip(found, searched, strict=True))
            for column, cells in columns:
                column[others] = cells
        return found

    def _search(self, device: Ints, event_ms: Ints, arrival_ms: Ints) -> Whose:
        a = self._subjects
        binding = a.bindings.at(device, event_ms)
        person = np.full(len(device), _NONE)
        person[binding >= 0] = a.binding_person[binding[binding >= 0]]
        episode = a.episodes.at(device, arrival_ms)
        kind, bound = np.zeros(len(device), np.int8), np.flatnonzero(episode >= 0)
        kind[bound] = a.kind_at(a.episode_binding[episode[bound]], arrival_ms[bound])
        return Whose(binding, a.rows.at(person, event_ms), episode, kind)


def _last(spans: Spans, owners: Ints) -> Ints:
    """The last interval of each owner, -1 of one who has none."""
    found = np.full(len(owners), _NONE)
    beyond = spans.beyond[owners]
    has_any = beyond > spans.first[owners]
    found[has_any] = spans.item[beyond[has_any] - 1]
    return found


@njit(cache=True, nogil=True)
def _look(  # type: ignore[no-untyped-def]  # numba infers the arrays
    places, currents, device, event_ms, arrival_ms, binding, person_row, episode, kind, is_known
):
    read = 0
    for begin in range(0, len(device), AHEAD):
        end = min(begin + AHEAD, len(device))
        for row in range(begin, end):
            place = places[device[row]] if device[row] < len(places) else -1
            if place >= 0:
                read += currents[place].from_ms
        for row in range(begin, end):
            place = places[device[row]] if device[row] < len(places) else -1
            is_known[row] = False
            if place < 0:
                continue
            current = currents[place]
            from_ms, to_ms = current.from_ms, current.to_ms
            if from_ms <= event_ms[row] < to_ms and from_ms <= arrival_ms[row] < to_ms:
                is_known[row] = True
                binding[row], person_row[row] = current.binding, current.row
                episode[row], kind[row] = current.episode, current.kind
    return read
