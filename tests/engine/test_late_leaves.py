"""Leaves entered late beside others that are known, and approved later: each authorises what it prevents."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely
from engine.engine_run import ALL
from engine.random_world import LAT, LON, MINUTE_MS, START_MS, World
from engine.test_changing_site import alerts_of_changes

from geofences.area import Area
from geofences.fence import Fence
from geofences.holidays import load_builtin
from geofences.instant import BEGIN_MS, END_MS
from pipeline.ping import PING
from pipeline.reference import ReferenceRow, judge
from pipeline.sites.policy import BoundaryRule, Policy
from pipeline.sites.records import Binding, Leave, Office, Person, Site
from sinks.alert import alert_line

#: Inside the home, away where the known leave allows it, and somewhere else.
HOME, AWAY, ELSEWHERE = (LON, LAT), (LON + 0.1, LAT), (LON + 0.3, LAT)


def _leave(name: str, place: tuple[float, float], from_min: int | None, approved_min: int) -> Leave:
    from_ms = BEGIN_MS if from_min is None else START_MS + from_min * MINUTE_MS
    approved_ms = START_MS + approved_min * MINUTE_MS + 1
    return Leave(name, "P", from_ms, END_MS, "work", "travel", (), *place, 500.0, approved_ms)


def _site(*leaves: Leave) -> Site:
    rule = BoundaryRule(0.0, 1, 0)
    policy = Policy(keep_in=rule, clear_fixes=2, allowed_lateness_ms=0, backfill_horizon_ms=20 * MINUTE_MS)
    home = Fence("home", "home", "keep_in", "home", ("all",), Area(shapely.Point(*HOME), 300.0))
    office, person = Office("O", None, "O", "judicial_office"), Person("P", "P", "O", "lenient")
    return Site(policy, (office,), (person,), (Binding("D", "P", "phone"),), leaves, (home,), load_builtin())


def _rows(*made: tuple[int, tuple[float, float]]) -> list[ReferenceRow]:
    """Minutes and where the person is then."""
    return [
        ReferenceRow(
            PING, "D", START_MS + minute * MINUTE_MS, START_MS + minute * MINUTE_MS,
            lon=lon, lat=lat, given_lon=lon, given_lat=lat, accuracy_m=5.0, source="gnss",
        )
        for minute, (lon, lat) in made
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, ALL])
@pytest.mark.parametrize("renew", [False, True], ids=["going on", "started again"])
def test_a_late_leave_takes_nothing_from_one_that_is_known(size: int, renew: bool) -> None:
    """L1, for the place away, is approved at 60; L2, for elsewhere, is entered at 35, when 5 is long ago.

    From minute 15 on alone, the alert is open already and L1 would clear it; but L1 would have prevented it.

    minute   0i   5X!   25X   30X   |35 late|   40X   50i   55i   |60 approved|   70i
    """
    rows = _rows((0, HOME), (5, AWAY), (25, AWAY), (30, AWAY), (40, AWAY), (50, HOME), (55, HOME), (70, HOME))
    known, late = _leave("L1", AWAY, None, 60), _leave("L2", ELSEWHERE, 20, 35)
    before, site = _site(known), _site(known, late)
    world = World(0, site, rows, None)
    (expected,) = judge(site, world.rows)
    assert (expected.onset_ms, expected.authorised_by) == (START_MS + 5 * MINUTE_MS, "L1")
    changes = [(START_MS, before), (START_MS + 35 * MINUTE_MS, replace(site))]
    found = alerts_of_changes(world, changes, size=size, shards=1, renew=renew)
    assert list(map(alert_line, found)) == [alert_line(expected)]


@pytest.mark.parametrize("size", [1, ALL])
@pytest.mark.parametrize("renew", [False, True], ids=["going on", "started again"])
@pytest.mark.parametrize("prevents", [True, False])
def test_a_late_leave_finds_an_alert_that_is_over(prevents: bool, size: int, renew: bool) -> None:
    """Nobody follows it any more when the leave is entered, and of what was before it nothing is known.

    minute   0h   25X!   30i   31i   36i   |40 entered|   41i     (h: no position; 20 minutes are kept)
    """
    rows = _rows((0, HOME), (25, AWAY), (30, HOME), (31, HOME), (36, HOME), (41, HOME))
    rows[0] = replace(rows[0], lon=None, lat=None, given_lon=None, given_lat=None)
    late = _leave("L1", AWAY if prevents else ELSEWHERE, 22, 40)
    world = World(0, _site(late), rows, None)
    (expected,) = judge(world.site, rows)
    assert (expected.cleared_ms is not None, expected.authorised_by) == (True, "L1" if prevents else None)
    changes = [(START_MS, _site()), (START_MS + 40 * MINUTE_MS, world.site)]
    found = alerts_of_changes(world, changes, size=size, shards=1, renew=renew)
    assert list(map(alert_line, found)) == [alert_line(expected)]
