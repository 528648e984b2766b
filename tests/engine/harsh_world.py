"""Random worlds that look for trouble: odd policies, coinciding instants, areas of all shapes, much paper."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import shapely
from engine.random_world import MINUTE_MS, World, accepted
from pyproj import Geod

from geofences.area import Area
from geofences.fence import Fence
from geofences.holidays import load_builtin
from geofences.instant import BEGIN_MS, END_MS, instant_ms
from geofences.schedule import parse_schedule
from pipeline.ping import CONFIRMATION, PING
from pipeline.reference import ReferenceRow
from pipeline.sites.policy import BoundaryRule, DailyWindow, Policy
from pipeline.sites.records import Binding, Leave, Office, Person, Site

_GEOD = Geod(ellps="WGS84")
_STEP_DEG = 0.001

#: The eve of a holiday, the night a clock goes forward in Berlin, new year, a plain Monday evening.
_STARTS = ("2025-09-30T12:00:00Z", "2025-03-29T22:00:00Z", "2025-12-31T13:00:00Z", "2025-07-14T10:00:00Z")
_PLACES = ((106.5, 29.6), (106.5, 29.6), (-0.0005, 0.0005), (179.996, -16.5), (25.0, 78.0))
_ZONES = ("Asia/Shanghai", "Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata", "America/New_York")
_SCHEDULES = (
    ["Mo-Su 18:30-19:30"],
    ["Mo-Fr 20:00-21:00", "PH off"],
    ["Mo-Su 20:00-20:30", "PH 21:00-23:00"],
    ["Mo-Su 22:00-06:00"],
    ["Mo-Su 00:00-24:00"],
    ["24/7"],
    ["PH 00:00-12:00"],
    ["Mo-Su 19:00-19:20,19:20-19:45", "Mo-Su 19:40-20:30"],
    ["Mo-Su 19:15-19:15"],
    ["Mo-Su 02:00-03:00", "Mo-Su 20:05-20:10"],
)


def harsh_world(seed: int, *, fixes: int = 150) -> World:
    """A world of its own kind for each seed; rows are accepted ones in merged order."""
    return _Drawing(seed, fixes).world()


def quiet_world(seed: int, *, fixes: int = 100) -> World:
    """Devices mostly at home, followed now and then: fences open and close all day, fixes come late."""
    return _Quiet(seed, fixes).world()


class _Drawing:
    def __init__(self, seed: int, fixes: int) -> None:
        self.seed = seed
        self.fixes = fixes
        self.chance = random.Random(f"harsh {seed}")
        self.active_intervals = self.pick(1, 3, 3, 6, 40)
        self.start_ms = instant_ms(self.pick(*_STARTS))
        self.lon, self.lat = self.pick(*_PLACES)
        self.raster_ms = self.pick(1_000, MINUTE_MS, MINUTE_MS, 5 * MINUTE_MS)
        self.policy = self._policy()

    def pick(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def happens(self, share: float) -> bool:
        return self.chance.random() < share

    def world(self) -> World:
        site = self._site()
        rows = [row for row in self._rows(site) if row.event_ms >= row.arrival_ms - self._horizon_ms]
        end_ms = self.start_ms + self.active_intervals * 60 * MINUTE_MS
        return World(self.seed, site, rows, self.pick(None, None, end_ms, end_ms + 26 * 60 * MINUTE_MS))

    @property
    def _horizon_ms(self) -> int:
        return self.policy.backfill_horizon_ms

    def _policy(self) -> Policy:
        floor_m: dict[str, float] = self.pick(
            {}, {}, {"gnss": 0.0, "wifi": 1.0}, {"gnss": 5.0, "fused": 0.0, "cell": 300.0}
        )
        default = Policy()
        return replace(
            default,
            timezone=self.pick(*_ZONES),
            accuracy_factor=self.pick(0.0, 0.5, 1.0, 1.0, 2.0),
            accuracy_default_m=self.pick(0.0, 50.0),
            floor_m={**default.floor_m, **floor_m},
            keep_in=BoundaryRule(self.pick(0.0, 50.0, 300.0), self.pick(1, 2, 3, 5), self._dwell_ms()),
            keep_out=BoundaryRule(self.pick(0.0, 80.0), self.pick(1, 2, 4), self._dwell_ms()),
            clear_fixes=self.pick(1, 2, 3, 4),
            allowed_lateness_ms=self.pick(0, 0, 1_000, 60_000, 300_000, 1_800_000, 7_200_000),
            backfill_horizon_ms=self.pick(604_800_000, 604_800_000, 7_200_000, 3_600_000, 1_200_000),
            silence_ms={
                "phone": self.pick((900_000, 1_800_000, 3_600_000), (60_000, 61_000, 20_000_000)),
                "wristband": self.pick((300_000, 600_000, 1_200_000), (3_600_000, 7_200_000, 7_200_001)),
            },
            grace_ms=self.pick(0, 300_000, 3_600_000),
            windows={"strict": self._windows(), "general": self._windows(), "lenient": ()},
        )

    def _dwell_ms(self) -> int:
        return int(self.pick(0, 0, 60_000, 120_000, 1_200_000))

    def _windows(self) -> tuple[DailyWindow, ...]:
        starts = self.chance.sample(range(0, 1440, 5), self.pick(0, 1, 3, 6))
        return tuple(DailyWindow(start, start + self.pick(5, 30, 90, 1440)) for start in starts)

    def _moment(self) -> int:
        at_ms = self.start_ms + self.chance.randrange(
            0, self.active_intervals * 60 * MINUTE_MS, self.raster_ms
        )
        return int(at_ms + self.pick(0, 0, 0, 0, 1, -1))

    def _span(self, sure: float) -> tuple[int, int]:
        if self.happens(sure):
            return BEGIN_MS, END_MS
        first, second = sorted((self._moment(), self._moment() + self.pick(1, MINUTE_MS)))
        choices = [(first, max(second, first + 1)), (first, END_MS), (BEGIN_MS, second)]
        return self.chance.choice(choices)

    def _stretches(self, keep: float) -> list[tuple[int, int]]:
        """Parts of all time, side by side, some left out."""
        cuts = sorted({self._moment() for _ in range(self.chance.randint(1, 5))})
        spans = list(zip([BEGIN_MS, *cuts], [*cuts, END_MS], strict=True))
        return [span for span in spans if self.happens(keep)] or [(BEGIN_MS, END_MS)]

    def _site(self) -> Site:
        offices = (
            Office("C1", None, "county", "county"),
            Office("O1", "C1", "one", "judicial_office"),
            Office("O2", "C1", "two", "judicial_office"),
        )
        people = [row for n in range(self.chance.randint(1, 4)) for row in self._person(f"P{n}")]
        bindings = [row for n in range(self.chance.randint(1, 5)) for row in self._device(n, people)]
        fences = [f for n in range(self.chance.randint(1, 8)) for f in self._versions(n)]
        leaves = tuple(self._leave(n, people, fences) for n in range(self.pick(0, 1, 3, 8)))
        holidays = load_builtin()
        return Site(self.policy, offices, tuple(people), tuple(bindings), leaves, tuple(fences), holidays)

    def _person(self, person_id: str) -> list[Person]:
        spans = [self._span(0.8)] if self.happens(0.5) else self._stretches(0.75)
        return [
            Person(
                person_id, person_id, self.pick("O1", "O2"), self.pick("strict", "general", "lenient"), *span
            )
            for span in spans
        ]

    def _device(self, number: int, people: list[Person]) -> list[Binding]:
        persons = sorted({person.person_id for person in people})
        spans = [self._span(0.9)] if self.happens(0.5) else self._stretches(0.85)
        return [
            Binding(f"D{number}", self.chance.choice(persons), self.pick("phone", "wristband"), *span)
            for span in spans
        ]

    def _versions(self, number: int) -> list[Fence]:
        keep_in = self.happens(0.6)
        selectors = ["all", "class:strict", "class:general", "office:C1", "office:O1", "office:O2"]
        selectors += ["person:P0", "person:P1"]
        rule = self.policy.keep_in if keep_in else self.policy.keep_out
        first = Fence(
            fence_id=f"F{number}",
            name=f"F{number}",
            rule="keep_in" if keep_in else "keep_out",
            group=self.pick(f"F{number}", "home", "home") if keep_in else None,
            applies_to=tuple(self.chance.sample(selectors, self.chance.randint(1, 3))),
            area=self._area(),
            tolerance_m=self.pick(rule.tolerance_m, rule.tolerance_m, 0.0, 250.0),
            schedule=parse_schedule(self.pick(*_SCHEDULES)) if self.happens(0.45) else None,
            severity=self.pick(None, None, 1, 4),
        )
        if self.happens(0.5):
            return [replace(first, valid_from_ms=span[0], valid_to_ms=span[1]) for span in [self._span(0.8)]]
        return [self._version(first, span) for span in self._stretches(0.7)]

    def _version(self, first: Fence, span: tuple[int, int]) -> Fence:
        area = self._area() if self.happens(0.7) else first.area
        schedule = self.pick(first.schedule, None, parse_schedule(self.pick(*_SCHEDULES)))
        applies_to = self.pick(first.applies_to, first.applies_to, ("all",), ("class:strict",))
        changed = replace(first, area=area, schedule=schedule, applies_to=applies_to)
        return replace(changed, valid_from_ms=span[0], valid_to_ms=span[1])

    def _spot(self, reach: int) -> tuple[float, float]:
        chance = self.chance
        lon = self.lon + chance.randint(-reach, reach) * _STEP_DEG
        return min(lon, 180.0), self.lat + chance.randint(-reach, reach) * _STEP_DEG

    def _area(self) -> Area:
        lon, lat = self._spot(6)
        size = self.chance.randint(2, 8) * _STEP_DEG
        box = shapely.box(lon - size, lat - size, min(lon + size, 180.0), lat + size)
        shape = self.chance.randrange(6)
        if shape == 0:
            return Area(box)
        if shape == 1:  # a hole
            return Area(box.difference(box.buffer(-size / 2)))
        if shape == 2:  # an archipelago
            west = shapely.box(lon - 9 * _STEP_DEG, lat, lon - size - 0.0002, lat + size)
            return Area(shapely.MultiPolygon([box, west])) if west.is_valid and west.area else Area(box)
        if shape == 3:  # a needle
            tip = (lon - 12 * _STEP_DEG, lat + 0.0003)
            return Area(shapely.Polygon([(lon, lat), (lon, lat + 0.0005), tip]))
        if shape == 4:
            return Area(shapely.Point(lon, lat), self.pick(50.0, 150.0, 300.0, 700.0, 1_500.0))
        corners = [(lon - size, lat), (lon, lat + size), (lon, lat - size / 2)]
        return Area(shapely.LineString(corners), self.pick(30.0, 200.0))

    def _leave(self, number: int, people: list[Person], fences: list[Fence]) -> Leave:
        named = self.happens(0.5)
        lon, lat = self._spot(8) if not named or self.happens(0.5) else (None, None)
        fence_ids = sorted({self.chance.choice(fences).fence_id for _ in range(self.pick(1, 3))})
        return Leave(
            self.pick("L", "l", "é") + str(number),
            self.chance.choice(people).person_id,
            *self._span(0.4),
            "work",
            "travel",
            tuple(fence_ids) if named else (),
            lon,
            lat,
            self.pick(100.0, 300.0, 900.0) if lon is not None else None,
            self.pick(BEGIN_MS, self._moment(), self._moment(), self._moment()),
        )

    def _rows(self, site: Site) -> list[ReferenceRow]:
        devices = sorted({binding.device_id for binding in site.bindings})
        rows: list[ReferenceRow] = []
        for device_id in devices:
            spot = self._position(site)
            for _ in range(self.fixes // len(devices)):
                if self.happens(0.35):
                    spot = self._position(site)
                rows.append(self._row(device_id, spot))
        return accepted(rows)

    def _position(self, site: Site) -> tuple[float, float]:
        """Anywhere around, or off a circle by just about what decides its side."""
        circles = [f for f in site.fences if f.area.shape.geom_type == "Point"]
        if not circles or self.happens(0.7):
            return self._spot(14)
        fence = self.chance.choice(circles)
        centre_lon, centre_lat = fence.area.shape.coords[0]
        out_m = fence.area.reach_m + self.pick(-1, 1) * fence.tolerance_m
        out_m += self.pick(-1, 0, 1) * self.pick(5.0, 20.0, 50.0) + self.pick(0.0, 0.0004, -0.0006, 0.01)
        lon, lat, _ = _GEOD.fwd(centre_lon, centre_lat, self.chance.uniform(0, 360), max(out_m, 0.0))
        return float(lon), float(lat)

    def _late_ms(self) -> int:
        lateness_ms = self.policy.allowed_lateness_ms
        edges = (lateness_ms - 1, lateness_ms, lateness_ms + 1, self._horizon_ms, 2 * lateness_ms)
        if self.happens(0.15):
            return max(0, int(self.chance.choice(edges)))
        return int(self.pick(0, 0, 0, 0, 1_000, 60_000, 250_000, 900_000, 4_000_000, -200_000, -300_000))

    def _row(self, device_id: str, spot: tuple[float, float]) -> ReferenceRow:
        span_ms = self.active_intervals * 60 * MINUTE_MS
        event_ms = self.start_ms + self.chance.randrange(0, span_ms, self.raster_ms)
        event_ms += self.pick(0, 0, 0, 0, 0, 1, -1)
        late_ms = self._late_ms()
        confirmed, placed = self.happens(0.15), self.happens(0.93)
        wobble = self.pick(0.0, 0.0, 0.0, 1e-7, 0.0001, 0.00037)
        lon, lat = (min(spot[0] + wobble, 180.0), spot[1] - wobble) if placed else (None, None)
        moved = 0.005 if placed and self.happens(0.1) else 0.0
        return ReferenceRow(
            kind=CONFIRMATION if confirmed else PING,
            device_id=device_id,
            event_ms=event_ms,
            arrival_ms=event_ms + late_ms,
            given_arrival_ms=BEGIN_MS if late_ms == 0 and self.happens(0.5) else event_ms + late_ms,
            lon=lon,
            lat=lat,
            given_lon=None if lon is None else lon - moved,
            given_lat=None if lat is None else lat + moved,
            accuracy_m=self.pick(None, None, 0.0, 5.0, 30.0, 200.0),
            source=None if confirmed else self.pick(None, "gnss", "wifi", "fused", "cell", "manual"),
            face_ok=confirmed and self.happens(0.7),
            challenge_id=self.pick(None, "", "a", "b", "ä", "\U0001f600") if confirmed else None,
        )


class _Quiet(_Drawing):
    """Few wrong sides, many unsure ones: bindings come to be followed one by one, and are let go again."""

    def __init__(self, seed: int, fixes: int) -> None:
        super().__init__(seed, fixes)
        self.active_intervals = self.pick(1, 2)
        self.raster_ms = self.pick(1_000, 30_000, MINUTE_MS)
        lateness_ms = self.pick(60_000, 300_000, 300_000, 900_000)
        self.policy = replace(self.policy, allowed_lateness_ms=lateness_ms)
        self._home = self.lon, self.lat

    def _version(self, first: Fence, span: tuple[int, int]) -> Fence:
        return self._often_open(super()._version(first, span))

    def _versions(self, number: int) -> list[Fence]:
        return [self._often_open(fence) for fence in super()._versions(number)]

    def _often_open(self, fence: Fence) -> Fence:
        """Windows all day long, some minutes each; now and then side by side."""
        if self.happens(0.3):
            return replace(fence, schedule=None)
        every, most = self.pick(7, 13, 23), self.pick(4, 10, 30)
        starts = [start for start in range(0, 1440, every) if self.happens(0.7)]
        windows = [(start, min(start + self.chance.randint(1, most), 1439)) for start in starts]
        texts = [f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in windows if a < b]
        return replace(fence, schedule=parse_schedule([",".join(texts)]))

    def _late_ms(self) -> int:
        lateness_ms = self.policy.allowed_lateness_ms
        if self.happens(0.6):
            return int(self.pick(0, 0, 0, 1_000, -60_000, -300_000))
        return self.chance.randint(0, int(self.pick(1.0, 1.0, 1.0, 3.0) * lateness_ms))

    def _position(self, site: Site) -> tuple[float, float]:
        if self.happens(0.15):
            return super()._position(site)
        wobble = self.chance.uniform(-1, 1) * self.pick(0.0001, 0.002)
        return min(self._home[0] + wobble, 180.0), self._home[1] + wobble
