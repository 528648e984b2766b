"""The log of fixes against a plain list that forgets nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from engine.engine_run import to_batch
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.holidays import load_builtin
from pipeline.engine.boundary import fix_log
from pipeline.engine.boundary.fix_log import FixLog
from pipeline.ping import CONFIRMATION, PING
from pipeline.reference import ReferenceRow
from pipeline.sites.policy import Policy
from pipeline.sites.records import Binding, Person, Site

DEVICES = 3
SITE = Site(
    Policy(),
    (),
    (Person("P", "P", "O", "strict"),),
    tuple(Binding(f"D{n}", "P", "phone") for n in range(DEVICES)),
    (),
    (),
    load_builtin(),
)


@dataclass(frozen=True)
class Listed:
    """A fix in the plain list, with its binding and whether it came too late to be put in its place."""

    row: ReferenceRow
    binding: int
    backfill: bool


#: Binding, event time, confirmation or ping: one fix. Few distinct times, so that many coincide.
fixes = st.lists(st.tuples(st.integers(0, DEVICES - 1), st.integers(0, 30), st.booleans()), max_size=40)


def listed(drawn: Sequence[tuple[int, int, bool]], lateness_ms: int) -> list[Listed]:
    newest = [-1] * DEVICES
    found = []
    for arrival_ms, (binding, event_ms, confirmed) in enumerate(drawn, start=100):
        lon = float(arrival_ms * 17 % 41)  # no two alike, or one would be the other sent again
        row = ReferenceRow(
            CONFIRMATION if confirmed else PING, f"D{binding}", event_ms, arrival_ms, arrival_ms,
            lon, 1.0, lon, 1.0, face_ok=confirmed,
        )  # fmt: skip
        found.append(Listed(row, binding, event_ms < newest[binding] - lateness_ms))
        newest[binding] = max(newest[binding], event_ms)
    return found


def appended(log: FixLog, rows: Sequence[Listed]) -> None:
    if rows:
        binding = np.array([row.binding for row in rows], np.int64)
        backfill = np.array([row.backfill for row in rows], np.bool_)
        radius_m, source = np.full(len(rows), 20.0), np.zeros(len(rows), np.int8)
        log.append(to_batch(SITE, [row.row for row in rows]), binding, radius_m, source, backfill)


def arrivals(rows: Sequence[Listed]) -> list[int]:
    """In judged order, told by their arrivals, which are all different."""
    return [row.row.arrival_ms for row in sorted(rows, key=lambda row: row.row.order())]


@given(fixes, st.integers(0, 12), st.data())
@settings(max_examples=50, derandomize=True, deadline=None)
def test_walks_find_what_a_list_has(
    drawn: list[tuple[int, int, bool]], lateness_ms: int, data: st.DataObject
) -> None:
    rows = listed(drawn, lateness_ms)
    log = FixLog(DEVICES)
    cut = data.draw(st.integers(0, len(rows)))
    appended(log, rows[:cut])
    appended(log, rows[cut:])
    upto = data.draw(st.integers(0, len(rows)))
    for binding in range(DEVICES):
        mine = [row for row in rows[:upto] if row.binding == binding]
        from_ms = max((row.row.event_ms for row in mine), default=0) - lateness_ms
        live = [row for row in mine if not row.backfill]
        older = [row for row in live if row.row.event_ms < from_ms]
        window = [*arrivals(older)[-1:], *arrivals([row for row in live if row.row.event_ms >= from_ms])]
        assert [fix.arrival_ms for fix in log.window(binding, from_ms, upto)] == window
        any_ms = data.draw(st.integers(0, 30))
        later = [row for row in mine if row.row.event_ms >= any_ms]
        assert [fix.arrival_ms for fix in log.since(binding, any_ms, upto)] == arrivals(later)
        backfill = arrivals([row for row in later if row.backfill])
        assert [fix.arrival_ms for fix in log.backfill_of(binding, any_ms, upto)] == backfill


def test_a_late_fix_may_be_the_newest_before_a_window() -> None:
    """Made at 10, 20, 16 (late by less than five) and 22: before a window from 17 on comes that of 16."""
    log = FixLog(DEVICES)
    appended(log, listed([(0, 10, False), (0, 20, False), (0, 16, False), (0, 22, False)], lateness_ms=5))
    assert [fix.event_ms for fix in log.window(0, 17, 4)] == [16, 20, 22]


@given(fixes, st.integers(0, 12), st.integers(0, 30))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_forgetting_keeps_what_may_still_count(
    drawn: list[tuple[int, int, bool]], lateness_ms: int, horizon_ms: int
) -> None:
    rows = listed(drawn, lateness_ms)
    log = FixLog(DEVICES)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fix_log, "_FORGET_FROM", 5)
        log = FixLog(DEVICES)
        for begin in range(0, len(rows), 7):
            appended(log, rows[begin : begin + 7])
            log.forget(horizon_ms, lateness_ms)
    for binding in range(DEVICES):
        mine = [row for row in rows if row.binding == binding]
        if not mine:
            assert log.newest_row[binding] == -1
            continue
        newest_ms = max(row.row.event_ms for row in mine)
        later = arrivals([row for row in mine if row.row.event_ms >= max(horizon_ms, 0)])
        assert [fix.arrival_ms for fix in log.since(binding, horizon_ms, len(log))] == later
        assert log.newest_ms[binding] == newest_ms
        assert log.fixes([int(log.newest_row[binding])])[0].event_ms == newest_ms
        window = [fix.arrival_ms for fix in log.window(binding, newest_ms - lateness_ms, len(log))]
        inside = [r for r in mine if not r.backfill and r.row.event_ms >= newest_ms - lateness_ms]
        assert window[-len(inside) :] == arrivals(inside)


def test_a_fix_comes_back_as_it_was_given() -> None:
    """With the order among fixes of one instant that its given values make."""
    shifted = ReferenceRow(PING, "D1", 5, 9, 8, 106.5, 29.6, 106.49, 29.61, accuracy_m=7.5, source="wifi")
    face = ReferenceRow(CONFIRMATION, "D1", 5, 9, 9, 106.5, 29.6, 106.5, 29.6, face_ok=True, challenge_id="é")
    nameless = replace(face, challenge_id=None)
    rows = [Listed(row, 1, False) for row in (face, nameless, shifted)]
    log = FixLog(DEVICES)
    appended(log, rows)
    kept = log.fixes(range(3))
    assert [fix.confirmed for fix in kept] == [True, True, False]
    assert (kept[2].lon, kept[2].accuracy_m, kept[2].radius_m) == (106.5, 7.5, 20.0)
    assert sorted(range(3), key=lambda n: kept[n].key) == [2, 1, 0], "pings first, then nothing before a name"
    assert bool(log.tied[1])
    assert [fix.arrival_ms for fix in log.window(1, 5, 3)] == [9, 9, 9]
