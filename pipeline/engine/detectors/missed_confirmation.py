"""Missed confirmations: windows whose end and grace passed without the daily check-in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from heapq import heapify, heappop, heappush
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from geofences.wall_time import wall_instants, wall_span
from pipeline.engine.detectors.detector import Detector, Finding, ShardRows
from pipeline.engine.growing_columns import Columns
from pipeline.engine.moved_columns import NewNumbers
from pipeline.engine.policy_table import PolicyTable
from pipeline.engine.renumbering import Renumbering
from pipeline.engine.state_code import Form
from pipeline.engine.subject_table import SubjectTable
from pipeline.ping import CONFIRMATION
from pipeline.rules.catalogue import MISSED_CONFIRMATION
from pipeline.sites.policies import Policies
from pipeline.sites.policy import DailyWindow, Policy

Ints = NDArray[np.int64]

#: A window is longer than on the wall where clocks are put back meanwhile: by a day where a date comes twice.
_CLOCKS_BACK_MOST_MS = 86_400_000


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One window of one day: a confirmation made in ``[start_ms, deadline_ms]`` serves it."""

    deadline_ms: int
    start_ms: int
    class_name: str


@dataclass(frozen=True, slots=True)
class Missed:
    """A confirmation owed and not made in time; cleared where it was made in time and came later."""

    person: int
    start_ms: int
    deadline_ms: int
    cleared_ms: int | None


class ConfirmationWatch:
    """Who owes a confirmation, and who made one."""

    #: What a checkpoint holds of it.
    KEPT = ("_made", "_missed", "_start_ms", "_day", "_day_ms", "_coming")

    def __init__(self, policies: Policies, subjects: SubjectTable) -> None:
        self._policies = policies
        self._subjects = subjects
        self._zones = [ZoneInfo(policy.timezone) for policy in policies.all]
        self._everyone = np.arange(len(subjects.person_ids))
        self._made = Columns({"person": np.int64, "event_ms": np.int64, "arrival_ms": np.int64})
        self._missed: dict[int, list[Missed]] = defaultdict(list)
        self._start_ms = BEGIN_MS
        self._day, self._day_ms = date.min, END_MS
        self._coming: list[Window] = []
        self._longest_ms = max(map(_longest_ms, policies.all))

    def start(self, start_ms: int) -> None:
        """Begin the clock: windows that opened before owe nothing."""
        self._start_ms = start_ms
        self._open_day(min(_local_day(start_ms, zone) for zone in self._zones))

    @cached_property
    def _row_class(self) -> NDArray[np.object_]:
        """The class of each person's row: for the end of a window, as the site changes far more often."""
        return np.array(self._subjects.row_class, np.object_)

    def move(self, numbers: NewNumbers, past_ms: int) -> None:
        """Take over the state of other people.

        The windows that are yet to begin are those of the policies as they are here.
        """
        self._coming = [window for window in self._coming if window.start_ms < past_ms]
        heapify(self._coming)
        last = self._day
        day = min(_local_day(past_ms, zone) for zone in self._zones) - timedelta(days=1)
        while day <= last:
            self._open_day(day, past_ms)
            day += timedelta(days=1)
        if numbers.is_same:
            return
        to, made = numbers.to, self._made.rows_from(0)
        self._made = Columns.of({**made, "person": to[made["person"]]})
        self._made.keep(self._made["person"] >= 0)
        missed = {int(to[person]): of for person, of in self._missed.items() if to[person] >= 0}
        self._missed = defaultdict(list)
        for person, of in missed.items():
            self._missed[person] = [replace(each, person=person) for each in of]

    def confirm(self, person: Ints, event_ms: Ints, arrival_ms: Ints) -> list[Missed]:
        """Good confirmations in order of arrival: the missed ones they clear."""
        self._made.append({"person": person, "event_ms": event_ms, "arrival_ms": arrival_ms})
        cleared: list[Missed] = []
        if not self._missed:
            return cleared
        for row in np.flatnonzero(np.isin(person, list(self._missed))).tolist():
            cleared += self._clear(int(person[row]), int(event_ms[row]), int(arrival_ms[row]))
        return cleared

    def advance(self, past_ms: int) -> list[Missed]:
        """All windows whose grace ends before an instant."""
        found: list[Missed] = []
        while self._day_ms < past_ms:
            self._open_day(self._day + timedelta(days=1))
        due = 0
        while self._coming and self._coming[0].deadline_ms < past_ms:
            found += self._judge(heappop(self._coming))
            due += 1
        if due:
            self._forget(past_ms)
        return found

    def _clear(self, person: int, event_ms: int, arrival_ms: int) -> list[Missed]:
        cleared = []
        for number, missed in enumerate(self._missed[person]):
            if missed.cleared_ms is None and missed.start_ms <= event_ms <= missed.deadline_ms < arrival_ms:
                late = Missed(person, missed.start_ms, missed.deadline_ms, arrival_ms)
                self._missed[person][number] = late
                cleared.append(late)
        return cleared

    def _open_day(self, day: date, from_ms: int = BEGIN_MS) -> None:
        """Put the windows that begin on a local day, and from an instant on, among those to come."""
        self._day = day
        self._day_ms = min(wall_instants(day, 0, zone)[0] for zone in self._zones)
        least_ms = max(from_ms, self._start_ms)
        for (begin_ms, until_ms, policy), zone in zip(self._policies.spans(), self._zones, strict=True):
            for class_name, windows in policy.windows.items():
                for start_ms, end_ms in spans_of_day(day, windows, zone):
                    if start_ms >= least_ms and begin_ms <= start_ms < until_ms:
                        heappush(self._coming, Window(end_ms + policy.grace_ms, start_ms, class_name))

    def _judge(self, window: Window) -> list[Missed]:
        start_ms, deadline_ms = window.start_ms, window.deadline_ms
        made = self._made
        within = (made["event_ms"] >= start_ms) & (made["event_ms"] <= deadline_ms)
        in_time = within & (made["arrival_ms"] <= deadline_ms)
        late = np.flatnonzero(within & ~in_time)
        owing = self._owing(window)
        found = []
        for person in owing[~np.isin(owing, made["person"][in_time])].tolist():
            arrivals_ms = made["arrival_ms"][late[made["person"][late] == person]]
            cleared_ms = int(arrivals_ms.min()) if len(arrivals_ms) else None
            found.append(Missed(person, start_ms, deadline_ms, cleared_ms))
            self._missed[person].append(found[-1])
        return found

    def _owing(self, window: Window) -> Ints:
        """People of the class at the window's start, supervised from there to the deadline."""
        at_ms = np.full(len(self._everyone), window.start_ms)
        row = self._subjects.rows.at(self._everyone, at_ms)
        person = self._everyone[row >= 0]
        person = person[self._row_class[row[person]] == window.class_name]
        supervision = self._subjects.supervision
        span = supervision.at(person, at_ms[person])
        owing: Ints = person[(span >= 0) & (window.deadline_ms <= supervision.to_ms[span])]
        return owing

    def _forget(self, past_ms: int) -> None:
        if len(self._made):
            self._made.keep(self._made["event_ms"] >= past_ms - self._longest_ms)
        horizon_ms = self._policies.kept_from_ms(past_ms)
        for person, missed in list(self._missed.items()):
            kept = [m for m in missed if m.cleared_ms is None and m.deadline_ms >= horizon_ms]
            if kept:
                self._missed[person] = kept
            else:
                del self._missed[person]


