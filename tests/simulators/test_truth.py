"""The truth says what really happened: no less, and no more."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from geofences.distance import signed_distance_m
from geofences.instant import instant_ms
from pipeline.sites.load import load_site
from pipeline.sites.policy import Policy
from pipeline.sites.records import Site
from simulators.county_scenario import Life
from simulators.request import Summary

MINUTE_MS = 60_000

# A flat map bends by less than this over the width of a fence, and a millisecond of driving is less.
NEAR_M = 1.0


@dataclass(frozen=True)
class Told:
    kind: str
    person_id: str
    device_id: str | None
    fence_id: str | None
    from_ms: int
    to_ms: int
    note: str


@pytest.fixture(scope="module")
def told(county: Summary) -> list[Told]:
    lines = map(json.loads, county.truth_file.read_text().splitlines())
    return [
        Told(
            line["kind"],
            line["person_id"],
            line["device_id"],
            line["fence_id"],
            instant_ms(line["from"]),
            instant_ms(line["to"]),
            line["note"],
        )
        for line in lines
    ]


@pytest.fixture(scope="module")
def site(county: Summary) -> Site:
    return load_site(county.site)


def where(lived: Life, person: int, time_ms: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    at_m = lived.tracks.at(np.full(len(time_ms), person), time_ms).at_m
    lon, lat = lived.ground.plane.to_degrees(at_m).T
    return lon, lat


def test_there_is_something_to_tell(told: list[Told], county: Summary) -> None:
    notes = defaultdict(set)
    for incident in told:
        notes[incident.kind].add(incident.note)
    assert notes["boundary_violation"] >= {"went away without leave", "went out at night"}
    assert notes["boundary_violation"] >= {"leave approved only later", "stayed beyond the leave"}
    assert "went there on purpose" in notes["zone_entry"]
    assert notes["silent_device"] == {"switched off", "no network, uploaded later"}
    assert "no confirmation" in notes["missed_confirmation"]
    assert [incident.from_ms for incident in told] == sorted(incident.from_ms for incident in told)
    assert sum(county.incidents.values()) == len(told)
    assert min(county.look_alikes.values()) > 0
    for incident in told:
        assert county.start_ms <= incident.from_ms < incident.to_ms <= county.end_ms


def test_whoever_is_told_of_was_on_the_wrong_side(told: list[Told], site: Site, lived: Life) -> None:
    fences = {fence.fence_id: fence for fence in site.fences}
    person_number = {person_id: number for number, person_id in enumerate(lived.folk.person_ids)}
    checked = 0
    for incident in told:
        if incident.kind not in ("boundary_violation", "zone_entry"):
            continue
        fence = fences[incident.fence_id or ""]
        time_ms = np.linspace(incident.from_ms, incident.to_ms, 50).astype(np.int64)
        d_m = signed_distance_m(fence.area, *where(lived, person_number[incident.person_id], time_ms))
        assert ((d_m if fence.rule == "keep_in" else -d_m) > -NEAR_M).all(), incident
        checked += 1
    assert checked > 10


def test_nobody_else_ever_left_the_county(told: list[Told], site: Site, lived: Life) -> None:
    """The only others outside are on leave, within its circle."""
    area = next(fence.area for fence in site.fences if fence.fence_id == "county")
    time_ms = np.arange(lived.midnight_ms[0], lived.midnight_ms[0] + 26 * 3_600_000, 5 * MINUTE_MS)
    excused = defaultdict(list)
    for incident in told:
        if incident.fence_id == "county":
            excused[incident.person_id].append((incident.from_ms, incident.to_ms))
    for leave in site.leaves:
        since_ms = max(leave.valid_from_ms, leave.approved_at_ms)
        excused[leave.person_id].append((since_ms, leave.valid_to_ms))
    for number, person_id in enumerate(lived.folk.person_ids):
        open_to_ms = np.ones(len(time_ms), np.bool_)
        for from_ms, to_ms in excused[person_id]:
            open_to_ms &= (time_ms < from_ms) | (time_ms > to_ms)
        d_m = signed_distance_m(area, *where(lived, number, time_ms[open_to_ms]))
        assert (d_m < NEAR_M).all(), person_id


def test_fixes_lie_about_as_far_off_as_they_claim(county: Summary, lived: Life) -> None:
    pings = pl.read_parquet(county.pings_file).filter(
        pl.col("lon").is_not_null() & pl.col("device_id").str.starts_with("D")
    )
    person = pings["device_id"].str.slice(1).cast(pl.Int64).to_numpy() - 1
    time_ms = pings["event_time"].dt.epoch("ms").to_numpy()
    true_m = lived.tracks.at(person, time_ms).at_m
    seen_m = lived.ground.plane.to_metres(pings.select("lon", "lat").to_numpy())
    off = np.hypot(*(seen_m - true_m).T) / pings["accuracy_m"].to_numpy()
    for source in ("gnss", "wifi", "fused"):
        within = (off[(pings["source"] == source).to_numpy()] < 1).mean()
        assert 0.60 < within < 0.76, f"{source} claims 68 %"
    cell = off[(pings["source"] == "cell").to_numpy()]
    assert 0.01 < (cell > 2).mean() < 0.15, "a few cell fixes lie, far off"
    assert 0.001 < (off > 4).mean() < 0.05


def test_a_device_told_silent_is_silent_and_no_other(told: list[Told], county: Summary, site: Site) -> None:
    arrived = pl.concat(
        pl.read_parquet(file).select("device_id", "arrival_time")
        for file in (county.pings_file, county.confirmations_file)
    ).sort("arrival_time")
    silent = {(told_of.device_id, told_of.from_ms) for told_of in told if told_of.kind == "silent_device"}
    level_ms = {binding.device_id: Policy().silence_ms[binding.kind][0] for binding in site.bindings}
    end_ms = int(arrived["arrival_time"].dt.epoch("ms")[-1])
    for (device_id,), rows in arrived.group_by(["device_id"]):
        heard_ms = np.append(rows["arrival_time"].dt.epoch("ms").to_numpy(), end_ms)
        gaps = np.flatnonzero(np.diff(heard_ms) > level_ms[str(device_id)])
        told_ms = sorted(from_ms for device, from_ms in silent if device == device_id)
        assert len(gaps) == len(told_ms), device_id
        for gap, from_ms in zip(gaps, told_ms, strict=True):
            assert heard_ms[gap] - 5 * MINUTE_MS < from_ms < heard_ms[gap + 1], device_id


def test_every_window_is_kept_unless_told(told: list[Told], county: Summary, site: Site) -> None:
    """Windows owed within the first day: those of the class, begun and due while somebody listened."""
    policy = Policy()
    good = pl.read_parquet(county.confirmations_file).filter("face_ok")
    phones = {binding.device_id: binding.person_id for binding in site.bindings if binding.kind == "phone"}
    made = defaultdict(list)
    for device_id, event, arrival in good.select(
        "device_id", pl.col("event_time").dt.epoch("ms"), pl.col("arrival_time").dt.epoch("ms")
    ).iter_rows():
        made[phones[device_id]].append((event, arrival))
    missed = {
        (told_of.person_id, told_of.from_ms) for told_of in told if told_of.kind == "missed_confirmation"
    }
    owed = 0
    for person in site.people:
        for window in policy.windows[person.class_name]:
            start_ms = county.start_ms + window.start_min * MINUTE_MS
            due_ms = county.start_ms + window.end_min * MINUTE_MS + policy.grace_ms
            kept = any(
                start_ms <= event_ms <= due_ms and arrival_ms <= due_ms
                for event_ms, arrival_ms in made[person.person_id]
            )
            assert kept != ((person.person_id, start_ms) in missed), (person, window)
            owed += 1
    assert owed > 500
    assert len(missed) >= 2
