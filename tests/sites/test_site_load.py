"""A site is loaded whole with everything resolved, or not at all with every fault told."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import shapely
from case_files import SHARED_CASES, Case, case_name, cases_in
from minimal_site import WHOLE, write_site

from geofences.area import Area
from geofences.crs import area_to_wgs84
from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.errors import Fault, PipelineError, SiteError
from pipeline.sites.load import check_site, load_site
from pipeline.sites.people import DEVICE_COLUMNS, PEOPLE_COLUMNS
from pipeline.sites.records import Binding, Leave, Office, Person

CASES = cases_in(Path(os.environ.get("FENCEWATCH_CASES", SHARED_CASES)))


def test_rows_as_the_engine_wants_them(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path))
    year = instant_ms("2025-01-01T00:00:00+08:00"), instant_ms("2026-01-01T00:00:00+08:00")
    july = instant_ms("2025-07-01T00:00:00Z"), instant_ms("2025-07-02T00:00:00Z")
    assert site.offices == (
        Office("C1", None, "County", "county"),
        Office("O1", "C1", "Office", "judicial_office"),
    )
    assert site.people == (
        Person("P1", "Person 1", "O1", "general", BEGIN_MS, END_MS),
        Person("P2", "Person 2", "O1", "strict", *year),
    )
    assert site.bindings == (Binding("D1", "P1", "phone"), Binding("D2", "P2", "wristband"))
    assert site.leaves == (
        Leave("L1", "P1", *july, "work", "travel", ("home",), 106.6, 29.6, 2000.0, BEGIN_MS),
    )
    assert site.policy.version == "test"


def test_fences_have_everything_resolved(tmp_path: Path) -> None:
    home, zone = load_site(write_site(tmp_path)).fences
    assert (home.fence_id, home.name, home.rule, home.group) == ("home", "home", "keep_in", "home")
    assert (home.tolerance_m, home.schedule, home.severity) == (5.0, None, None)
    assert (home.valid_from_ms, home.valid_to_ms) == (BEGIN_MS, END_MS)
    given = Area(shapely.box(106, 29, 107, 30, ccw=True))
    assert home.area.shape.equals(area_to_wgs84(given, "gcj02").shape)

    assert (zone.rule, zone.group, zone.applies_to) == ("keep_out", None, ("class:general", "all"))
    assert (zone.tolerance_m, zone.severity, zone.area.reach_m) == (0.0, 2, 300.0)
    assert zone.area.shape.equals(shapely.Point(106.5, 29.5))
    assert zone.schedule is not None
    assert zone.valid_from_ms == instant_ms("2024-12-31T16:00:00Z")


def test_circles_are_moved_from_their_crs(tmp_path: Path) -> None:
    """All circles of one crs are moved in one go; each must land where it would alone."""
    moved = ("fences.geojson", '"radius_m": 300', '"radius_m": 300, "crs": "bd09"')
    zone = load_site(write_site(tmp_path, moved)).fences[1]
    assert zone.area.reach_m == 300.0
    alone = area_to_wgs84(Area(shapely.Point(106.5, 29.5), 300.0), "bd09").shape
    assert np.allclose(zone.area.shape.coords, alone.coords, rtol=0.0, atol=1e-12)


def test_a_group_and_a_tolerance_of_ones_own(tmp_path: Path) -> None:
    own = ("fences.geojson", '"crs": "gcj02"', '"group": "life", "tolerance_m": 1.5, "name": "Home"')
    home = load_site(write_site(tmp_path, own)).fences[0]
    assert (home.group, home.tolerance_m, home.name) == ("life", 1.5, "Home")


def test_a_sites_own_holidays(tmp_path: Path) -> None:
    own = ("holidays.toml", "", 'version = "own"\n[days_off]\n2090 = ["2090-01-01"]\n')
    assert 2090 in load_site(write_site(tmp_path, own)).holidays.years


def test_broken_holidays_are_a_fault(tmp_path: Path) -> None:
    own = ("holidays.toml", "", 'version = "own"\n[days_off]\n2090 = ["2091-01-01"]\n')
    faults, _ = check_site(write_site(tmp_path, own))
    assert [(fault.file, fault.where) for fault in faults] == [("holidays.toml", "days_off.2090")]


def test_all_faults_of_all_files_at_once(tmp_path: Path) -> None:
    write_site(
        tmp_path,
        ("offices.csv", "Office,judicial_office", "Office,office"),
        ("people.csv", "P1,Person 1,O1,general", "P1,Person 1,O9,vip"),
        ("people.csv", "2026-01-01T00:00:00+08:00", "soon"),
        ("devices.csv", "wristband", "anklet"),
        ("leaves.csv", "home", "mill"),
        ("leaves.csv", "2000", "-1"),
        ("policy.toml", 'version = "test"', 'version = "test"\nspeed = 3'),
        ("policy.toml", "5.0", "-5.0"),
        ("fences.geojson", '"keep_out"', '"keep"'),
        ("fences.geojson", '"crs": "gcj02"', '"crs": "utm"'),
        ("fences.geojson", "[107, 30], [106, 30]", "[106, 30], [107, 30]"),
        ("fences.geojson", "office:C1", "office:C9"),
    )
    with pytest.raises(SiteError) as raised:
        load_site(tmp_path)
    told = {(fault.file, fault.where) for fault in raised.value.faults}
    assert told == {
        ("offices.csv", "row 2, level"),
        ("people.csv", "row 1, office_id"),
        ("people.csv", "row 1, class"),
        ("people.csv", "row 2, valid_to"),
        ("devices.csv", "row 2, kind"),
        ("leaves.csv", "row 1, fence_ids"),
        ("leaves.csv", "row 1, radius_m"),
        ("policy.toml", "speed"),
        ("policy.toml", "boundary.keep_in.tolerance_m"),
        ("fences.geojson", "feature 2 (zone), rule"),
        ("fences.geojson", "feature 1 (home), crs"),
        ("fences.geojson", "feature 1 (home), geometry"),
        ("fences.geojson", "feature 1 (home), applies_to"),
    }
    assert len(str(raised.value).splitlines()) == len(raised.value.faults) == len(told)
    assert isinstance(raised.value, PipelineError)


def test_no_such_directory(tmp_path: Path) -> None:
    faults, _ = check_site(tmp_path / "nowhere")
    assert [fault.where for fault in faults] == ["directory"]


def test_a_fault_is_one_line_whatever_it_quotes() -> None:
    assert str(Fault("people.csv", "row 1, class", "unknown class 'a\nb\x1b'", "c")) == (
        "people.csv: row 1, class: unknown class 'a\\nb\\x1b'; expected c"
    )


@pytest.mark.skipif(not CASES, reason=f"no worked cases in {SHARED_CASES} nor in $FENCEWATCH_CASES")
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_the_sites_of_the_worked_cases_are_sound(case: Case) -> None:
    assert check_site(case.site)[0] == []


def test_work_grows_with_the_site_and_not_with_its_square(tmp_path: Path) -> None:
    """10,000 people with a device and a fence each in one group: quadratic work would take minutes."""
    people = range(10_000)
    write_site(
        tmp_path,
        ("people.csv", WHOLE, _csv(PEOPLE_COLUMNS, [f"P{person},,O1,strict,," for person in people])),
        ("devices.csv", WHOLE, _csv(DEVICE_COLUMNS, [f"D{person},P{person},phone,," for person in people])),
        ("fences.geojson", WHOLE, _collection([_home(person) for person in people])),
        ("leaves.csv", "home,106.6", ",106.6"),
    )
    started_s = time.perf_counter()
    assert check_site(tmp_path) == ([], [])
    assert time.perf_counter() - started_s < 20.0


def _csv(columns: tuple[str, ...], rows: list[str]) -> str:
    return "\n".join([",".join(columns), *rows]) + "\n"


def _collection(features: list[dict[str, object]]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def _home(person: int) -> dict[str, object]:
    selector = f"person:P{person}"
    properties = {"fence_id": f"F{person}", "rule": "keep_in", "group": "home", "applies_to": [selector]}
    geometry = {"type": "Point", "coordinates": [106.5 + person * 1e-6, 29.5]}
    return {
        "type": "Feature",
        "properties": {**properties, "crs": "gcj02", "radius_m": 500},
        "geometry": geometry,
    }
