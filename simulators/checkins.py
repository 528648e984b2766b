"""Confirmations: one face check in every window of a person's class, or none, or too late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.sites.policy import DailyWindow, Policy
from simulators.connection import Troubles, arrivals, doubles
from simulators.ground import LocalPlane
from simulators.misdeeds import ENOUGH_PEOPLE
from simulators.movement import Tracks
from simulators.population import CLASSES, Population
from simulators.routine import MINUTE_MS
from simulators.spells import Spells

#: So many check in within the first five minutes of a window.
_PROMPT = 0.3
_SIGMA_M, _ACCURACY_M = 7.0, 12.0
_FAILED_FIRST = 0.05
_FACE_NEVER = 0.3
_REDRAWS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Checkins:
    """Rows of the confirmations stream sorted by arrival; columns of shape (n,), positions in degrees."""

    device: NDArray[np.int64]
    event_ms: NDArray[np.int64]
    arrival_ms: NDArray[np.int64]
    at: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    face_ok: NDArray[np.bool_]
    challenge: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.device)


@dataclass(frozen=True, slots=True)
class Missed:
    """A window [start, end + grace] without a good confirmation in time, and when one came after all."""

    person: int
    start_ms: int
    due_ms: int
    came_ms: int | None
    note: str


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """Confirmations made in one window: phones (numbered as people), when, and whether the face fitted."""

    person: NDArray[np.int64]
    event_ms: NDArray[np.int64]
    face_ok: NDArray[np.bool_]


class CheckinMaker:
    """Makes the confirmations of a fleet, window by window, and notes those that are missing."""

    def __init__(
        self,
        folk: Population,
        tracks: Tracks,
        policy: Policy,
        bounds_ms: tuple[int, int],
        offline: Spells,
        off: Spells,
        troubles: Troubles,
        missed_rate: float,
        rng: np.random.Generator,
    ) -> None:
        self.folk, self.tracks, self.policy = folk, tracks, policy
        self.start_ms, self.end_ms = bounds_ms
        self.offline, self.off, self.troubles = offline, off, troubles
        self.missed_rate, self.rng = missed_rate, rng
        self.missed: list[Missed] = []
        self._missed_any = False

    def make(self, midnight_ms: NDArray[np.int64], plane: LocalPlane) -> Checkins:
        """All confirmations that arrive before the end."""
        parts = [
            part
            for midnight in midnight_ms.tolist()
            for number, name in enumerate(CLASSES)
            for window in self.policy.windows.get(name, ())
            for part in self._window(np.flatnonzero(self.folk.class_ == number), midnight, window)
        ]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else []
        return self._written(columns, plane)

    def _window(
        self, people: NDArray[np.intp], midnight_ms: int, window: DailyWindow
    ) -> Iterator[tuple[NDArray[np.int64], ...]]:
        start_ms = midnight_ms + window.start_min * MINUTE_MS
        end_ms = midnight_ms + window.end_min * MINUTE_MS
        first_ms = max(start_ms, self.start_ms + MINUTE_MS)
        last_ms = min(end_ms, self.end_ms) - MINUTE_MS
        if first_ms >= last_ms or not len(people):
            return
        due_ms = end_ms + self.policy.grace_ms
        whole = self.start_ms <= start_ms and due_ms <= self.end_ms
        made = self._made(people, (start_ms, end_ms), whole)
        made = _at(made, (made.event_ms >= first_ms) & (made.event_ms < last_ms))
        arrival_ms = arrivals(made.person, made.event_ms, self.offline, self.troubles, self.rng)
        self._note(people, made, arrival_ms, start_ms, due_ms)
        challenge = np.full(len(made.person), start_ms)
        yield made.person, made.event_ms, arrival_ms, made.face_ok.astype(np.int64), challenge

    def _made(self, people: NDArray[np.intp], window_ms: tuple[int, int], whole: bool) -> _Made:
        """When each of some people confirms, around spells in which he cannot; misses left out."""
        first_ms, last_ms = window_ms[0] + MINUTE_MS, window_ms[1] - MINUTE_MS
        prompt = self.rng.random(len(people)) < _PROMPT
        until_ms = np.where(prompt, min(window_ms[0] + 5 * MINUTE_MS, last_ms), last_ms)
        event_ms = self.rng.integers(first_ms, until_ms)
        for _ in range(_REDRAWS):
            stuck = np.flatnonzero(self._unreachable(people, event_ms))
            event_ms[stuck] = self.rng.integers(first_ms, last_ms, len(stuck))
        able = self.off.number_at(people, event_ms) < 0
        lazy, unrecognised = self._misses(len(people), whole)
        clumsy = np.flatnonzero(able & ~lazy & (self.rng.random(len(people)) < _FAILED_FIRST))
        good = np.flatnonzero(able & ~lazy)
        person = np.concatenate([people[good], people[clumsy]])
        early_ms = event_ms[clumsy] - self.rng.integers(20_000, 55_000, len(clumsy))
        face_ok = np.concatenate([~unrecognised[good], np.zeros(len(clumsy), np.bool_)])
        return _Made(person, np.concatenate([event_ms[good], early_ms]), face_ok)

    def _unreachable(self, people: NDArray[np.intp], event_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        off = self.off.number_at(people, event_ms) >= 0
        return np.asarray(off | (self.offline.number_at(people, event_ms) >= 0))

    def _misses(self, count: int, whole: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Who does not confirm at all, and whose face is never recognised."""
        luck = self.rng.random((2, count))
        misses = (luck[0] < self.missed_rate) & whole
        if whole and self.missed_rate and not self._missed_any and len(self.folk) >= ENOUGH_PEOPLE:
            misses[np.argmin(luck[0])] = True
            self._missed_any = True
        return misses & (luck[1] >= _FACE_NEVER), misses & (luck[1] < _FACE_NEVER)

    def _note(
        self,
        people: NDArray[np.intp],
        made: _Made,
        arrival_ms: NDArray[np.int64],
        start_ms: int,
        due_ms: int,
    ) -> None:
        in_time = made.face_ok & (arrival_ms <= due_ms)
        for person in people[~np.isin(people, made.person[in_time])].tolist():
            mine = made.person == person
            late = arrival_ms[mine & made.face_ok]
            came_ms = int(late.min()) if len(late) and late.min() < self.end_ms else None
            note = self._why(person, mine, late, start_ms)
            self.missed.append(Missed(person, start_ms, due_ms, came_ms, note))

    def _why(self, person: int, mine: NDArray[np.bool_], late: NDArray[np.int64], start_ms: int) -> str:
        if len(late):
            return "made in time without a network"
        if mine.any():
            return "face not recognised"
        met = (self.off.device == person) & (self.off.end_ms > start_ms)
        return "device switched off" if met.any() else "no confirmation"

    def _written(self, columns: list[NDArray[np.int64]], plane: LocalPlane) -> Checkins:
        if not columns:
            columns = [np.zeros(0, np.int64)] * 5
        again, later_ms = doubles(len(columns[0]), self.troubles, self.rng)
        person, event_ms, arrival_ms, face_ok, challenge = columns
        true_m = self.tracks.at(person, event_ms).at_m
        at = plane.to_degrees(true_m + self.rng.normal(0, _SIGMA_M, true_m.shape)).round(7)
        accuracy_m = (_ACCURACY_M * np.exp(self.rng.normal(0, 0.2, len(person)))).round(1)
        rows = np.concatenate([np.arange(len(person)), again])
        arrival_ms = np.concatenate([arrival_ms, arrival_ms[again] + later_ms])
        order = np.lexsort((person[rows], event_ms[rows], arrival_ms))
        order = order[arrival_ms[order] < self.end_ms]
        rows, arrival_ms = rows[order], arrival_ms[order]
        return Checkins(
            person[rows],
            event_ms[rows],
            arrival_ms,
            at[rows],
            accuracy_m[rows],
            face_ok[rows].astype(np.bool_),
            challenge[rows],
        )


def _at(made: _Made, rows: NDArray[np.bool_]) -> _Made:
    return _Made(made.person[rows], made.event_ms[rows], made.face_ok[rows])
