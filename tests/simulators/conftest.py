"""One simulated county that several tests look at, and the life it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from geofences.instant import instant_ms
from simulators.county_scenario import Life, live
from simulators.ground import Place
from simulators.request import Request, Summary
from simulators.scenario import DEFAULT_START, simulate

PEOPLE, HOURS, SEED = 300, 26, 5


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """300 people from Monday midnight to Tuesday two o'clock on a made-up county."""
    out = tmp_path_factory.mktemp("county")
    return simulate("county", PEOPLE, HOURS, SEED, out, boundary="made_up")


@pytest.fixture(scope="session")
def lived() -> Life:
    """What the people of ``county`` really did."""
    start_ms = instant_ms(DEFAULT_START)
    bounds_ms = (start_ms, start_ms + HOURS * 3_600_000)
    request = Request(
        "county", PEOPLE, bounds_ms, SEED, Path(), lambda done, total: None, None, "made_up", Place()
    )
    return live(request)