def _longest_ms(policy: Policy) -> int:
    """From the start of a window until its grace is over at most."""
    lengths = [window.end_min - window.start_min for day in policy.windows.values() for window in day]
    return max(lengths, default=0) * 60_000 + policy.grace_ms + _CLOCKS_BACK_MOST_MS


class MissedConfirmations(Detector):
    """The rule for a shard: good confirmations by person, and what was missed."""

    NAME = "confirmations"
    FORMS = (
        Form(Missed, ("person", "start_ms", "deadline_ms", "cleared_ms")),
        Form(Window, Window.__match_args__),
    )

    def __init__(self, table: PolicyTable, subjects: SubjectTable) -> None:
        self._subjects = subjects
        self._watch = ConfirmationWatch(table.policies, subjects)

    @property
    def state(self) -> ConfirmationWatch:
        """Confirmations made and missed, and the windows to come."""
        return self._watch

    def start(self, start_ms: int) -> None:
        """Begin the clock."""
        self._watch.start(start_ms)

    def ingest(self, rows: ShardRows) -> list[Finding]:
        """Confirmations with a face that was recognised, of devices that were bound when they were made."""
        batch = rows.batch
        made = batch.select(np.flatnonzero((batch.kind == CONFIRMATION) & batch.face_ok))
        binding = self._subjects.bindings.at(made.device.astype(np.int64), made.event_ms)
        bound = binding >= 0
        person = self._subjects.binding_person[binding[bound]]
        return _findings(self._watch.confirm(person, made.event_ms[bound], made.arrival_ms[bound]))

    def advance(self, past_ms: int) -> list[Finding]:
        """All windows whose grace ends before an instant."""
        return _findings(self._watch.advance(past_ms))

    def move(self, numbers: Renumbering, past_ms: int) -> None:
        """Take over the state of other people."""
        self._watch.move(numbers.people, past_ms)


def _findings(missed: list[Missed]) -> list[Finding]:
    return [
        Finding(MISSED_CONFIRMATION, m.person, None, m.start_ms, m.deadline_ms, m.cleared_ms) for m in missed
    ]


@lru_cache(maxsize=4096)  # all shards ask for the same days
def spans_of_day(day: date, windows: tuple[DailyWindow, ...], zone: ZoneInfo) -> list[tuple[int, int]]:
    """Starts and ends of a class's windows of a local day, in order of start.

    Of windows that begin at one instant, because clocks skip their starts, the one that ends first is
    left: who misses another of them misses that one too, and both would be one alert.
    """
    first: dict[int, tuple[int, date]] = {}
    for near in (day + timedelta(days=days) for days in (-1, 0, 1)):
        for window in windows:
            span = wall_span(near, window.start_min, window.end_min, zone)
            if span is not None:
                first[span[0]] = min((span[1], near), first.get(span[0], (END_MS, date.max)))
    return sorted((start_ms, end_ms) for start_ms, (end_ms, of) in first.items() if of == day)


def _local_day(at_ms: int, zone: ZoneInfo) -> date:
    """The local day of an instant, a day early so that no offset can skip one."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date() - timedelta(days=1)
