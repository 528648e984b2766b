"""Takes rows in merged order: accepts, or rejects with the first reason that holds, and moves the clock."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS
from pipeline.bare import bare
from pipeline.checkpoint import STORED, Checkpoint, Growing, Rows, Stored
from pipeline.ping import PingBatch
from pipeline.reading.challenges import Challenges
from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import (
    AHEAD_MOST_MS,
    BAD_COORDINATES,
    BAD_TIME,
    BAD_VALUE,
    DUPLICATE,
    REASONS,
    TOO_LATE,
    USABLE,
)
from pipeline.sites.policies import Policies
from pipeline.stream.accepted_rows import accepted_rows
from pipeline.stream.duplicates import (
    ENTRY,
    Entries,
    KnownRows,
    SeenRows,
    first_rows,
    seen_rows,
    slot_of,
)
from pipeline.stream.readings import judged_readings, readings_of

#: Gets each batch with the final reasons and the effective arrivals of its rows, shape (n,) each.
BatchObserver = Callable[[RawBatch, NDArray[np.int8], NDArray[np.int64]], None]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be used: its file as given, its number from 1, why, and its text as read."""

    file: str
    row: int
    reason: str
    raw: str

    def line(self) -> bytes:
        """One line of a rejects file, with its newline (contract §2)."""
        fields = {"file": self.file, "row": self.row, "reason": self.reason, "raw": self.raw}
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace") + b"\n"


@dataclass(frozen=True, slots=True, eq=False)
class IntakeResult:
    """What became of one batch: accepted rows, their places in the batch, and the rejects, in order."""

    accepted: PingBatch
    places: NDArray[np.int64]
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows so far; ``read == accepted + sum(rejected.values())`` always, also for a thread that looks on."""

    read: int
    accepted: int
    rejected: Counter[str]


class Named(Growing, Protocol):
    """Things by number, with their names."""

    generation: int

    @property
    def ids(self) -> Sequence[str]: ...


class Intake:
    """The stateful half of validation; whatever the batches, the same rows in order give the same result.

    ``start_ms`` is the first accepted arrival and ``clock_ms`` the last (None before any).
    """

    def __init__(
        self,
        policies: Policies,
        challenges: Challenges,
        observe: BatchObserver | None = None,
        devices: Named | None = None,
    ) -> None:
        """``devices`` names the numbers of devices, for a state that is to outlive the site."""
        self.challenges = challenges
        self._devices = devices
        self._observe = observe
        self.counts = Counts(0, 0, Counter())
        self.start_ms: int | None = None
        self.clock_ms: int | None = None
        self.follow(policies)
        self._floor_ms = BEGIN_MS
        self._known = KnownRows()
        #: The rows of a state that may be restored, and the table of them.
        self._expected: tuple[Entries, SeenRows] | None = None

    def follow(self, policies: Policies) -> None:
        """The policies that the rows to come are taken by."""
        self._policies = policies
        self._from_ms = np.array(policies.from_ms, np.int64)
        self._horizon_ms = np.array([policy.backfill_horizon_ms for policy in policies.all], np.int64)

    @property
    def read(self) -> int:
        """Rows read so far."""
        return self.counts.read

    @property
    def accepted(self) -> int:
        """Those of them that were accepted."""
        return self.counts.accepted

    @property
    def rejected(self) -> Counter[str]:
        """The others, by reason."""
        return self.counts.rejected

    def ingest(self, batch: RawBatch, *, list_rejects: bool = True) -> IntakeResult:
        """Accepts or rejects each row; without ``list_rejects`` rejected rows are only counted."""
        rows = batch.rows
        clock_ms = max(self._floor_ms, BEGIN_MS if self.clock_ms is None else self.clock_ms)
        self._known.make_room(len(batch), self._policies.kept_from_ms(clock_ms))
        reason, arrival_ms = rows.reason.copy(), np.empty(len(batch), np.int64)
        _judge_rows(
            reason,
            arrival_ms,
            rows.event_ms,
            rows.given_arrival_ms,
            _entries(batch),
            clock_ms,
            self._from_ms,
            self._horizon_ms,
            *self._known.seen,
        )
        if self._observe is not None:
            self._observe(batch, reason, arrival_ms)
        places = np.flatnonzero(reason == USABLE)
        refused = np.flatnonzero(reason != USABLE)
        self._count(reason[refused], arrival_ms[places])
        listed = refused.tolist() if list_rejects else []
        rejects = [_reject(batch, place, int(reason[place])) for place in listed]
        accepted = accepted_rows(batch, places, arrival_ms, self.challenges.texts)
        if names := judged_readings():
            accepted = replace(accepted, others=readings_of(batch, places, names))
        return IntakeResult(accepted, places, rejects)

    def hold_clock(self, at_ms: int) -> None:
        """No later row arrives before an instant, as something else in the order of the log came then."""
        self._floor_ms = max(self._floor_ms, at_ms)

    def checkpoint(self) -> Checkpoint:
        """Everything needed to go on after the rows taken so far; to be stored at once."""
        facts = {
            "read": self.read,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "start_ms": self.start_ms,
            "clock_ms": self.clock_ms,
        }
        growing: dict[str, Growing] = {"seen": self._known, "challenges": self.challenges}
        if self._devices is not None:
            growing["devices"] = self._devices
        return Checkpoint(json.dumps(facts).encode(), growing)

    def expect(self, rows: Mapping[str, Rows]) -> None:
        """These are the rows of a state that is probably gone on from: what costs most is made now.

        Another thread may call it, before ``restore``.
        """
        if "seen" in rows:
            entries = rows["seen"]["entries"]
            self._expected = entries, seen_rows(entries)

    def restore(self, stored: Stored) -> None:
        """Goes on where a checkpoint was taken, also where rows were decoded since.

        Challenge ids are numbered by whoever reads first, so a state names them.
        """
        facts, kept = json.loads(stored.whole), stored.rows["seen"]["entries"]
        seen = kept
        texts = stored.rows["challenges"]["texts"].tolist()
        codes = np.array([self.challenges.code(text) for text in texts], np.int32)
        if np.array_equal(codes, np.arange(len(codes))):
            self.challenges.generation = STORED
        else:
            seen = kept.copy()
            named = seen["challenge"] >= 0
            seen["challenge"][named] = codes[seen["challenge"][named]]
        if self._devices is not None and "devices" in stored.rows:
            renumbered = self._renumbered(seen, stored.rows["devices"]["id"].tolist(), self._devices.ids)
            if renumbered is seen:
                self._devices.generation = STORED
            seen = renumbered
        generation = STORED if seen is kept else self._known.generation + 1
        self._known = KnownRows(self._table_of(seen), generation)
        self.counts = Counts(facts["read"], facts["accepted"], Counter(facts["rejected"]))
        self.start_ms, self.clock_ms = facts["start_ms"], facts["clock_ms"]

    def _table_of(self, seen: NDArray[Any]) -> SeenRows:
        """The table of a state's rows: the one made already where they are the first rows of that."""
        expected, self._expected = self._expected, None
        if expected is not None and (seen is expected[0] or seen.base is expected[0]):
            return first_rows(expected[1], len(seen))
        return seen_rows(seen)

    @staticmethod
    def _renumbered(seen: NDArray[Any], before: list[str], now: Sequence[str]) -> NDArray[Any]:
        """Rows of devices have the numbers of now; -1 where one has none, as where they had none before."""
        if before == list(now[: len(before)]):
            return seen
        number = dict(zip(now, range(len(now)), strict=True))
        places = np.fromiter(map(number.get, before, repeat(-1)), np.int32, len(before))
        seen = seen.copy()
        seen["device"] = np.append(places, np.int32(-1))[seen["device"]]
        return seen

    def _count(self, reason: NDArray[np.int8], arrival_ms: NDArray[np.int64]) -> None:
        by_code = np.bincount(reason, minlength=len(REASONS)).tolist()
        refused = {REASONS[code]: rows for code, rows in enumerate(by_code) if rows}
        self.counts = Counts(
            self.read + len(reason) + len(arrival_ms),
            self.accepted + len(arrival_ms),
            self.rejected + Counter(refused),
        )
        if len(arrival_ms):
            self.clock_ms = int(arrival_ms[-1])
            if self.start_ms is None:
                self.start_ms = int(arrival_ms[0])


