"""Scopes whose fixes come in order, judged in columns: most of what goes on, and all of it on a bad day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geofences.instant import BEGIN_MS, END_MS
from pipeline.engine.boundary.family import TrackerContext
from pipeline.engine.boundary.incidents import Incident
from pipeline.engine.boundary.machine_columns import (
    IDLE,
    MACHINE,
    NONE,
    OPEN,
    add,
    all_of,
    bears_on,
    chain,
    find,
    renew,
    step,
)
from pipeline.engine.boundary.pair_sides import PairSides
from pipeline.engine.boundary.raised import Onset
from pipeline.engine.boundary.told_alerts import Changes, Told, ToldAlerts
from pipeline.engine.intervals import ranges
from pipeline.engine.record_columns import grown
from pipeline.engine.renumbering import Renumbering
from pipeline.ping import CONFIRMATION, PingBatch
from sinks.alert import Alert

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Room for so many at first, and so many are worth looking for those that can go.
_ROOM, _SWEEP_FROM = 1 << 8, 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class Fixes:
    """Fixes of a batch that are judged: with each its binding, its person's row and its radius."""

    batch: PingBatch
    binding: Ints
    row: Ints
    radius_m: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Bindings and scopes to be judged, each pair once, and the place of the first fix that is."""

    binding: Ints
    scope: Ints
    first: Ints

    def of(self, chosen: Bools) -> Pairs:
        """Some of them."""
        return Pairs(self.binding[chosen], self.scope[chosen], self.first[chosen])

    @classmethod
    def once(cls, binding: Ints, scope: Ints, first: Ints) -> Pairs:
        """The same where pairs come more than once."""
        order = np.lexsort((first, scope, binding))
        binding, scope, first = binding[order], scope[order], first[order]
        is_first = np.ones(len(order), np.bool_)
        is_first[1:] = (binding[1:] != binding[:-1]) | (scope[1:] != scope[:-1])
        return cls(binding, scope, first).of(is_first)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How a tracker finds a scope as it is: by stepping through the fixes from ``from_ms`` on.

    Before them nothing went on but the ``incident``, if any. ``told`` are the alerts that may still change.
    """

    scope: int
    from_ms: int
    incident: Incident | None
    told: list[Told]


@dataclass(frozen=True, slots=True, eq=False)
class Stepped:
    """Alerts, what was raised by binding, and the bindings that have other open incidents than before."""

    alerts: list[Alert]
    raised: list[tuple[int, Onset]]
    changed: Ints


