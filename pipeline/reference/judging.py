"""All alerts of a recorded stream by the plain reading of the rules, one row at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from geofences.area import Area
from pipeline.ping import CONFIRMATION
from pipeline.reference.active import ActiveTimes
from pipeline.reference.confirmation import Shown, missed
from pipeline.reference.row import ReferenceRow
from pipeline.reference.scope import scopes_of
from pipeline.reference.side import Distances, Position, SideFinder
from pipeline.reference.silence import silences
from pipeline.reference.subjects import Subjects, Tie
from pipeline.reference.watch import Watch
from pipeline.sites.records import Site
from sinks.alert import Alert, sort_key


def judge(
    site: Site,
    rows: Iterable[ReferenceRow],
    until_ms: int | None = None,
    *,
    distances: Distances | None = None,
) -> list[Alert]:
    """The alerts of accepted rows in merged order, in the state at ``until_ms`` (default: last arrival).

    Sorted as an alert file is. ``distances`` may be handed from one call to the next of the same site.
    """
    accepted = list(rows)
    if not accepted:
        return []
    start_ms = accepted[0].arrival_ms
    until_ms = accepted[-1].arrival_ms if until_ms is None else until_ms
    known = [row for row in accepted if row.arrival_ms <= until_ms]
    events = [row.event_ms for row in known] or [start_ms]
    reference = Reference(site, until_ms, events=(min(events), max(events)), distances=distances)
    reference.prepare(known)
    for row in known:
        reference.step(row)
    return sorted(reference.alerts(start_ms), key=sort_key)


class BindingWatch:
    """The fixes of one binding: live or backfill, and before which scopes they are judged."""

    def __init__(self, finder: SideFinder, tie: Tie) -> None:
        self._policies = finder.policies
        scopes = scopes_of(finder.site, finder.subjects, tie.person_id)
        self.areas = list(finder.areas(scopes))
        self.watches = [Watch(finder, tie, scope) for scope in scopes]
        self._newest_ms: int | None = None

    def add(self, row: ReferenceRow) -> None:
        newest_ms = row.event_ms if self._newest_ms is None else max(self._newest_ms, row.event_ms)
        self._newest_ms = newest_ms
        lateness_ms = self._policies.at(row.arrival_ms).allowed_lateness_ms
        for watch in self.watches:
            watch.add(row, live=row.event_ms >= newest_ms - lateness_ms)

    def alerts(self, until_ms: int) -> Iterator[Alert]:
        for watch in self.watches:
            watch.pass_moments(until_ms + 1)
            yield from watch.alerts(until_ms)


class Reference:
    """The engine as a definition: takes rows in merged order, then gives every alert there was.

    ``until_ms`` is the last instant judged, ``events`` the first and last event time it will be given.
    """

    def __init__(
        self, site: Site, until_ms: int, *, events: tuple[int, int], distances: Distances | None = None
    ) -> None:
        self._site, self._until_ms = site, until_ms
        self._subjects = Subjects(site)
        self._active = ActiveTimes(site, from_ms=events[0], to_ms=max(until_ms, events[1]))
        self._distances = Distances() if distances is None else distances
        self._bindings: dict[Tie, BindingWatch] = {}
        self._arrivals: dict[str, list[int]] = defaultdict(list)
        self._shown: dict[str, list[Shown]] = defaultdict(list)

    def prepare(self, rows: Sequence[ReferenceRow]) -> None:
        """Work out all distances that will be wanted, area by area: many at once are far cheaper."""
        wanted: dict[Area, set[Position]] = defaultdict(set)
        for row in rows:
            tie = self._judging_tie(row)
            if tie is not None and row.position is not None:
                for area in self._binding(tie).areas:
                    wanted[area].add(row.position)
        for area, positions in wanted.items():
            self._distances.fill(area, positions)

    def step(self, row: ReferenceRow) -> None:
        """Take one accepted row."""
        self._arrivals[row.device_id].append(row.arrival_ms)
        bound = self._subjects.tie_at(row.device_id, row.event_ms)
        if bound is not None and row.kind == CONFIRMATION and row.face_ok:
            self._shown[bound.person_id].append(Shown(row.event_ms, row.arrival_ms))
        tie = self._judging_tie(row)
        if tie is not None and row.position is not None:
            self._binding(tie).add(row)

    def alerts(self, start_ms: int) -> Iterator[Alert]:
        """Every alert as it stands at ``until_ms``, in no order; the clock ran from ``start_ms``."""
        policies, subjects, until_ms = self._site.policies, self._subjects, self._until_ms
        for binding in self._bindings.values():
            yield from binding.alerts(until_ms)
        for device_id, ties in subjects.ties.items():
            for tie in ties:
                arrivals = self._arrivals[device_id]
                yield from silences(policies, subjects, tie, arrivals, start_ms=start_ms, until_ms=until_ms)
        for person_id in subjects.people:
            shown = self._shown[person_id]
            yield from missed(policies, subjects, person_id, shown, start_ms=start_ms, until_ms=until_ms)

    def _judging_tie(self, row: ReferenceRow) -> Tie | None:
        """The binding that holds the event time, if its person is supervised then."""
        tie = self._subjects.tie_at(row.device_id, row.event_ms)
        if tie is None or self._subjects.person_at(tie.person_id, row.event_ms) is None:
            return None
        return tie

    def _binding(self, tie: Tie) -> BindingWatch:
        if tie not in self._bindings:
            finder = SideFinder(self._site, self._subjects, self._active, self._distances, tie.person_id)
            self._bindings[tie] = BindingWatch(finder, tie)
        return self._bindings[tie]
