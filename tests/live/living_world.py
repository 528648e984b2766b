"""A world that lives while its site changes: how it begins, what arrives and what is changed step by step.

One seed is one world of some forty minutes. Everything follows from the seed; only when within its step a
change is in force is told by the log, for a server that was killed may make it a millisecond later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from live.world_changes import Change, ChangeDrawing
from live.world_rows import DEVICES, GRID_DEG, LAT, LATER_DEVICES, LON, STARTS, RowDrawing
from live_system import Row

from geofences.instant import BEGIN_MS, instant_ms
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.site_versions import span_of
from sinks.alert import instant_text

STEPS = 48
#: No gap of the log's clock, whoever is dead meanwhile; and further apart than changes are delayed.
_STEP_MS = (20_000, 45_000, 60_000, 60_000)
#: So long before and after a turn of whose a device is no fast clock dates a fix: a change takes its place
#: in the log within so much, and such a fix would stay with whoever had it (docs/semantics.md).
_TURN_MS = 5_000
_AHEAD_MOST_MS = 250_000


@dataclass
class LivingStep:
    """Where the clock is put; the rows that arrive then, and what is changed after them.

    ``is_awaited``: the engine has judged all of it before the next step, else it may lie behind.
    """

    at_ms: int
    pings: list[Row] = field(default_factory=list)
    confirmations: list[Row] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    is_awaited: bool = False


@dataclass(frozen=True)
class LivingWorld:
    """All of one world."""

    seed: int
    begun: SiteDocuments
    steps: list[LivingStep]


def living_world(seed: int) -> LivingWorld:
    """The world of a seed."""
    chance = Random(f"living {seed}")
    rows = RowDrawing(chance)
    changes = ChangeDrawing(chance, rows)
    begun = changes.site
    steps = [LivingStep(rows.start_ms)]
    for number in range(1, STEPS):
        step = LivingStep(steps[-1].at_ms + chance.choice(_STEP_MS), is_awaited=chance.random() < 0.12)
        if number == 2 and rows.start_ms == instant_ms(STARTS[-1]):
            step.changes.append(changes.holidays(step.at_ms + 1))
        elif number > 1 and chance.random() < 0.3:
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                step.changes.append(changes.change(step.at_ms + 1))
        steps.append(step)
    for device_id in (*DEVICES, *LATER_DEVICES):
        _Device(chance, device_id, changes).live(steps)
    for step in steps:
        chance.shuffle(step.pings)
    return LivingWorld(seed, begun, steps)


class _Device:
    """One device: where it goes, and how what it sends arrives."""

    def __init__(self, chance: Random, device_id: str, changes: ChangeDrawing) -> None:
        self._chance, self._id = chance, device_id
        site = changes.site
        bindings = [row for row in site.table("devices") if row["device_id"] == device_id]
        people = {row["person_id"] for row in bindings}
        persons = [row for row in site.table("people") if row["person_id"] in people]
        spans = [span_of("devices", row) for row in bindings] + [span_of("people", row) for row in persons]
        self._turns = {at_ms for span in spans for at_ms in span}
        self._from_ms = changes.known_ms.get(device_id)
        self._spot = (LON, LAT)
        self._sent: list[Row] = []
        self._quiet = 0

    def live(self, steps: list[LivingStep]) -> None:
        """Puts its rows into the steps; it is heard of from the start or from when it is known."""
        if self._from_ms is None:
            return
        for number, step in enumerate(steps):
            if number == 0 and self._from_ms == BEGIN_MS:
                step.pings.append({"device_id": self._id, "event_time": instant_text(step.at_ms)})
            elif number and self._from_ms < step.at_ms:
                self._quiet -= 1
                if self._quiet < 0 and self._chance.random() < 0.65:
                    self._send(step)
                elif self._quiet < 0 and self._chance.random() < 0.06:
                    self._quiet = self._chance.randint(4, 25)

    def _send(self, step: LivingStep) -> None:
        chance = self._chance
        if self._sent and chance.random() < 0.04:
            step.pings.append(chance.choice(self._sent))
            return
        event_ms = self._made_ms(step.at_ms)
        if chance.random() < 0.12:
            step.confirmations.append(self._confirmation(event_ms))
            return
        row = self._place(event_ms) | {"source": chance.choice([None, "gnss", "wifi", "fused", "gnss"])}
        step.pings.append(row)
        self._sent.append(row)

    def _made_ms(self, at_ms: int) -> int:
        """When a row is made that arrives at an instant: just now, long ago, or later by a fast clock."""
        chance = self._chance
        late_ms = chance.choice([0, 0, 0, 0, 1_000, 40_000, 100_000, 250_000, 900_000, 2_000_000])
        event_ms = at_ms - late_ms - chance.choice([0, 0, 1, 700])
        if chance.random() < 0.07:
            event_ms = at_ms + chance.choice([1, 30_000, 120_000, _AHEAD_MOST_MS])
            if any(at_ms - _TURN_MS <= turn_ms <= event_ms + _TURN_MS for turn_ms in self._turns):
                event_ms = at_ms
        return event_ms

    def _place(self, event_ms: int) -> Row:
        chance = self._chance
        if chance.random() < 0.25:
            reach = chance.choice((4, 14))
            self._spot = (
                LON + chance.randint(-reach, reach) * GRID_DEG,
                LAT + chance.randint(-reach, reach) * GRID_DEG,
            )
        wobble = chance.choice([0.0, 0.0, 0.1, 0.37]) * GRID_DEG
        lon, lat = self._spot if chance.random() < 0.95 else (None, None)
        return {
            "device_id": self._id,
            "event_time": instant_text(event_ms),
            "lon": None if lon is None else round(lon + wobble, 6),
            "lat": None if lat is None else round(lat - wobble, 6),
            "accuracy_m": chance.choice([None, 5.0, 10.0, 60.0]),
        }

    def _confirmation(self, event_ms: int) -> Row:
        more = {"face_ok": self._chance.random() < 0.7, "challenge_id": self._chance.choice([None, "a", "b"])}
        return self._place(event_ms) | more
