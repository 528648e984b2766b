"""Accepted rows with whose they are: what the map, the track archive and last contacts are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geofences.appending import Appending
from geofences.instant import BEGIN_MS
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.grafting import SubjectGraft
from pipeline.engine.subject_table import Ints, build_subject_table
from pipeline.ping import CONFIRMATION, PingBatch
from pipeline.sites.policy import SOURCES
from pipeline.stream.batteries import Batteries
from pipeline.stream.division import Division
from pipeline.stream.readings import NOT_GIVEN
from sinks.positions import Contact


@dataclass(frozen=True, slots=True, eq=False)
class Whereabouts:
    """Fixes of supervised people as columns, shape (n,); texts as lists."""

    person_id: list[str]
    device_id: list[str]
    office_id: list[str]
    kind: list[str]
    event_ms: NDArray[np.int64]
    arrival_ms: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    source: list[str | None]

    def __len__(self) -> int:
        return len(self.event_ms)


class Locator:
    """Knows whose every device is at every time; fixes of nobody under supervision are left out."""

    def __init__(self, division: Division) -> None:
        """All people and devices of a site, in one shard."""
        self._subjects = build_subject_table(division, 0)
        self._office_number: dict[str, int] = {}
        #: The office of each row of people as a number.
        self._office = Appending(self._numbered(self._subjects.row_office))

    @classmethod
    def of(cls, compiled: CompiledSite) -> Locator:
        """That of a site that was compiled whole."""
        return cls(compiled.division.together(compiled.site))

    def _numbered(self, offices: Sequence[str]) -> NDArray[np.int64]:
        number = self._office_number
        for office in dict.fromkeys(offices):
            number.setdefault(office, len(number))
        return np.fromiter(map(number.__getitem__, offices), np.int64, len(offices))

    def follow(self, compiled: CompiledSite) -> None:
        """The site has changed by what was spliced into the compiled one."""
        assert compiled.splice is not None, "else a new one is made"
        subjects = self._subjects
        subjects.device_ids = compiled.division.device_ids
        rows = len(subjects.row_office)
        SubjectGraft(subjects, compiled.splice.rows, compiled.division, 0, 1).make()
        self._office.also(self._numbered(subjects.row_office[rows:]))

    def unsupervised(self, at_ms: int) -> list[str]:
        """The devices that nobody under supervision carries at an instant."""
        subjects = self._subjects
        device = np.arange(len(subjects.device_ids))
        at = np.full(len(device), at_ms)
        binding = subjects.bindings.at(device, at)
        person = np.where(binding >= 0, subjects.binding_person[binding], -1)
        over = np.flatnonzero(subjects.rows.at(person, at) < 0)
        return [subjects.device_ids[number] for number in over.tolist()]

    def whereabouts(self, rows: PingBatch) -> Whereabouts:
        """The rows with a position, of devices bound to a supervised person at their event time."""
        subjects = self._subjects
        person, row = self._bearers(rows)
        kept = np.flatnonzero((row >= 0) & ~np.isnan(rows.lon))
        fixes, row, person = rows.select(kept), row[kept].tolist(), person[kept].tolist()
        return Whereabouts(
            person_id=[subjects.person_ids[number] for number in person],
            device_id=[subjects.device_ids[number] for number in fixes.device.tolist()],
            office_id=[subjects.row_office[number] for number in row],
            kind=["confirmation" if kind == CONFIRMATION else "ping" for kind in fixes.kind.tolist()],
            event_ms=fixes.event_ms,
            arrival_ms=fixes.arrival_ms,
            lon=fixes.lon,
            lat=fixes.lat,
            accuracy_m=fixes.accuracy_m,
            source=[SOURCES[source] if source >= 0 else None for source in fixes.source.tolist()],
        )

    def contacts(self, rows: PingBatch, batteries: Batteries | None) -> list[Contact]:
        """When each device was last heard and what its battery was, one for each device.

        Rows of any kind count, of devices bound to a supervised person at their event time; who that was
        at a device's newest event time is whose contact it is, and rows of others' times are left out.
        """
        subjects = self._subjects
        person, row = self._bearers(rows)
        owner = np.where(row >= 0, person * len(subjects.row_office) + self._office.cells[row], -1)
        order = np.lexsort((rows.event_ms, rows.device))  # stable: at one event time in the order of the log
        order = order[owner[order] >= 0]
        newest = order[_ends(rows.device[order])]
        owner_of = np.full(len(subjects.device_ids), -1, np.int64)
        owner_of[rows.device[newest]] = owner[newest]
        order = order[owner[order] == owner_of[rows.device[order]]]
        arrival_ms = np.full(len(subjects.device_ids), BEGIN_MS)
        np.maximum.at(arrival_ms, rows.device[order], rows.arrival_ms[order])
        battery = _batteries(rows, order, batteries)
        return [
            Contact(
                device_id=subjects.device_ids[device],
                person_id=subjects.person_ids[int(person[place])],
                office_id=subjects.row_office[int(row[place])],
                event_ms=int(rows.event_ms[place]),
                arrival_ms=int(arrival_ms[device]),
                **battery.get(device, {}),
            )
            for device, place in zip(rows.device[newest].tolist(), newest.tolist(), strict=True)
        ]

    def _bearers(self, rows: PingBatch) -> tuple[Ints, Ints]:
        """The person and the row of people.csv of each row (n,) at its event time, -1 where there is none."""
        subjects = self._subjects
        binding = subjects.bindings.at(rows.device.astype(np.int64), rows.event_ms)
        person = np.where(binding >= 0, subjects.binding_person[binding], -1)
        return person, subjects.rows.at(person, rows.event_ms)


def _ends(sorted_device: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where the last row of each device stands among rows sorted by device."""
    return np.append(sorted_device[1:] != sorted_device[:-1], True)[: len(sorted_device)]


def _batteries(
    rows: PingBatch, order: NDArray[np.intp], batteries: Batteries | None
) -> dict[int, dict[str, Any]]:
    """The newest reading of each device that has one; ``order`` sorts rows by device and event time."""
    if batteries is None:
        return {}
    order = order[~np.isnan(batteries.pct[order])]
    newest = order[_ends(rows.device[order])]
    return {
        int(rows.device[place]): {
            "battery_pct": float(batteries.pct[place]),
            "charging": None if batteries.charging[place] == NOT_GIVEN else bool(batteries.charging[place]),
            "battery_ms": int(rows.event_ms[place]),
        }
        for place in newest.tolist()
    }
