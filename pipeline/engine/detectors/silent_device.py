"""Silent devices: who has not been heard of for longer than a level allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.instant import END_MS
from pipeline.engine.detectors.detector import Detector, Finding, ShardRows
from pipeline.engine.moved_columns import NewNumbers
from pipeline.engine.policy_table import PolicyTable
from pipeline.engine.renumbering import Renumbering
from pipeline.engine.subject_table import SubjectTable
from pipeline.rules.catalogue import SILENT_DEVICE

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Silences:
    """Silences to write, in order; ``cleared_ms`` is END_MS where it goes on."""

    episode: Ints
    onset_ms: Ints
    raised_ms: Ints
    level: Ints
    cleared_ms: Ints


class SilenceWatch:
    """Last arrivals by episode: a stretch in which a device is bound and its person supervised."""

    #: What a checkpoint holds of it.
    KEPT = ("last_ms", "kind", "level", "raised_ms", "gap_ms", "_due_ms")

    def __init__(self, from_ms: Ints, to_ms: Ints, table: PolicyTable) -> None:
        """Episodes by column; the levels are those of the policy in force at a silence's onset."""
        self._from_ms = from_ms
        self._to_ms = to_ms
        self._table = table
        self.last_ms = np.full(len(from_ms), END_MS, np.int64)
        self.kind = np.zeros(len(from_ms), np.int8)
        self.level = np.zeros(len(from_ms), np.int64)
        self.raised_ms = np.zeros(len(from_ms), np.int64)
        self.gap_ms = np.zeros(len(from_ms), np.int64)
        self._due_ms = END_MS

    def since_ms(self, start_ms: int) -> Ints:
        """From when on a device never heard of is silent: the clock's or its episode's start."""
        return np.maximum(self._from_ms, start_ms)

    def start(self, start_ms: int, kind: NDArray[np.int8]) -> None:
        """Begin the clock; ``kind`` is that of each episode's device at ``since_ms``."""
        since_ms = self.since_ms(start_ms)
        self.last_ms = np.where(since_ms < self._to_ms, since_ms, END_MS)
        self.kind = kind
        self._due_ms = start_ms

    def move(self, numbers: NewNumbers, kind_of: Callable[[Ints], NDArray[np.int8]], past_ms: int) -> None:
        """Take over the state of other episodes.

        Those that are new begin as at ``start``; ``kind_of`` gives the kinds of some episodes' devices at
        ``since_ms(past_ms)``. All deadlines before ``past_ms`` have taken effect.
        """
        since_ms, count = self.since_ms(past_ms), len(self._from_ms)
        fresh_ms = np.where(since_ms < self._to_ms, since_ms, END_MS)
        # What is yet to begin begins as it is now.
        begun = numbers.but(np.flatnonzero(self.last_ms >= past_ms))
        self.last_ms = begun.moved(self.last_ms, count, fresh_ms.__getitem__)
        self.kind = begun.moved(self.kind, count, kind_of)
        self.level, self.raised_ms, self.gap_ms = (
            numbers.moved(column, count, 0) for column in (self.level, self.raised_ms, self.gap_ms)
        )
        self._due_ms = past_ms

    def hear(self, episode: Ints, arrival_ms: Ints, kind: NDArray[np.int8]) -> Silences:
        """Arrivals in order with the kind of device then, shape (n,): the silences they end."""
        if len(episode):
            first_ms = self._table.first_silence_ms(kind, arrival_ms)
            self._due_ms = min(self._due_ms, int((arrival_ms + first_ms).min()))
        ended = _hear(
            episode, arrival_ms, kind, self.last_ms, self.kind, self.level, self.raised_ms, self.gap_ms,
            self._table.from_ms, self._table.silence_ms,
        )  # fmt: skip
        return Silences(*ended)

    def skip_gap(self, from_ms: int, to_ms: int) -> None:
        """Nothing could be received between two instants: that time counts towards nobody's silence.

        All deadlines before it must have taken effect.
        """
        unheard = self.last_ms < to_ms
        self.gap_ms[unheard] += to_ms - np.maximum(self.last_ms[unheard], from_ms)
        self._due_ms = min(self._due_ms, to_ms)

    def advance(self, past_ms: int) -> Silences:
        """All deadlines before an instant: silences begun, grown graver, or ended with their episode."""
        if self._due_ms >= past_ms:
            return Silences(*(np.empty(0, np.int64) for _ in range(5)))
        found, self._due_ms = _advance(
            past_ms, self.last_ms, self.kind, self.level, self.raised_ms, self.gap_ms, self._to_ms,
            self._table.from_ms, self._table.silence_ms,
        )  # fmt: skip
        return Silences(*found)


