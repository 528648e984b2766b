"""What a drawn world is made of: rows of its site as people write them, on a small stretch of ground."""

from __future__ import annotations

from random import Random
from typing import Any

from geofences.instant import instant_ms
from pipeline.sites.documents import TABLES, Document
from pipeline.sites.site_versions import FENCES
from pipeline.sites.toml_text import toml_text
from sinks.alert import instant_text

MINUTE_MS = 60_000
#: A Monday evening, the eve of a holiday, and the last evening of the last year whose holidays are known.
STARTS = ("2025-07-14T10:00:00Z", "2025-09-30T15:10:00Z", "2026-12-31T15:10:00Z")
LON, LAT = 106.5, 29.6
#: Degrees of about 100 m: places on a grid of these meet all sides of the fences.
GRID_DEG = 0.001

TOP = "PR"
OFFICES = ("C1", "C2", "O1", "O2")
CLASSES, KINDS = ("strict", "general", "lenient"), ("phone", "wristband")
PEOPLE, DEVICES, ZONES = ("P0", "P1", "P2", "P3"), ("D0", "D1", "D2", "D3", "D4"), ("F0", "F1", "F2", "F3")
#: Whoever and whatever only changes bring in.
LATER_PEOPLE, LATER_DEVICES, LATER_ZONES = ("P7", "P8"), ("D7", "D8"), ("F7", "F8", "F9")


