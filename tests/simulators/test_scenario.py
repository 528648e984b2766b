"""Scenarios as a whole: the same seed gives the same bytes, and what is written can be read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from pipeline.sites.load import check_site, load_site
from pipeline.sites.policy import SOURCES
from simulators import request as request_module
from simulators.errors import ScenarioError
from simulators.ground import Boundary
from simulators.request import Summary
from simulators.scenario import SCENARIOS, simulate

PING_COLUMNS = {
    "device_id": pl.String(),
    "event_time": pl.Datetime("ms", "UTC"),
    "arrival_time": pl.Datetime("ms", "UTC"),
    "lon": pl.Float64(),
    "lat": pl.Float64(),
    "accuracy_m": pl.Float64(),
    "source": pl.String(),
    "speed_mps": pl.Float64(),
}
CONFIRMATION_COLUMNS = {
    "device_id": pl.String(),
    "event_time": pl.Datetime("ms", "UTC"),
    "arrival_time": pl.Datetime("ms", "UTC"),
    "lon": pl.Float64(),
    "lat": pl.Float64(),
    "accuracy_m": pl.Float64(),
    "face_ok": pl.Boolean(),
    "challenge_id": pl.String(),
}
FILES = {
    "confirmations.parquet",
    "pings.parquet",
    "site/devices.csv",
    "site/fences.geojson",
    "site/leaves.csv",
    "site/offices.csv",
    "site/people.csv",
    "site/policy.toml",
    "truth.ndjson",
}


def written(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_the_same_seed_gives_the_same_bytes(scenario: str, tmp_path: Path) -> None:
    for out, seed in (("once", 7), ("again", 7), ("other", 8)):
        simulate(scenario, 60, 3, seed, tmp_path / out, boundary="made_up")
    once, again, other = (written(tmp_path / out) for out in ("once", "again", "other"))
    assert set(once) == FILES
    assert once == again
    assert once["pings.parquet"] != other["pings.parquet"]
    assert once["site/fences.geojson"] != other["site/fences.geojson"]


def test_rows_are_as_the_streams_want_them(county: Summary) -> None:
    pings = pl.read_parquet(county.pings_file)
    confirmations = pl.read_parquet(county.confirmations_file)
    assert dict(pings.schema) == PING_COLUMNS
    assert dict(confirmations.schema) == CONFIRMATION_COLUMNS
    assert len(pings) == county.pings
    assert len(confirmations) == county.confirmations
    for rows in (pings, confirmations):
        assert rows["arrival_time"].is_sorted()
        assert (rows["arrival_time"] > rows["event_time"]).all()
        assert rows["event_time"].null_count() == rows["device_id"].null_count() == 0
    heartbeat = pings["lon"].is_null()
    assert (heartbeat == pings["lat"].is_null()).all()
    assert 0.005 < heartbeat.mean() < 0.1  # type: ignore[operator]
    fixes = pings.filter(~heartbeat)
    assert set(fixes["source"].unique()) <= set(SOURCES)
    assert (fixes["accuracy_m"] >= 2).all()
    assert (fixes["lon"].is_between(105, 108) & fixes["lat"].is_between(28, 31)).all()


def test_the_stream_has_all_its_dirt(county: Summary) -> None:
    pings = pl.read_parquet(county.pings_file)
    late_s = (pings["arrival_time"] - pings["event_time"]).dt.total_seconds()
    doubled = pings.is_duplicated() | pings.select("device_id", "event_time").is_duplicated()
    assert 0.003 < (late_s > 60).mean() < 0.1  # type: ignore[operator]
    assert (late_s > 3_600).sum() > 10, "uploads after hours without a network"
    assert 0.002 < doubled.mean() < 0.02  # type: ignore[operator]
    assert {"gnss", "wifi", "fused", "cell"} == set(pings["source"].drop_nulls())


@pytest.mark.parametrize(
    ("scenario", "people", "hours", "start", "why"),
    [
        ("county", 300, 1.0, "2025-07-14T00:00:00+08:00", "a short night"),
        ("county", 1, 24.0, "2025-07-14T00:00:00+08:00", "a single person"),
        ("county", 1, 0.01, "2025-07-14T00:00:00+08:00", "half a minute: hardly a row"),
        ("county", 40, 60.0, "2025-07-18T17:30:00+08:00", "over a weekend, begun in the afternoon"),
        ("county", 40, 5.0, "2026-01-31T22:00:00+08:00", "past midnight and the end of a month"),
        ("rest", 1, 1.0, "2025-07-14T00:00:00+08:00", "a single person at rest"),
        ("rest", 500, 0.5, "2025-07-14T12:00:00+08:00", "half an hour at noon"),
    ],
)
def test_the_site_has_neither_faults_nor_oddities(
    scenario: str, people: int, hours: float, start: str, why: str, tmp_path: Path
) -> None:
    done = simulate(scenario, people, hours, 3, tmp_path, start=start, boundary="made_up")
    assert check_site(done.site) == ([], []), why
    assert len(load_site(done.site).people) == people
    assert done.pings == pq.read_metadata(done.pings_file).num_rows


def test_a_county_has_every_kind_of_fence(county: Summary) -> None:
    site = load_site(county.site)
    kinds = {(fence.rule, fence.area.shape.geom_type, fence.schedule is not None) for fence in site.fences}
    assert kinds >= {
        ("keep_in", "Polygon", False),  # the county
        ("keep_in", "Point", True),  # a home at night
        ("keep_in", "LineString", True),  # the way to work
        ("keep_out", "Polygon", True),  # a school
        ("keep_out", "Polygon", False),  # a station
        ("keep_out", "Point", False),  # a court order
    }
    assert {office.level for office in site.offices} == {"county", "judicial_office"}
    assert {person.class_name for person in site.people} == {"strict", "general", "lenient"}
    assert any(leave.approved_at_ms > leave.valid_from_ms for leave in site.leaves)


@pytest.mark.parametrize("boundary", ["auto", "made_up"])
def test_slices_of_time_do_not_show(
    boundary: Boundary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_module, "_SLICE_ROWS", 500)
    seen: list[tuple[int, int]] = []
    done = simulate("county", 50, 12, 2, tmp_path, lambda *at: seen.append(at), boundary=boundary)
    file = pq.ParquetFile(done.pings_file)
    assert file.metadata.num_row_groups > 5
    assert pl.read_parquet(done.pings_file)["arrival_time"].is_sorted()
    assert seen == [(number, seen[-1][1]) for number in range(1, len(seen) + 1)]
    assert len(seen) == seen[-1][1]


def test_most_of_a_fleet_at_rest_is_at_rest(tmp_path: Path) -> None:
    done = simulate("rest", 2_000, 0.5, 1, tmp_path, boundary="made_up")
    pings = pl.read_parquet(done.pings_file).unique(["device_id", "event_time"])
    per_device = pings.group_by("device_id").agg(pl.len(), pl.col("speed_mps").median())
    speed = per_device["speed_mps"]
    assert abs(pings.height / 2_000 - 30) < 0.5, "one fix a minute"
    assert 0.82 < (speed < 0.8).mean() < 0.88  # type: ignore[operator]
    assert 0.03 < (speed > 8).mean() < 0.07  # type: ignore[operator]
    assert done.truth_file.read_bytes() == b""
    assert done.confirmations == 0


def test_the_interval_can_be_set(tmp_path: Path) -> None:
    done = simulate("rest", 20, 0.5, 1, tmp_path, interval_s=10, boundary="made_up")
    assert abs(done.pings - 20 * 180) < 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("citty", 10, 1.0, 0), "there are county, rest"),
        (("county", 0, 1.0, 0), "0 people"),
        (("county", 10, 0.0, 0), "0.0 hours"),
        (("county", 10, float("nan"), 0), "nan hours"),
        (("county", 10, 1.0, -1), "seed -1"),
    ],
)
def test_a_senseless_scenario_is_refused(
    arguments: tuple[str, int, float, int], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError, match=said):
        simulate(*arguments, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("start", ["2025-07-14", "2025-07-14T00:00:00", "Monday"])
def test_a_start_needs_an_offset(start: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="expected a time with offset"):
        simulate("county", 1, 1, 0, tmp_path, start=start)
