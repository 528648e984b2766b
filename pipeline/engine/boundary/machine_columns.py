"""The machines of scopes whose fixes came in order: ``incidents.step``, compiled over columns."""

from __future__ import annotations

import numpy as np
from numba import njit

from geofences.instant import BEGIN_MS, END_MS
from sinks.alert import EVIDENCE_MOST

#: Where a scope stands: nothing goes on, a run of fixes on the wrong side, an open incident.
IDLE, RUN, OPEN = 0, 1, 2
#: What a fix made of it.
RAISED, CLEARED = 1, 2

_LAST = EVIDENCE_MOST // 2
NONE = -1

#: A scope of a binding. ``base_ms`` is the event time from which its fixes have to be stepped through again
#: to find it as it is now, where at that time nothing went on (``base_onset_ms`` END_MS) or only the incident
#: of that onset was open. ``busy_ms`` is the last fix that changed anything.
MACHINE = np.dtype(
    [
        ("binding", np.int64), ("scope", np.int64), ("onset_ms", np.int64), ("count", np.int64),
        ("streak", np.int64), ("streak_ms", np.int64), ("busy_ms", np.int64), ("base_ms", np.int64),
        ("base_onset_ms", np.int64), ("due_ms", np.int64),
        # The event times of the run's fixes that an alert would show: all, or the first and the last ten.
        ("seen_ms", np.int64, (EVIDENCE_MOST,)),
        ("next", np.int64), ("phase", np.int8),
    ],
    align=True,
)  # fmt: skip


@njit(cache=True, nogil=True)
def find(machines, head, binding, scope):  # type: ignore[no-untyped-def]  # numba infers the arrays
    """The numbers of the machines of pairs of a binding and a scope, NONE where there is none."""
    found = np.full(len(binding), NONE, np.int64)
    for pair in range(len(binding)):
        at = head[binding[pair]]
        while at != NONE and machines[at].scope != scope[pair]:
            at = machines[at].next
        found[pair] = at
    return found


@njit(cache=True, nogil=True)
def add(machines, count, head, binding, scope, due_ms):  # type: ignore[no-untyped-def]
    """Machines that are idle, from a number on, for pairs that have none."""
    for pair in range(len(binding)):
        machine = machines[count + pair]
        machine.binding, machine.scope, machine.due_ms = binding[pair], scope[pair], due_ms[pair]
        machine.onset_ms, machine.count, machine.streak, machine.streak_ms = END_MS, 0, 0, 0
        machine.busy_ms, machine.base_ms, machine.base_onset_ms = BEGIN_MS, BEGIN_MS, END_MS
        machine.phase = IDLE
        machine.next, head[binding[pair]] = head[binding[pair]], count + pair


@njit(cache=True, nogil=True)
def chain(machines, count, head):  # type: ignore[no-untyped-def]
    """Chain the machines of each binding, as ``head`` begins them."""
    head[:] = NONE
    for number in range(count):
        machine = machines[number]
        machine.next, head[machine.binding] = head[machine.binding], number


@njit(cache=True, nogil=True)
def all_of(machines, head, binding, only_busy):  # type: ignore[no-untyped-def]
    """The numbers of the machines of bindings; only of those that have to see every fix."""
    found = np.empty(16, np.int64)
    count = 0
    for row in range(len(binding)):
        at = head[binding[row]]
        while at != NONE:
            machine = machines[at]
            if not only_busy or machine.phase == RUN or machine.streak > 0:
                if count == len(found):
                    found = np.concatenate((found, np.empty(count, np.int64)))
                found[count] = at
                count += 1
            at = machine.next
    return found[:count]


@njit(cache=True, nogil=True)
def bears_on(machines, head, binding, event_ms):  # type: ignore[no-untyped-def]
    """Which fixes are no newer than one that changed something of their binding, shape (n,)."""
    found = np.zeros(len(binding), np.bool_)
    for row in range(len(binding)):
        at = head[binding[row]]
        while at != NONE and not found[row]:
            found[row] = event_ms[row] <= machines[at].busy_ms
            at = machines[at].next
    return found


