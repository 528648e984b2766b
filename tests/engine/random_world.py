"""Small random worlds, dense in everything the contract speaks of; one seed gives one world."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import shapely

from geofences.area import Area
from geofences.fence import Fence
from geofences.holidays import load_builtin
from geofences.instant import BEGIN_MS, END_MS, instant_ms
from geofences.schedule import parse_schedule
from pipeline.ping import CONFIRMATION, PING
from pipeline.reference import ReferenceRow
from pipeline.sites.policy import BoundaryRule, DailyWindow, Policy
from pipeline.sites.records import Binding, Leave, Office, Person, Site

#: Monday 2025-07-14 18:00 in Shanghai: schedules open and close within the hours that follow.
START_MS = instant_ms("2025-07-14T10:00:00Z")
MINUTE_MS = 60_000
LON, LAT = 106.5, 29.6
#: Degrees of about 100 m, so that positions on a grid of these meet all sides of the fences.
STEP_DEG = 0.001

SCHEDULES = (
    ["Mo-Su 18:30-19:30"],
    ["Mo-Su 19:00-19:20", "Mo-Su 19:40-20:30"],
    ["Mo 18:00-19:00", "Mo 19:00-19:45"],
    ["Mo-Su 19:15-18:15"],
)


@dataclass(frozen=True)
class World:
    """A site, its accepted rows in merged order, and how far to judge."""

    seed: int
    site: Site
    rows: list[ReferenceRow]
    until_ms: int | None


def random_world(seed: int, *, active_intervals: float = 3.0, fixes: int = 120) -> World:
    """A world of up to four people and five devices, with all that may happen to them."""
    chance = random.Random(seed)
    site = _site(chance, active_intervals)
    rows = _rows(chance, site, active_intervals, fixes)
    until_ms = chance.choice([None, None, START_MS + int(active_intervals * 60) * MINUTE_MS])
    return World(seed, site, rows, until_ms)


def _policy(chance: random.Random) -> Policy:
    return Policy(
        accuracy_factor=chance.choice([1.0, 1.0, 2.0]),
        keep_in=BoundaryRule(
            chance.choice([0.0, 50.0]), chance.choice([1, 2, 3, 3]), chance.choice([0, 120_000])
        ),
        keep_out=BoundaryRule(0.0, chance.choice([1, 2, 2]), chance.choice([0, 60_000])),
        clear_fixes=chance.choice([1, 2, 3]),
        allowed_lateness_ms=chance.choice([0, 120_000, 300_000]),
        silence_ms={"phone": (900_000, 1_800_000, 3_600_000), "wristband": (300_000, 600_000, 1_200_000)},
        grace_ms=300_000,
        windows={
            "strict": (DailyWindow(1090, 1110), DailyWindow(1105, 1140)),
            "general": (DailyWindow(1120, 1150),),
            "lenient": (),
        },
    )


def _moment(chance: random.Random, active_intervals: float) -> int:
    """An instant on a coarse raster, so that instants coincide."""
    return START_MS + chance.randrange(0, int(active_intervals * 12)) * 5 * MINUTE_MS


def _span(chance: random.Random, active_intervals: float, sure: float = 0.6) -> tuple[int, int]:
    if chance.random() < sure:
        return BEGIN_MS, END_MS
    first, second = sorted((_moment(chance, active_intervals), _moment(chance, active_intervals) + MINUTE_MS))
    return chance.choice([(first, second), (first, END_MS), (BEGIN_MS, second)])


def _site(chance: random.Random, active_intervals: float) -> Site:
    policy = _policy(chance)
    offices = (Office("C1", None, "county", "county"), Office("O1", "C1", "one", "judicial_office"),
               Office("O2", "C1", "two", "judicial_office"))  # fmt: skip
    people: list[Person] = []
    for number in range(chance.randint(1, 4)):
        people += _person_rows(chance, f"P{number}", active_intervals)
    bindings = [
        b
        for number in range(chance.randint(1, 5))
        for b in _binding_rows(chance, number, people, active_intervals)
    ]
    fences = [
        fence
        for number in range(chance.randint(1, 6))
        for fence in _versions(chance, number, policy, active_intervals)
    ]
    leaves = tuple(
        _leave(chance, f"L{n}", people, fences, active_intervals) for n in range(chance.choice([0, 0, 1, 3]))
    )
    return Site(policy, offices, tuple(people), tuple(bindings), leaves, tuple(fences), load_builtin())


def _person_rows(chance: random.Random, person_id: str, active_intervals: float) -> list[Person]:
    def row(span: tuple[int, int]) -> Person:
        office, class_name = chance.choice(["O1", "O2"]), chance.choice(["strict", "general", "lenient"])
        return Person(person_id, person_id, office, class_name, *span)

    if chance.random() < 0.6:
        return [row(_span(chance, active_intervals, 0.8))]
    cuts = sorted({_moment(chance, active_intervals) for _ in range(chance.randint(2, 4))})
    spans = list(zip([BEGIN_MS, *cuts], [*cuts, END_MS], strict=True))
    return [row(span) for span in spans if chance.random() < 0.8] or [row((BEGIN_MS, END_MS))]


def _binding_rows(
    chance: random.Random, number: int, people: list[Person], active_intervals: float
) -> list[Binding]:
    persons = sorted({person.person_id for person in people})
    kind = chance.choice(["phone", "wristband"])
    if chance.random() < 0.6:
        return [Binding(f"D{number}", chance.choice(persons), kind)]
    cuts = sorted({_moment(chance, active_intervals) for _ in range(chance.randint(1, 3))})
    spans = zip([BEGIN_MS, *cuts], [*cuts, END_MS], strict=True)
    rows = [
        Binding(f"D{number}", chance.choice(persons), kind, *span) for span in spans if chance.random() < 0.85
    ]
    return rows or [Binding(f"D{number}", persons[0], kind)]


def _versions(chance: random.Random, number: int, policy: Policy, active_intervals: float) -> list[Fence]:
    rule = chance.choice(["keep_in", "keep_in", "keep_out"])
    keep_in = rule == "keep_in"
    tolerance_m = chance.choice([policy.keep_in.tolerance_m if keep_in else 0.0, 100.0])
    selectors = ["all", "class:strict", "class:general", "office:C1", "office:O1", "person:P0", "person:P1"]
    first = Fence(
        fence_id=f"F{number}",
        name=f"F{number}",
        rule=rule,  # type: ignore[arg-type]
        group=chance.choice([f"F{number}", "home", "home"]) if keep_in else None,
        applies_to=tuple(chance.sample(selectors, chance.randint(1, 2))),
        area=_area(chance),
        tolerance_m=tolerance_m,
        schedule=parse_schedule(chance.choice(SCHEDULES)) if chance.random() < 0.4 else None,
        severity=chance.choice([None, None, 1, 4]),
    )
    if chance.random() < 0.65:
        return [first]
    change_ms = _moment(chance, active_intervals)
    gap_ms = chance.choice([0, 0, 10 * MINUTE_MS])
    second = replace(first, area=_area(chance), valid_from_ms=change_ms + gap_ms)
    if chance.random() < 0.3:
        second = replace(second, schedule=None)
    return [replace(first, valid_to_ms=change_ms), second]


def _area(chance: random.Random) -> Area:
    lon = LON + chance.randint(-6, 6) * STEP_DEG
    lat = LAT + chance.randint(-6, 6) * STEP_DEG
    size = chance.randint(2, 8) * STEP_DEG
    if chance.random() < 0.5:
        return Area(shapely.box(lon - size, lat - size, lon + size, lat + size))
    if chance.random() < 0.7:
        return Area(shapely.Point(lon, lat), chance.choice([150.0, 300.0, 700.0]))
    return Area(shapely.LineString([(lon - size, lat), (lon + size, lat + size / 2)]), 200.0)


def _leave(
    chance: random.Random, leave_id: str, people: list[Person], fences: list[Fence], active_intervals: float
) -> Leave:
    named = chance.random() < 0.5
    circle = not named or chance.random() < 0.5
    approved_ms = chance.choice(
        [BEGIN_MS, _moment(chance, active_intervals), _moment(chance, active_intervals)]
    )
    span = _span(chance, active_intervals, 0.4)
    return Leave(
        leave_id, chance.choice(people).person_id, *span, "work", "travel",
        (chance.choice(fences).fence_id,) if named else (),
        LON + chance.randint(-8, 8) * STEP_DEG if circle else None, LAT if circle else None,
        chance.choice([300.0, 900.0]) if circle else None, approved_ms,
    )  # fmt: skip


def _rows(chance: random.Random, site: Site, active_intervals: float, fixes: int) -> list[ReferenceRow]:
    devices = sorted({binding.device_id for binding in site.bindings})
    rows = []
    for device_id in devices:
        lon, lat = LON, LAT
        for _ in range(fixes // len(devices)):
            if chance.random() < 0.3:
                lon = LON + chance.randint(-14, 14) * STEP_DEG
                lat = LAT + chance.randint(-14, 14) * STEP_DEG
            rows.append(_row(chance, device_id, lon, lat, active_intervals))
    return accepted(rows)


def _row(
    chance: random.Random, device_id: str, lon: float, lat: float, active_intervals: float
) -> ReferenceRow:
    raster_ms = chance.choice([MINUTE_MS, MINUTE_MS, 5 * MINUTE_MS, 1_000])
    event_ms = START_MS + chance.randrange(0, int(active_intervals * 3_600_000 / raster_ms)) * raster_ms
    late_ms = chance.choice([0, 0, 0, 1_000, 60_000, 250_000, 900_000, 4_000_000])
    ahead_ms = 200_000 if chance.random() < 0.05 else 0
    confirmed = chance.random() < 0.15
    placed = chance.random() < 0.92
    wobble = chance.choice([0.0, 0.0, 0.1, 0.37]) * STEP_DEG
    spot = (lon + wobble, lat - wobble) if placed else (None, None)
    return ReferenceRow(
        kind=CONFIRMATION if confirmed else PING,
        device_id=device_id,
        event_ms=event_ms,
        arrival_ms=event_ms + late_ms - ahead_ms,
        given_arrival_ms=event_ms + late_ms - ahead_ms,
        lon=spot[0],
        lat=spot[1],
        given_lon=spot[0],
        given_lat=spot[1],
        accuracy_m=chance.choice([None, 5.0, 10.0, 60.0]),
        source=None if confirmed else chance.choice([None, "gnss", "wifi", "fused", "gnss"]),
        face_ok=confirmed and chance.random() < 0.7,
        challenge_id=chance.choice([None, "a", "b", "ä"]) if confirmed else None,
    )


def accepted(rows: list[ReferenceRow]) -> list[ReferenceRow]:
    """Merged order, and no row twice: intake has tests of its own."""
    accepted: dict[tuple[object, ...], ReferenceRow] = {}
    for row in sorted(rows, key=lambda row: (row.arrival_ms, row.kind)):
        extra = (row.face_ok, row.challenge_id) if row.kind == CONFIRMATION else ()
        accepted.setdefault((row.kind, row.device_id, row.event_ms, row.lon, row.lat, *extra), row)
    return list(accepted.values())