class SilentDevices(Detector):
    """The rule for a shard: its episodes' arrivals, and silences by name."""

    NAME = "silence"

    def __init__(self, table: PolicyTable, subjects: SubjectTable) -> None:
        self._subjects = subjects
        self._watch = SilenceWatch(subjects.episodes.from_ms, subjects.episodes.to_ms, table)

    @property
    def state(self) -> SilenceWatch:
        """Last arrivals."""
        return self._watch

    def start(self, start_ms: int) -> None:
        """Begin the clock."""
        self._watch.start(start_ms, self._kinds_at(self._watch.since_ms(start_ms)))

    def ingest(self, rows: ShardRows) -> list[Finding]:
        """Every row is heard, whatever stands in it."""
        heard = rows.episode >= 0
        episode, arrival_ms = rows.episode[heard], rows.batch.arrival_ms[heard]
        kind = self._subjects.kind_at(self._subjects.episode_binding[episode], arrival_ms)
        return self._findings(self._watch.hear(episode, arrival_ms, kind))

    def advance(self, past_ms: int) -> list[Finding]:
        """All deadlines before an instant."""
        return self._findings(self._watch.advance(past_ms))

    def skip_gap(self, from_ms: int, to_ms: int) -> None:
        """The gap is nobody's silence."""
        self._watch.skip_gap(from_ms, to_ms)

    def move(self, numbers: Renumbering, past_ms: int) -> None:
        """Take over the state of other episodes."""
        since_ms = self._watch.since_ms(past_ms)

        def kind_of(episodes: Ints) -> NDArray[np.int8]:
            return self._kinds_at(since_ms[episodes], episodes)

        self._watch.move(numbers.episodes, kind_of, past_ms)

    def _kinds_at(self, at_ms: Ints, episodes: Ints | slice = slice(None)) -> NDArray[np.int8]:
        """The kind of each episode's device at an instant within it (0 beyond its end)."""
        subjects = self._subjects
        row = subjects.kinds.at(subjects.episode_binding[episodes], at_ms)
        return np.where(row >= 0, subjects.kind[row] if len(subjects.kind) else 0, 0).astype(np.int8)

    def _findings(self, found: Silences) -> list[Finding]:
        device = self._subjects.episodes.owner[found.episode].tolist()
        person = self._subjects.binding_person[self._subjects.episode_binding[found.episode]].tolist()
        onset_ms, raised_ms, level = found.onset_ms.tolist(), found.raised_ms.tolist(), found.level.tolist()
        cleared_ms = [None if ms == END_MS else ms for ms in found.cleared_ms.tolist()]
        columns = zip(person, device, onset_ms, raised_ms, cleared_ms, level, strict=True)
        return [Finding(SILENT_DEVICE, *column) for column in columns]


@njit(cache=True, nogil=True)
def _advance(  # type: ignore[no-untyped-def]  # numba infers the arrays
    past_ms, last_ms, kind, level, raised_ms, gap_ms, to_ms, policy_from_ms, silence_ms
):
    """Columns of ``Silences``, shape (5, k), and before when no deadline of those heard of so far lies."""
    found = np.empty((5, 16), np.int64)
    count, due_ms = 0, END_MS
    for e in range(len(last_ms)):
        policy = len(policy_from_ms) - 1
        while policy_from_ms[policy] > last_ms[e]:
            policy -= 1
        levels_ms = silence_ms[policy, kind[e]]
        since_ms, fired, ahead_ms = last_ms[e] + gap_ms[e], 0, END_MS
        for threshold in range(len(levels_ms)):
            deadline_ms = since_ms + levels_ms[threshold]
            if deadline_ms >= past_ms:
                ahead_ms = min(ahead_ms, deadline_ms)
            elif deadline_ms < to_ms[e]:
                fired += 1
        is_over, reached = to_ms[e] < past_ms, max(fired, level[e])
        if reached and not level[e]:
            raised_ms[e] = since_ms + levels_ms[0]
        if reached > level[e] or (is_over and reached):
            if count == found.shape[1]:
                found = np.concatenate((found, np.empty((5, count), np.int64)), axis=1)
            found[0, count], found[1, count], found[2, count] = e, last_ms[e], raised_ms[e]
            found[3, count], found[4, count] = reached, to_ms[e] if is_over else END_MS
            count += 1
        level[e] = 0 if is_over else reached
        if is_over:
            last_ms[e] = END_MS
            continue
        due_ms = min(due_ms, ahead_ms)
        if reached:
            due_ms = min(due_ms, to_ms[e])
    return (found[0, :count], found[1, :count], found[2, :count], found[3, :count], found[4, :count]), due_ms


@njit(cache=True, nogil=True)
def _hear(  # type: ignore[no-untyped-def]  # numba infers the arrays
    episode, arrival_ms, kind, last_ms, last_kind, level, raised_ms, gap_ms, policy_from_ms, silence_ms
):
    ended = np.empty((5, len(episode)), np.int64)
    count = 0
    for row in range(len(episode)):
        e = episode[row]
        since_ms = last_ms[e] + gap_ms[e]
        policy = len(policy_from_ms) - 1
        while policy_from_ms[policy] > last_ms[e]:
            policy -= 1
        levels_ms = silence_ms[policy, last_kind[e]]
        reached = level[e]
        for threshold in range(level[e], len(levels_ms)):
            if since_ms + levels_ms[threshold] < arrival_ms[row]:
                reached += 1
        if reached:
            if level[e] == 0:
                raised_ms[e] = since_ms + levels_ms[0]
            ended[0, count], ended[1, count], ended[2, count] = e, last_ms[e], raised_ms[e]
            ended[3, count], ended[4, count] = reached, arrival_ms[row]
            count += 1
        last_ms[e], last_kind[e], level[e], gap_ms[e] = arrival_ms[row], kind[row], 0, 0
    return ended[0, :count], ended[1, :count], ended[2, :count], ended[3, :count], ended[4, :count]