def _entries(batch: RawBatch) -> Entries:
    """What makes a row the same as another, for each row."""
    rows = batch.rows
    entries = np.empty(len(batch), ENTRY)
    entries["event_ms"] = rows.event_ms
    entries["lon_bits"] = _bits(rows.lon)
    entries["lat_bits"] = _bits(rows.lat)
    entries["device"] = rows.device
    entries["challenge"] = rows.challenge
    entries["kind"] = batch.kind * 2 + rows.face_ok
    return entries


def _bits(degrees: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bits that are equal where the numbers are, both zeros and all nothings included."""
    return np.where(np.isnan(degrees), np.nan, degrees + 0.0).view(np.int64)


@njit(cache=True, nogil=True)
def _judge_rows(
    reason: NDArray[np.int8],
    arrival_ms: NDArray[np.int64],
    event_ms: NDArray[np.int64],
    given_arrival_ms: NDArray[np.int64],
    rows: Entries,
    clock_ms: int,
    policy_from_ms: NDArray[np.int64],
    horizon_ms: NDArray[np.int64],
    entries: Entries,
    slots: NDArray[np.int32],
    used: NDArray[np.int64],
) -> None:
    """Completes the reasons of rows in merged order and gives each row its effective arrival.

    The table has room for all rows. An arrival is the later of its own and the last accepted one; only
    accepted rows move that. A clock too far ahead comes before a wrong position or value. How old a row may
    be is said by the policy in force at its arrival, of those that begin at ``policy_from_ms``.
    """
    entries, slots, rows = bare(entries), bare(slots), bare(rows)
    for row in range(len(reason)):
        event = event_ms[row]
        own = given_arrival_ms[row] if given_arrival_ms[row] != BEGIN_MS else event
        arrival = max(own, clock_ms)
        arrival_ms[row] = arrival
        found = reason[row]
        if found in (USABLE, BAD_COORDINATES, BAD_VALUE) and event > arrival + AHEAD_MOST_MS:
            reason[row] = BAD_TIME
            continue
        if found != USABLE:
            continue
        policy = len(policy_from_ms) - 1
        while policy_from_ms[policy] > arrival:
            policy -= 1
        if event < arrival - horizon_ms[policy]:
            reason[row] = TOO_LATE
            continue
        slot = slot_of(entries, slots, rows[row])
        if slots[slot] > 0:
            reason[row] = DUPLICATE
            continue
        entries[used[0]] = rows[row]
        used[0] += 1
        slots[slot] = used[0]
        clock_ms = arrival


def _reject(batch: RawBatch, place: int, reason: int) -> Reject:
    return Reject(batch.names[batch.file[place]], int(batch.row[place]), REASONS[reason], batch.raw(place))
