"""Accepted fixes with whose they are: what the map and the track archive are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.division import divide
from pipeline.ping import CONFIRMATION, PingBatch
from pipeline.policy import SOURCES
from pipeline.roster import build_roster
from pipeline.sites.records import Site


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

    def __init__(self, site: Site) -> None:
        self._roster = build_roster(divide(site, 1), 0)

    def unsupervised(self, at_ms: int) -> list[str]:
        """The devices that nobody under supervision carries at an instant."""
        roster = self._roster
        device = np.arange(len(roster.device_ids))
        at = np.full(len(device), at_ms)
        binding = roster.bindings.at(device, at)
        person = np.where(binding >= 0, roster.binding_person[binding], -1)
        over = np.flatnonzero(roster.rows.at(person, at) < 0)
        return [roster.device_ids[number] for number in over.tolist()]

    def whereabouts(self, rows: PingBatch) -> Whereabouts:
        """The rows with a position, of devices bound to a supervised person at their event time."""
        roster = self._roster
        binding = roster.bindings.at(rows.device.astype(np.int64), rows.event_ms)
        person = np.where(binding >= 0, roster.binding_person[binding], -1)
        row = roster.rows.at(person, rows.event_ms)
        kept = np.flatnonzero((row >= 0) & ~np.isnan(rows.lon))
        fixes, row, person = rows.take(kept), row[kept].tolist(), person[kept].tolist()
        return Whereabouts(
            person_id=[roster.person_ids[number] for number in person],
            device_id=[roster.device_ids[number] for number in fixes.device.tolist()],
            office_id=[roster.row_office[number] for number in row],
            kind=["confirmation" if kind == CONFIRMATION else "ping" for kind in fixes.kind.tolist()],
            event_ms=fixes.event_ms,
            arrival_ms=fixes.arrival_ms,
            lon=fixes.lon,
            lat=fixes.lat,
            accuracy_m=fixes.accuracy_m,
            source=[SOURCES[source] if source >= 0 else None for source in fixes.source.tolist()],
        )