class ColumnMachines:
    """The machines of bindings that have no tracker, and what was told of their scopes."""

    #: What a checkpoint holds of it.
    KEPT = ("columns", "told")

    def __init__(self, bindings: int, context: TrackerContext, sides: PairSides) -> None:
        self._context = context
        self._sides = sides
        self._head = np.full(bindings, NONE, np.int64)
        self._machines = grown(np.empty(0, MACHINE), _ROOM)
        self._count = 0
        self._told = ToldAlerts(context)
        self._sweep_from = _SWEEP_FROM

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """All machines, by column."""
        there = self._machines[: self._count]
        there = there[there["binding"] != NONE]
        return {name: np.ascontiguousarray(there[name]) for name in MACHINE.names or ()}

    @columns.setter
    def columns(self, columns: dict[str, NDArray[Any]]) -> None:
        self._count = len(columns["binding"])
        self._machines = grown(np.empty(0, MACHINE), max(_ROOM, 2 * self._count))
        for name, cells in columns.items():
            self._machines[name][: self._count] = cells  # ``move`` chains them

    @property
    def told(self) -> list[tuple[int, int, Incident, Alert]]:
        """What was told, each with its binding and its scope."""
        return list(self._told)

    @told.setter
    def told(self, told: Iterable[tuple[int, int, Incident, Alert]]) -> None:
        self._told.put(told)

    @property
    def scopes(self) -> set[int]:
        """The scopes that have a machine."""
        machines = self._machines[: self._count]
        return set(machines["scope"][machines["binding"] != NONE].tolist())

    @property
    def bindings(self) -> Ints:
        """The bindings that have one."""
        return np.flatnonzero(self._head != NONE)

    def of_scopes(self, scopes: Iterable[int]) -> Ints:
        """The bindings that have one of these scopes."""
        machines = self._machines[: self._count]
        here = np.isin(machines["scope"], list(scopes)) & (machines["binding"] != NONE)
        return np.unique(machines["binding"][here])

    def bear_on(self, binding: Ints, event_ms: Ints) -> Bools:
        """Which fixes are no newer than one that changed something of their binding."""
        found: Bools = bears_on(self._machines, self._head, binding, event_ms)
        return found

    def busy(self, bindings: Ints) -> tuple[Ints, Ints]:
        """Pairs of a binding and a scope that have to see every fix."""
        machines = self._machines[all_of(self._machines, self._head, bindings, True)]
        return machines["binding"].copy(), machines["scope"].copy()

    def open_scopes(self, bindings: Ints) -> tuple[Ints, Ints]:
        """Pairs of a binding and a scope of it that has an open incident, by binding."""
        machines = self._machines[all_of(self._machines, self._head, bindings, False)]
        there = machines["phase"] == OPEN
        return machines["binding"][there], machines["scope"][there]

    def begin(self, pairs: Pairs, after_ms: Ints) -> None:
        """Have a machine for each pair; where it is new, no moment of its scope since an instant is in."""
        new = self._numbers(pairs) == NONE
        if not new.any():
            return
        binding, scope = pairs.binding[new], pairs.scope[new]
        next_ms = self._context.timeline.next_ms
        columns = scope.tolist(), binding.tolist(), after_ms[new].tolist()
        due_ms = np.array([next_ms(*of) for of in zip(*columns, strict=True)], np.int64)
        if self._count + len(binding) > len(self._machines):
            self._machines = grown(self._machines, 2 * (self._count + len(binding)))
        add(self._machines, self._count, self._head, binding, scope, due_ms)
        self._count += len(binding)

    def due_ms(self, pairs: Pairs) -> Ints:
        """When the next moment of each pair comes."""
        return np.asarray(self._machines["due_ms"][self._numbers(pairs)])

    def _numbers(self, pairs: Pairs) -> Ints:
        found: Ints = find(self._machines, self._head, pairs.binding, pairs.scope)
        return found

    def judge(self, fixes: Fixes, pairs: Pairs, settled_ms: Ints) -> Stepped:
        """Step the machines of pairs through their fixes.

        ``settled_ms`` (of each pair): before it nothing can come any more.
        """
        batch = fixes.batch
        at, first = _places(fixes.binding, pairs)
        event_ms, scope = batch.event_ms[at], np.repeat(pairs.scope, np.diff(first))
        side = self._sides.of(
            fixes.row[at], scope, event_ms, batch.lon[at], batch.lat[at], fixes.radius_m[at]
        )
        machine = self._numbers(pairs)
        confirmed = batch.kind[at] == CONFIRMATION
        rules = self._context.rule_columns(scope, event_ms)
        made, shown_ms, shown = step(
            self._machines, machine, first, side, event_ms, confirmed, *rules, settled_ms
        )
        if not made.shape[1]:
            return Stepped([], [], np.empty(0, np.int64))
        pair, fix, what, onset_ms, cleared_ms = made
        base = self._machines[machine[pair]]
        changes = Changes(
            pairs.binding[pair], pairs.scope[pair], at[fix], what, onset_ms, cleared_ms, shown_ms, shown,
            np.minimum(base["base_ms"], base["base_onset_ms"]),
        )  # fmt: skip
        return Stepped(self._told.tell(changes), changes.onsets(), np.unique(changes.binding))

    def renew(self, regions: NDArray[Any], bindings: Ints, patience_ms: int) -> int:
        """Tell the regions how these bindings stand; the first moment at which one has to be asked."""
        return int(renew(self._machines, self._head, regions, bindings, patience_ms))

    def take(self, binding: int, settled_ms: int) -> list[Standing]:
        """How a tracker finds the scopes of a binding, which have no machine here any more."""
        numbers = all_of(self._machines, self._head, np.array([binding]), False)
        used = numbers[self._machines["busy_ms"][numbers] > BEGIN_MS]
        standings = [self._standing(number, settled_ms) for number in reversed(used.tolist())]
        self._machines["binding"][numbers] = NONE
        self._head[binding] = NONE
        return standings

    def _standing(self, number: int, settled_ms: int) -> Standing:
        machine = self._machines[number]
        told = self._told.take(int(machine["binding"]), int(machine["scope"]))
        from_ms, open_onset_ms = int(machine["base_ms"]), int(machine["base_onset_ms"])
        is_plain = machine["phase"] == IDLE or (machine["phase"] == OPEN and machine["streak"] == 0)
        if machine["busy_ms"] < settled_ms and is_plain:
            from_ms = settled_ms
            open_onset_ms = int(machine["onset_ms"]) if machine["phase"] == OPEN else END_MS
        open_then = [incident for incident, _ in told if incident.onset_ms == open_onset_ms]
        return Standing(int(machine["scope"]), min(from_ms, settled_ms), next(iter(open_then), None), told)

    def sweep(self, newest_ms: Ints, clock_ms: int) -> Ints:
        """Forget scopes with which nothing goes on any more, where it is time; the bindings that had them."""
        if self._count < self._sweep_from:
            return np.empty(0, np.int64)
        machines = self._machines[: self._count]
        gone = machines["binding"] == NONE
        settled_ms = np.minimum(
            newest_ms[machines["binding"]] - self._context.policies.lateness_from_ms(clock_ms), clock_ms
        )
        over = ~gone & (machines["phase"] == IDLE) & (machines["busy_ms"] < settled_ms)
        had = np.unique(machines["binding"][over])
        for pair in zip(machines["binding"][over].tolist(), machines["scope"][over].tolist(), strict=True):
            self._told.take(*pair)
        self._keep(machines[~(gone | over)])
        return had

    def _keep(self, machines: NDArray[Any]) -> None:
        self._count = len(machines)
        self._machines = grown(machines.copy(), max(_ROOM, 2 * self._count))
        self._sweep_from = max(_SWEEP_FROM, 2 * self._count)
        self._chain()

    def _chain(self) -> None:
        chain(self._machines, self._count, self._head)

    def splice(self, bindings: int, gone: Iterable[int]) -> list[Alert]:
        """There are so many bindings now, and these are no more; the alerts that were told of those."""
        if bindings > len(self._head):
            room = np.full(bindings - len(self._head), NONE, np.int64)
            self._head = np.concatenate([self._head, room])
        return [alert for one in gone for standing in self.take(one, END_MS) for _, alert in standing.told]

    def move(self, numbers: Renumbering, bindings: int) -> list[Alert]:
        """Go on under another site's numbers; the alerts of bindings that are no more."""
        gone, to = self._told.move(numbers), numbers.bindings.to
        machines = self._machines[: self._count]
        machines = machines[machines["binding"] != NONE]
        machines["binding"] = to[machines["binding"]]
        machines["scope"] = np.asarray(numbers.scopes, np.int64)[machines["scope"]]
        self._head = np.full(bindings, NONE, np.int64)
        self._keep(machines[machines["binding"] != NONE])
        return gone

    def without_scope(self) -> Ints:
        """The bindings of which a scope is no more."""
        machines = self._machines[: self._count]
        return np.unique(machines["binding"][(machines["scope"] == NONE) & (machines["binding"] != NONE)])

    def plan_again(self, clock_ms: int) -> None:
        """When their scopes open and end may be another time by now."""
        next_ms = self._context.timeline.next_ms
        for number in range(self._count):
            machine = self._machines[number]
            if machine["scope"] >= 0:
                machine["due_ms"] = next_ms(int(machine["scope"]), int(machine["binding"]), clock_ms - 1)


def _places(binding: Ints, pairs: Pairs) -> tuple[Ints, Ints]:
    """The places of each pair's fixes in their order, one pair after another, and where each pair begins."""
    order = np.argsort(binding, kind="stable")
    low = np.searchsorted(binding[order], pairs.binding, "left")
    high = np.searchsorted(binding[order], pairs.binding, "right")
    pair, place = ranges(low, high)
    at = order[place]
    wanted = at >= pairs.first[pair]
    first = np.concatenate([[0], np.cumsum(np.bincount(pair[wanted], minlength=len(low)))])
    return at[wanted], first.astype(np.int64)
