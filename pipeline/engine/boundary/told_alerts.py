"""What was told of the scopes that are judged in columns, for as long as a late fix may change it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.boundary.family import TrackerContext
from pipeline.engine.boundary.incidents import Incident, Sighting
from pipeline.engine.boundary.machine_columns import RAISED
from pipeline.engine.boundary.raised import Onset
from pipeline.engine.intervals import ranges
from pipeline.engine.renumbering import Renumbering
from sinks.alert import Alert

Ints = NDArray[np.int64]
#: An incident as it was raised, and its alert as it was last written.
Told = tuple[Incident, Alert]


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What fixes made of machines, columns of shape (k,) each.

    ``fix`` is the place of the fix, ``what`` RAISED or CLEARED, ``shown_ms`` (k, EVIDENCE_MOST) the event
    times of the evidence, of which there are ``shown``. Before ``base_ms`` all is settled.
    """

    binding: Ints
    scope: Ints
    fix: Ints
    what: Ints
    onset_ms: Ints
    cleared_ms: Ints
    shown_ms: Ints
    shown: Ints
    base_ms: Ints

    def onsets(self) -> list[tuple[int, Onset]]:
        """What was raised, by binding."""
        raised = self.what == RAISED
        columns = (column[raised].tolist() for column in (self.binding, self.scope, self.onset_ms))
        return [(binding, (scope, False, onset)) for binding, scope, onset in zip(*columns, strict=True)]


class ToldAlerts:
    """By binding and scope, what may still be told otherwise, in the order in which it was raised."""

    def __init__(self, context: TrackerContext) -> None:
        self._context = context
        self._of: dict[tuple[int, int], list[Told]] = {}

    def __iter__(self) -> Iterator[tuple[int, int, Incident, Alert]]:
        return ((*pair, *each) for pair, told in sorted(self._of.items()) for each in told)

    def put(self, rows: Iterable[tuple[int, int, Incident, Alert]]) -> None:
        """Take back what ``iter`` gave."""
        self._of = {}
        for binding, scope, incident, alert in rows:
            self._of.setdefault((binding, scope), []).append((incident, alert))

    def take(self, binding: int, scope: int) -> list[Told]:
        """What was told of a scope, which is somebody else's from now on, or over."""
        return self._of.pop((binding, scope), [])

    def tell(self, changes: Changes) -> list[Alert]:
        """The alerts of what was raised and cleared, in the order of the fixes that did it."""
        incidents = self._incidents(changes)
        alerts = []
        order = np.argsort(changes.fix, kind="stable")
        names = "binding", "scope", "what", "cleared_ms", "base_ms"
        columns = (getattr(changes, name)[order].tolist() for name in names)
        for at, binding, scope, what, cleared_ms, base_ms in zip(order.tolist(), *columns, strict=True):
            told = self._of.setdefault((binding, scope), [])
            if what == RAISED:
                incident = incidents[at]
                alert = self._context.writer.boundary(binding, scope, incident, False)
                # What was over before can change no more.
                told[:] = [each for each in told if each[0].onset_ms >= base_ms]
            else:
                incident, alert = told.pop()
                alert = replace(alert, cleared_ms=cleared_ms)
            told.append((incident, alert))
            alerts.append(alert)
        return alerts

    def _incidents(self, changes: Changes) -> dict[int, Incident]:
        """The incidents that were raised, by place; what their alerts report of is worked out at once."""
        log = self._context.writer.log
        raised = np.flatnonzero(changes.what == RAISED)
        if not len(raised):
            return {}
        place, column = ranges(np.zeros(len(raised), np.int64), changes.shown[raised])
        owner = raised[place]
        rows = log.rows_at(changes.binding[owner], changes.shown_ms[owner, column])
        used, number = np.unique(rows, return_inverse=True)
        sightings = [
            Sighting(fix.event_ms, fix.arrival_ms, fix, fix.confirmed) for fix in log.fixes(used.tolist())
        ]
        shown: dict[int, list[Sighting]] = defaultdict(list)
        for at, of in zip(owner.tolist(), number.tolist(), strict=True):
            shown[at].append(sightings[of])
        onset_ms = changes.onset_ms.tolist()
        found = {at: Incident(onset_ms[at], seen[-1], tuple(seen)) for at, seen in shown.items()}
        person = self._context.writer.subjects.binding_person[changes.binding].tolist()
        scope = changes.scope.tolist()
        self._context.classifier.report(
            [(scope[at], person[at], incident.evidence) for at, incident in found.items()]
        )
        return found

    def move(self, numbers: Renumbering) -> list[Alert]:
        """Go on under another site's numbers; the alerts of bindings that are no more."""
        to, scopes = numbers.bindings.to, numbers.scopes
        gone = [alert for pair, told in self._of.items() if to[pair[0]] < 0 for _, alert in told]
        there = [(int(to[pair[0]]), int(scopes[pair[1]]), told) for pair, told in self._of.items()]
        self._of = {(binding, scope): told for binding, scope, told in there if binding >= 0}
        for told in self._of.values():
            for sighting in (sighting for incident, _ in told for sighting in incident.evidence):
                sighting.fix.distances.clear()  # they are by number
                sighting.fix.reports.clear()
        return gone
