"""Silent devices: who has not been heard of for longer than a level allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.instant import END_MS
from pipeline.engine.detectors.detector import Detector, Finding, ShardRows
from pipeline.engine.moved_columns import NewNumbers
from pipeline.engine.policy_table import PolicyTable
from pipeline.engine.record_columns import AHEAD, record_column, records
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


_BLANK = np.array(
    [(END_MS, 0, 0, 0, 0)],
    np.dtype(
        [
            ("last_ms", np.int64), ("gap_ms", np.int64), ("raised_ms", np.int64), ("level", np.int8),
            ("kind", np.int8),
        ],
        align=True,
    ),
)  # fmt: skip


class SilenceWatch:
    """Last arrivals by episode: a stretch in which a device is bound and its person supervised."""

    #: What a checkpoint holds of it.
    KEPT = ("last_ms", "kind", "level", "raised_ms", "gap_ms", "_due_ms")
    last_ms, gap_ms, raised_ms, kind = map(record_column, ("last_ms", "gap_ms", "raised_ms", "kind"))
    level = record_column("level", np.int64)
    _blank = _BLANK

    def __init__(self, from_ms: Ints, to_ms: Ints, table: PolicyTable) -> None:
        """Episodes by column; the levels are those of the policy in force at a silence's onset."""
        self._from_ms = from_ms
        self._to_ms = to_ms
        self._table = table
        self._records = records(len(from_ms), _BLANK)
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

        def fresh(episodes: Ints) -> NDArray[Any]:
            begun = records(len(episodes), _BLANK)
            begun["last_ms"], begun["kind"] = fresh_ms[episodes], kind_of(episodes)
            return begun

        # What is yet to begin begins as it is now.
        begun = numbers.but(np.flatnonzero(self.last_ms >= past_ms))
        self._records = begun.moved(self._records, count, fresh)
        self._due_ms = past_ms

    def hear(self, episode: Ints, arrival_ms: Ints, kind: NDArray[np.int8]) -> Silences:
        """Arrivals in order with the kind of device then, shape (n,): the silences they end."""
        if len(episode):
            first_ms = self._table.first_silence_ms(kind, arrival_ms)
            self._due_ms = min(self._due_ms, int((arrival_ms + first_ms).min()))
        policies = self._table.from_ms, self._table.silence_ms
        ended, _ = _hear(self._records, episode, arrival_ms, kind, *policies)
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
        policies = self._table.from_ms, self._table.silence_ms
        found, self._due_ms = _advance(past_ms, self._records, self._to_ms, *policies)
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
        arrival_ms = rows.batch.arrival_ms[heard]
        return self._findings(self._watch.hear(rows.episode[heard], arrival_ms, rows.device_kind[heard]))

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
def _advance(past_ms, known, to_ms, policy_from_ms, silence_ms):  # type: ignore[no-untyped-def]
    """Columns of ``Silences``, shape (5, k), and before when no deadline of those heard of so far lies."""
    found = np.empty((5, 16), np.int64)
    count, due_ms = 0, END_MS
    for e in range(len(known)):
        of = known[e]
        policy = len(policy_from_ms) - 1
        while policy_from_ms[policy] > of.last_ms:
            policy -= 1
        levels_ms = silence_ms[policy, of.kind]
        since_ms, fired, ahead_ms = of.last_ms + of.gap_ms, 0, END_MS
        for threshold in range(len(levels_ms)):
            deadline_ms = since_ms + levels_ms[threshold]
            if deadline_ms >= past_ms:
                ahead_ms = min(ahead_ms, deadline_ms)
            elif deadline_ms < to_ms[e]:
                fired += 1
        is_over, reached = to_ms[e] < past_ms, max(fired, of.level)
        if reached and not of.level:
            of.raised_ms = since_ms + levels_ms[0]
        if reached > of.level or (is_over and reached):
            if count == found.shape[1]:
                found = np.concatenate((found, np.empty((5, count), np.int64)), axis=1)
            found[0, count], found[1, count], found[2, count] = e, of.last_ms, of.raised_ms
            found[3, count], found[4, count] = reached, to_ms[e] if is_over else END_MS
            count += 1
        of.level = 0 if is_over else reached
        if is_over:
            of.last_ms = END_MS
            continue
        due_ms = min(due_ms, ahead_ms)
        if reached:
            due_ms = min(due_ms, to_ms[e])
    return (found[0, :count], found[1, :count], found[2, :count], found[3, :count], found[4, :count]), due_ms


@njit(cache=True, nogil=True)
def _hear(known, episode, arrival_ms, kind, policy_from_ms, silence_ms):  # type: ignore[no-untyped-def]
    ended = np.empty((5, len(episode)), np.int64)
    count, read = 0, 0
    for begin in range(0, len(episode), AHEAD):
        end = min(begin + AHEAD, len(episode))
        for row in range(begin, end):
            read += known[episode[row]].last_ms
        for row in range(begin, end):
            of = known[episode[row]]
            since_ms = of.last_ms + of.gap_ms
            policy = len(policy_from_ms) - 1
            while policy_from_ms[policy] > of.last_ms:
                policy -= 1
            levels_ms = silence_ms[policy, of.kind]
            reached = of.level
            for threshold in range(of.level, len(levels_ms)):
                if since_ms + levels_ms[threshold] < arrival_ms[row]:
                    reached += 1
            if reached:
                if of.level == 0:
                    of.raised_ms = since_ms + levels_ms[0]
                ended[0, count], ended[1, count], ended[2, count] = episode[row], of.last_ms, of.raised_ms
                ended[3, count], ended[4, count] = reached, arrival_ms[row]
                count += 1
            of.last_ms, of.kind, of.level, of.gap_ms = arrival_ms[row], kind[row], 0, 0
    return (ended[0, :count], ended[1, :count], ended[2, :count], ended[3, :count], ended[4, :count]), read
