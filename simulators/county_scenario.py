"""``county``: a county's people through their days, with misdeeds and innocent look-alikes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geofences.instant import EPOCH
from pipeline.sites.policy import Policy
from pipeline.sites.records import Leave, Office
from simulators.chance import stream
from simulators.checkins import CheckinMaker, Checkins, Missed
from simulators.connection import Troubles, offline_spells
from simulators.ground import Ground, find_ground
from simulators.leaves import granted
from simulators.misdeeds import ON_LEAVE, Rates, Trip, go_astray, switched_off, unseen
from simulators.movement import Tracks, walk
from simulators.names import office_name
from simulators.orders import PlannedFence, Zones, county_fence, home_fences, route_fences, zones
from simulators.population import Population, Shares, people
from simulators.reporting import Air, Reporter
from simulators.request import Request, Summary, summary, write_pings
from simulators.roads import Ways, ordinary_ways
from simulators.routine import ordinary_days
from simulators.site_writer import write_site, write_truth
from simulators.stream_writer import PingFile, write_confirmations
from simulators.truth import Incident, Witness

#: Purposes of chance: one generator each.
_GROUND, _PEOPLE, _WAYS, _DAYS, _ZONES, _MISDEEDS, _OFF, _OFFLINE, _CHECKINS, _PHONES, _BANDS = range(11)

PHONE_MS, WRISTBAND_MS = 600_000, 60_000
_POLICY = 'version = "simulated"\n'


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """A county's life as it was really lived: everything that the streams are made from."""

    folk: Population
    ground: Ground
    tracks: Tracks
    fences: list[PlannedFence]
    trips: list[Trip]
    leaves: list[Leave]
    midnight_ms: NDArray[np.int64]


def county(request: Request) -> Summary:
    """Play the scenario and write all its files."""
    life = live(request)
    troubles, rates, bounds_ms = Troubles(), Rates(), request.bounds_ms
    busy = np.array([trip.person for trip in life.trips], np.int64)
    off = switched_off(life.folk, busy, bounds_ms, rates.switched_off, stream(request.seed, _OFF))
    rng = stream(request.seed, _OFFLINE)
    hidden = unseen(life.trips, bounds_ms, troubles.unseen, rng)
    offline = offline_spells(life.folk, *bounds_ms, troubles, off.device, hidden, rng)
    air = Air(offline, off, troubles)
    checkins, missed = _check_in(life, request, air, rates)
    offices = office_tree(len(life.folk.town_m))
    write_site(request.out / "site", life.folk, offices, life.fences, life.leaves, _POLICY)
    ids = life.folk.device_ids
    write_confirmations(request.out / "confirmations.parquet", checkins, ids, life.folk.person_ids)
    with PingFile(request.out / "pings.parquet", ids, bounds_ms[1]) as file:
        write_pings(request, file, _reporters(life.folk, request), life.tracks, life.ground.plane, air)
    incidents = _truth(life, request, air, missed, _heard(file, checkins))
    write_truth(request.out / "truth.ndjson", incidents)
    alike = _look_alikes(life, incidents)
    return summary(request, len(ids), (file.rows_written, len(checkins)), incidents, alike)


def office_tree(judicial_offices: int) -> list[Office]:
    """A county with its judicial offices."""
    below = [
        Office(f"O{number:02d}", "C01", office_name(number), "judicial_office")
        for number in range(1, judicial_offices + 1)
    ]
    return [Office("C01", None, "县社区矫正管理局", "county"), *below]


def live(request: Request) -> Life:
    """Everybody's life, misdeeds included, before any receiver or network has to do with it."""
    seed = request.seed
    ground = find_ground(request.place, request.boundary, stream(seed, _GROUND))
    folk = people(request.people, ground, Shares(), stream(seed, _PEOPLE))
    ways = ordinary_ways(folk, ground, stream(seed, _WAYS))
    midnight_ms, weekday = _days(request.bounds_ms)
    plan = ordinary_days(folk, midnight_ms, weekday, stream(seed, _DAYS))
    kept_out = zones(folk, ground, walk(plan, ways), stream(seed, _ZONES))
    rng = stream(seed, _MISDEEDS)
    trips = go_astray(folk, plan, ways, ground, kept_out, request.bounds_ms, Rates(), rng)
    leaves = granted(trips, folk, ways, ground)
    fences = _fences(folk, ways, ground, kept_out)
    return Life(folk, ground, walk(plan, ways), fences, trips, leaves, midnight_ms)


def _fences(folk: Population, ways: Ways, ground: Ground, kept_out: Zones) -> list[PlannedFence]:
    homes = home_fences(folk, ground, np.flatnonzero(folk.curfew))
    return [county_fence(folk, ground), *homes, *route_fences(folk, ways, ground), *kept_out.fences]


def _days(bounds_ms: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Local midnights of the days touched, and their weekdays (Monday is 0)."""
    zone = ZoneInfo(Policy().timezone)
    first, last = ((EPOCH + timedelta(milliseconds=ms)).astimezone(zone).date() for ms in bounds_ms)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    midnights = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in days]
    milliseconds = [(midnight - EPOCH) // timedelta(milliseconds=1) for midnight in midnights]
    return np.array(milliseconds), np.array([day.weekday() for day in days])


def _check_in(life: Life, request: Request, air: Air, rates: Rates) -> tuple[Checkins, list[Missed]]:
    maker = CheckinMaker(
        life.folk,
        life.tracks,
        Policy(),
        request.bounds_ms,
        air.offline,
        air.off,
        air.troubles,
        rates.missed_window,
        stream(request.seed, _CHECKINS),
    )
    checkins = maker.make(life.midnight_ms, life.ground.plane)
    return checkins, maker.missed


def _reporters(folk: Population, request: Request) -> list[Reporter]:
    kinds = (
        (~folk.wristband, request.interval_ms or PHONE_MS, _PHONES),
        (folk.wristband, WRISTBAND_MS, _BANDS),
    )
    return [
        Reporter(
            np.flatnonzero(devices),
            folk.device_person[devices],
            interval_ms,
            request.bounds_ms,
            request.seed,
            stream(request.seed, purpose),
        )
        for devices, interval_ms, purpose in kinds
        if devices.any()
    ]


def _heard(file: PingFile, checkins: Checkins) -> tuple[int, int]:
    """The first and the last arrival of both streams; nothing heard is never and always."""
    arrived = [ms for ms in (file.first_ms, file.last_ms) if ms is not None]
    arrived += checkins.arrival_ms[[0, -1]].tolist() if len(checkins) else []
    return (min(arrived), max(arrived)) if arrived else (1 << 60, 0)


def _truth(
    life: Life, request: Request, air: Air, missed: list[Missed], heard_ms: tuple[int, int]
) -> list[Incident]:
    witness = Witness(
        life.folk,
        life.tracks,
        life.ground,
        life.trips,
        life.leaves,
        request.bounds_ms,
        Policy().timezone,
    )
    return [
        *witness.of_places(life.fences),
        *witness.of_silence(air.off, air.offline),
        *witness.of_windows(missed, heard_ms),
    ]


def _look_alikes(life: Life, incidents: list[Incident]) -> dict[str, int]:
    trips = Counter(trip.kind for trip in life.trips)
    outages = sum(incident.note.startswith("no network") for incident in incidents)
    return {
        "home_at_the_line": int(life.folk.near_line.sum()),
        "away_on_leave": trips[ON_LEAVE],
        "outage_with_backfill": outages,
    }
