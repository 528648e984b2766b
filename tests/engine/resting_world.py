"""The people of other random worlds, who now stay where they are for long: on wrong sides and right ones."""

from __future__ import annotations

import random
from dataclasses import replace

from engine.random_world import MINUTE_MS, World, accepted

from pipeline.ping import CONFIRMATION, PING
from pipeline.reference import ReferenceRow

#: How far somebody strolls between two fixes, and how far from where fences are they go at most.
_STROLL_DEG, _AWAY_DEG = 0.0004, 0.012


def orderly(world: World, *, fixes: int = 300) -> World:
    """The same where hardly anybody has a leave, and hardly a fix comes late: what columns are for."""
    chance = random.Random(f"orderly {world.seed}")
    leaves = [leave for leave in world.site.leaves if chance.random() < 0.2]
    tidy = replace(world, site=replace(world.site, leaves=leaves))
    return resting(tidy, fixes=fixes, disorder=chance.choice([0.0, 0.005, 0.03]), elsewhere=0.12)


def resting(world: World, *, fixes: int = 300, disorder: float = 0.1, elsewhere: float = 0.05) -> World:
    """The site of a world with other rows: a fix a minute or so of each device, most of them in order.

    Now and then one comes late, or as backfill (``disorder``: how many), or somebody goes ``elsewhere``, or
    confirms.
    """
    chance = random.Random(f"resting {world.seed}")
    begin_ms = min(row.event_ms for row in world.rows)
    end_ms = max(row.event_ms for row in world.rows)
    spots = [(row.lon, row.lat) for row in world.rows if row.lon is not None and row.lat is not None]
    devices = sorted({row.device_id for row in world.rows})
    each = fixes // len(devices)
    step_ms = max(1_000, min(MINUTE_MS, (end_ms - begin_ms) // each))
    rows = []
    for device_id in devices:
        event_ms = begin_ms + chance.randrange(0, 10) * MINUTE_MS
        lon, lat = _elsewhere(chance, spots)
        for _ in range(each):
            steps = (
                [step_ms, step_ms, step_ms, 2 * step_ms, 0, 1_000] if disorder >= 0.1 else [step_ms, 1_000]
            )
            event_ms += chance.choice(steps)
            if chance.random() < elsewhere:
                lon, lat = _elsewhere(chance, spots)
            lon += chance.uniform(-1, 1) * _STROLL_DEG
            lat += chance.uniform(-1, 1) * _STROLL_DEG / 2
            rows.append(_row(chance, device_id, event_ms, lon, lat, disorder))
    return replace(world, rows=accepted(rows), until_ms=None)


def _elsewhere(chance: random.Random, spots: list[tuple[float, float]]) -> tuple[float, float]:
    lon, lat = chance.choice(spots)
    away_deg = chance.choice([0.0, 0.0, _AWAY_DEG])
    return lon + chance.uniform(-1, 1) * away_deg, lat + chance.uniform(-1, 1) * away_deg / 2


def _row(
    chance: random.Random, device_id: str, event_ms: int, lon: float, lat: float, disorder: float
) -> ReferenceRow:
    is_late = chance.random() >= 1 - disorder
    late_ms = chance.choice([90_000, 290_000, 900_000]) if is_late else chance.choice([0, 200])
    if chance.random() < disorder / 10:
        late_ms = -chance.choice([1_000, 150_000])
    is_confirmed = chance.random() < 0.03
    return ReferenceRow(
        kind=CONFIRMATION if is_confirmed else PING,
        device_id=device_id,
        event_ms=event_ms,
        arrival_ms=event_ms + late_ms,
        given_arrival_ms=event_ms + late_ms,
        lon=lon,
        lat=lat,
        given_lon=lon,
        given_lat=lat,
        accuracy_m=chance.choice([None, 5.0, 25.0, 25.0, 200.0]),
        source=None if is_confirmed else chance.choice([None, "gnss", "gnss", "wifi"]),
        face_ok=is_confirmed and chance.random() < 0.7,
        challenge_id=None,
    )