class RowDrawing:
    """Draws rows without validity; times of day lie in the hour or two from ``start_ms`` on."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.start_ms = instant_ms(self.pick(*STARTS))

    def pick(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def happens(self, share: float) -> bool:
        return self.chance.random() < share

    def office(self, office_id: str) -> Document:
        """C1 and C2 are below the top, O1 and O2 below one of them or, at times, of each other."""
        parents = {"PR": ("",), "C1": ("PR",), "C2": ("PR", "C1")}.get(office_id, ("C1", "C1", "C2", "O1"))
        level = {"P": "province", "C": "county"}.get(office_id[0], "judicial_office")
        parent = self.pick(*(each for each in parents if each != office_id))
        return _row("offices", office_id=office_id, parent_id=parent, name=f"Office {office_id}", level=level)

    def person(self, person_id: str) -> Document:
        office = self.pick("O1", "O1", "O2", "C1")
        return _row(
            "people", person_id=person_id, name=f"Person {person_id}", office_id=office,
            **{"class": self.pick(*CLASSES)},
        )  # fmt: skip

    def device(self, device_id: str, people: list[str]) -> Document:
        return _row("devices", device_id=device_id, person_id=self.pick(*people), kind=self.pick(*KINDS))

    def fence(self, fence_id: str, people: list[str]) -> Document:
        keep_in = self.happens(0.65)
        selectors = ["all", "class:strict", "class:general", "office:PR", "office:C1", "office:C2"]
        selectors += ["office:O1", *(f"person:{name}" for name in people)]
        properties: dict[str, Any] = {
            "fence_id": fence_id, "name": fence_id, "rule": "keep_in" if keep_in else "keep_out",
            "applies_to": self.chance.sample(selectors, self.chance.randint(1, 2)),
        }  # fmt: skip
        if keep_in and self.happens(0.5):
            properties["group"] = "home"
        if self.happens(0.4):
            properties["schedule"] = self.schedule()
        if self.happens(0.4):
            properties["tolerance_m"] = self.pick(0.0, 60.0)
        if self.happens(0.3):
            properties["severity"] = self.pick(1, 4)
        geometry = self._geometry(properties)
        return {"type": "Feature", "properties": properties, "geometry": geometry}

    def _geometry(self, properties: dict[str, Any]) -> Document:
        lon, lat = self.spot(5)
        size = self.chance.randint(2, 8) * GRID_DEG
        if self.happens(0.4):
            properties["radius_m"] = self.pick(150, 300, 700)
            return {"type": "Point", "coordinates": [lon, lat]}
        if self.happens(0.3):
            properties["buffer_m"] = 200
            return {"type": "LineString", "coordinates": [[lon - size, lat], [lon + size, lat + size / 2]]}
        west, south, east, north = (round(at, 6) for at in (lon - size, lat - size, lon + size, lat + size))
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return {"type": "Polygon", "coordinates": [ring]}

    def spot(self, reach: int) -> tuple[float, float]:
        lon = LON + self.chance.randint(-reach, reach) * GRID_DEG
        return round(lon, 6), round(LAT + self.chance.randint(-reach, reach) * GRID_DEG, 6)

    def leave(
        self, leave_id: str, people: list[str], fences: list[str], from_ms: int, to_ms: int
    ) -> Document:
        named = self.happens(0.4) and bool(fences)
        lon, lat = self.spot(8)
        circle = {"lon": lon, "lat": lat, "radius_m": self.pick(300, 900)} if not named else {}
        return _row(
            "leaves", leave_id=leave_id, person_id=self.pick(*people), valid_from=instant_text(from_ms),
            valid_to=instant_text(to_ms), category="work", module="travel",
            fence_ids=";".join(sorted(self.chance.sample(fences, 1))) if named else "", **circle,
        )  # fmt: skip

    def minute(self) -> int:
        """Of the local day, within the hour and a half that the world lives, on a raster of five."""
        local_min = (self.start_ms // MINUTE_MS + 8 * 60) % 1440
        return (local_min // 5 * 5 + self.chance.randrange(0, 90, 5)) % 1440

    def window(self) -> str:
        begin = self.minute()
        end = min(begin + self.pick(5, 15, 40), 1440)
        return f"{_time(begin)}-{_time(end)}"

    def schedule(self) -> list[str]:
        """Open now and then; on holidays otherwise, at times."""
        windows = [f"Mo-Su {self.window()}" for _ in range(self.pick(1, 1, 2))]
        return [*windows, *self.pick([], [], ["PH off"], [f"PH {self.window()}"])]

    def policy(self, version: str) -> Document:
        pick = self.pick
        windows = {name: self._windows() for name in CLASSES}
        return {
            "version": version,
            "timezone": pick("Asia/Shanghai", "Asia/Shanghai", "Asia/Kolkata"),
            "accuracy": {"factor": pick(1.0, 1.0, 2.0), "floor_m": {"gnss": pick(0.0, 20.0)}},
            "boundary": {
                "keep_in": {
                    "tolerance_m": pick(0.0, 50.0),
                    "fixes": pick(1, 1, 2, 3),
                    "dwell_s": pick(0, 0, 120),
                },
                "keep_out": {"tolerance_m": 0.0, "fixes": pick(1, 2), "dwell_s": pick(0, 0, 60)},
                "clear_fixes": pick(1, 2, 3),
                "allowed_lateness_s": pick(0, 120, 300),
                "backfill_horizon_s": pick(604_800, 604_800, 7_200, 1_800),
            },
            "silence": {"phone": pick([200, 500, 1200], [600, 900, 2400]), "wristband": [180, 400, 1000]},
            "confirmation": {"grace_s": pick(60, 300), **windows},
        }

    def _windows(self) -> list[str]:
        found = {text.split("-")[0]: text for text in (self.window() for _ in range(self.pick(0, 1, 2, 3)))}
        return list(found.values())

    def policy_text(self) -> str:
        return toml_text(self.policy("v0"))


def _row(table: str, **cells: Any) -> Document:
    form = TABLES[table]
    return {name: str(cells.get(name, "")) for name in (*form.columns, *form.optional)}


def _time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def id_in(table: str, row: Document) -> Document:
    """What ends a row: its id alone."""
    if table == FENCES:
        return {"fence_id": row["properties"]["fence_id"]}
    column = TABLES[table].id_column
    return {column: row[column]}
