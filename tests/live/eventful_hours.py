"""Made-up hours in which all happens that alerts are made of; one seed gives one stream.

Each device goes through episodes, and its rows take their way:

    at home    within the county                 in time     arrives with the step it is made in
    away       beyond it                         late        some steps later, within the lateness
    wavering   now here, now there, often late   far behind  beyond the lateness: backfill
    in zone    in the middle of the zone         resent      arrives a second time
    quiet      sends nothing
    offline    keeps its rows, sends all at the end
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from live_system import Row
from minimal_site import WHOLE, write_site

from geofences.instant import instant_ms
from sinks.alert import instant_text

#: Monday in Shanghai, 09:00; the windows below lie in the hours that follow.
START_MS = instant_ms("2026-03-02T01:00:00Z")
HOURS_MS = 3 * 3_600_000
DEVICE_COUNT = 30

OFFICES = """\
office_id,parent_id,name,level
C1,,County,county
O1,C1,One,judicial_office
O2,C1,Two,judicial_office
"""
CLASSES = ("strict", "general", "lenient")
KINDS = ("phone", "phone", "wristband")
POLICY = """\
version = "live"
[silence]
phone = [900, 1500, 3600]
wristband = [300, 900, 1800]
[confirmation]
grace_s = 300
strict = ["09:20-09:40", "10:30-11:00"]
general = ["09:30-10:00"]
lenient = ["10:00-11:20"]
"""
FENCES = """\
{"type": "FeatureCollection", "features": [
{"type": "Feature", "properties": {"fence_id": "county", "rule": "keep_in", "applies_to": ["all"]},
 "geometry": {"type": "Polygon", "coordinates": [[[106, 29], [107, 29], [107, 30], [106, 30], [106, 29]]]}},
{"type": "Feature",
 "properties": {"fence_id": "zone", "rule": "keep_out", "applies_to": ["all"], "radius_m": 300},
 "geometry": {"type": "Point", "coordinates": [106.5, 29.5]}}
]}
"""
LEAVES = "leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at\n"
#: Local windows of each class as minutes after START_MS.
WINDOWS = {"strict": ((20, 40), (90, 120)), "general": ((30, 60),), "lenient": ((60, 140),)}

PLACES = {"home": (106.2, 29.7), "away": (107.3, 29.4), "zone": (106.5, 29.5)}
EPISODES = ("home", "home", "home", "away", "away", "wavering", "wavering", "zone", "quiet", "offline")
#: Steps that last at most 60 s: no gap of the log's clock, whoever is dead meanwhile.
STEP_S = (30, 60)
LATE_STEPS, BEHIND_STEPS, RESENT_STEPS = (1, 5), (12, 30), (0, 40)


@dataclass(frozen=True)
class Step:
    """Where the clock is put, and the rows that arrive then."""

    at_ms: int
    pings: list[Row] = field(default_factory=list)
    confirmations: list[Row] = field(default_factory=list)


def write_eventful_site(folder: Path) -> Path:
    """The site of every seed."""
    people = "".join(f"P{n},Person {n},O{n % 2 + 1},{CLASSES[n // 2 % 3]},,\n" for n in range(DEVICE_COUNT))
    devices = "".join(f"D{n},P{n},{KINDS[n % 3]},,\n" for n in range(DEVICE_COUNT))
    folder.mkdir()
    return write_site(
        folder,
        ("offices.csv", WHOLE, OFFICES),
        ("people.csv", WHOLE, "person_id,name,office_id,class,valid_from,valid_to\n" + people),
        ("devices.csv", WHOLE, "device_id,person_id,kind,valid_from,valid_to\n" + devices),
        ("policy.toml", WHOLE, POLICY),
        ("fences.geojson", WHOLE, FENCES),
        ("leaves.csv", WHOLE, LEAVES),
    )


def eventful_hours(seed: int, hours_ms: int = HOURS_MS) -> list[Step]:
    """Steps of the clock with their rows; each device is heard of in the first, which is the start."""
    chance = random.Random(seed)
    steps = [Step(START_MS)]
    while steps[-1].at_ms < START_MS + hours_ms:
        steps.append(Step(steps[-1].at_ms + chance.randint(*STEP_S) * 1000))
    for n in range(DEVICE_COUNT):
        steps[0].pings.append({"device_id": f"D{n}", "event_time": instant_text(START_MS)})
        _Device(chance, f"D{n}", 60_000 if KINDS[n % 3] == "wristband" else 120_000).live(steps)
        _confirm(chance, n, steps)
    for step in steps:
        chance.shuffle(step.pings)
    return steps


def write_streams(steps: list[Step], folder: Path) -> list[str | Path]:
    """The same rows as files, with their arrivals; the words that hand them to ``replay``."""
    words: list[str | Path] = []
    for name in ("pings", "confirmations"):
        rows = [
            row | {"arrival_time": instant_text(step.at_ms)} for step in steps for row in getattr(step, name)
        ]
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
        words += [f"--{name}", folder / f"{name}.ndjson"]
    return words


class _Device:
    """One device on its way through the hours."""

    def __init__(self, chance: random.Random, device_id: str, every_ms: int) -> None:
        self._chance = chance
        self._device_id = device_id
        self._every_ms = every_ms
        self._episode, self._left = "home", chance.randint(1, 20)
        self._kept: list[Row] = []

    def live(self, steps: list[Step]) -> None:
        """Puts its rows where they arrive."""
        due_ms = START_MS + self._every_ms
        for number, step in enumerate(steps[1:], 1):
            self._left -= 1
            if self._left < 0:
                steps[number].pings.extend(self._kept)
                self._kept = []
                self._episode, self._left = self._chance.choice(EPISODES), self._chance.randint(8, 50)
            if step.at_ms >= due_ms and self._episode != "quiet":
                due_ms = step.at_ms + self._every_ms
                self._send(steps, number)

    def _send(self, steps: list[Step], number: int) -> None:
        chance, row = self._chance, self._row(steps[number].at_ms)
        if self._episode == "offline":
            self._kept.append(row)
            return
        late = 0
        if chance.random() < (0.4 if self._episode == "wavering" else 0.06):
            late = chance.randint(*LATE_STEPS)
        elif chance.random() < 0.04:
            late = chance.randint(*BEHIND_STEPS)
        _arrive(steps, number + late, row)
        if chance.random() < 0.04:
            _arrive(steps, number + late + chance.randint(*RESENT_STEPS), row)

    def _row(self, at_ms: int) -> Row:
        chance = self._chance
        place = {"wavering": chance.choice(("home", "away", "away")), "offline": "away"}
        lon, lat = PLACES[place.get(self._episode, self._episode)]
        return {
            "device_id": self._device_id,
            "event_time": instant_text(at_ms - chance.randrange(4000)),
            "lon": lon + chance.uniform(-0.001, 0.001),
            "lat": lat + chance.uniform(-0.001, 0.001),
            "accuracy_m": chance.choice([None, 8.0, 25.0]),
        }


def _confirm(chance: random.Random, n: int, steps: list[Step]) -> None:
    """In time, in time but arriving after the grace, or not at all; some of them bear a place."""
    for number, (begin_min, end_min) in enumerate(WINDOWS[CLASSES[n // 2 % 3]]):
        made_ms = START_MS + chance.randrange(begin_min * 60_000, end_min * 60_000)
        place = chance.choice([None, None, "home", "away"])
        lon, lat = (None, None) if place is None else PLACES[place]
        row = {
            "device_id": f"D{n}", "event_time": instant_text(made_ms), "lon": lon, "lat": lat,
            "face_ok": chance.random() < 0.9, "challenge_id": f"{n}-{number}",
        }  # fmt: skip
        fate = chance.random()
        arrives_ms = made_ms if fate < 0.5 else START_MS + (end_min + chance.randint(6, 20)) * 60_000
        if fate < 0.75:
            first = next((place for place, step in enumerate(steps) if step.at_ms >= arrives_ms), len(steps))
            if first < len(steps):
                steps[first].confirmations.append(row)


def _arrive(steps: list[Step], number: int, row: Row) -> None:
    if number < len(steps):
        steps[number].pings.append(row)