@njit(cache=True, nogil=True)
def renew(machines, head, regions, binding, patience_ms):  # type: ignore[no-untyped-def]
    """Tell the regions of bindings how their machines stand; the first moment at which one has to be asked.

    What goes on for longer than ``patience_ms`` is handed to a tracker, before its fixes are forgotten.
    """
    first_ms = END_MS
    for row in range(len(binding)):
        region = regions[binding[row]]
        region.in_columns, region.is_busy, region.due_ms = False, False, END_MS
        at = head[binding[row]]
        while at != NONE:
            machine = machines[at]
            region.in_columns = True
            region.due_ms = min(region.due_ms, machine.due_ms)
            region.is_busy |= machine.phase == RUN or machine.streak > 0
            if machine.phase == RUN or machine.streak > 0 or machine.busy_ms - machine.base_ms > patience_ms:
                region.due_ms = min(region.due_ms, machine.base_ms + patience_ms)
            at = machine.next
        first_ms = min(first_ms, region.due_ms)
    return first_ms


@njit(cache=True, nogil=True)
def _touch(machine, event_ms, settled_ms):  # type: ignore[no-untyped-def]
    """A fix changes something; where all before it is settled, nothing before has to be looked at again."""
    is_settled = machine.busy_ms < settled_ms or machine.busy_ms == BEGIN_MS
    if is_settled and machine.phase != RUN and machine.streak == 0:
        machine.base_ms = event_ms
        machine.base_onset_ms = machine.onset_ms if machine.phase == OPEN else END_MS
    machine.busy_ms = event_ms


@njit(cache=True, nogil=True)
def _lengthen(machine, event_ms):  # type: ignore[no-untyped-def]
    if machine.phase == IDLE:
        machine.phase, machine.onset_ms, machine.count = RUN, event_ms, 0
    at = machine.count
    machine.seen_ms[at if at < _LAST else _LAST + at % _LAST] = event_ms
    machine.count += 1


@njit(cache=True, nogil=True)
def _evidence(machine, shown_ms):  # type: ignore[no-untyped-def]
    """The event times of what an alert shows, in order; how many."""
    shown = min(machine.count, EVIDENCE_MOST)
    turned = machine.count % _LAST if machine.count > EVIDENCE_MOST else 0
    for at in range(shown):
        shown_ms[at] = machine.seen_ms[at if at < _LAST else _LAST + (at - _LAST + turned) % _LAST]
    return shown


@njit(cache=True, nogil=True)
def step(  # type: ignore[no-untyped-def]
    machines, machine_of, first, side, event_ms, confirmed, fixes, dwell_ms, clear_fixes, settled_ms
):
    """Step each machine through the fixes ``[first[pair], first[pair + 1])`` of its pair, in their order.

    What it gives is of shape (k,): pair, place of the fix, what it made, the onset, and when the fixes that
    clear began; then the event times of the evidence, (k, EVIDENCE_MOST), and how many there are.
    """
    pairs = len(machine_of)
    most = 0
    for pair in range(pairs):
        most += first[pair + 1] - first[pair]
    made = np.empty((5, most), np.int64)
    shown_ms = np.empty((most, EVIDENCE_MOST), np.int64)
    shown = np.zeros(most, np.int64)
    count = 0
    for pair in range(pairs):
        machine = machines[machine_of[pair]]
        for fix in range(first[pair], first[pair + 1]):
            at_ms = event_ms[fix]
            if side[fix] == 0 or (side[fix] > 0 and machine.phase == IDLE):
                continue
            if side[fix] < 0 and machine.phase == OPEN and machine.streak == 0:
                continue
            _touch(machine, at_ms, settled_ms[pair])
            what = 0
            if side[fix] > 0 and machine.phase == RUN:
                machine.phase = IDLE
            elif side[fix] > 0:
                if machine.streak == 0:
                    machine.streak_ms = at_ms
                machine.streak += 1
                if machine.streak >= clear_fixes[fix]:
                    what, machine.phase, machine.streak = CLEARED, IDLE, 0
            elif machine.phase == OPEN:
                machine.streak = 0
            else:
                _lengthen(machine, at_ms)
                is_long = machine.count >= fixes[fix] and at_ms - machine.onset_ms >= dwell_ms[fix]
                if confirmed[fix] or is_long:
                    what, machine.phase = RAISED, OPEN
                    shown[count] = _evidence(machine, shown_ms[count])
            if what:
                made[0, count], made[1, count], made[2, count] = pair, fix, what
                made[3, count], made[4, count] = machine.onset_ms, machine.streak_ms
                count += 1
    return made[:, :count], shown_ms[:count], shown[:count]
