"""What is old goes a day at a time, and never on the word of a clock that has just jumped."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.host.pace import DAY_MS, MORE_DUE, WAITS, Pace
from sinks.operations_log import OperationsLog

HOUR_MS = DAY_MS // 24
NOON_MS = 1_752_465_600_000


@pytest.mark.parametrize(
    ("hours", "may_remove"),
    [
        # the log's clock in hours, then whether anything may go there
        pytest.param([0, 1, 2], [True] * 3, id="goes-on"),
        pytest.param([0, 23, 24], [True] * 3, id="a-night-and-a-day-of-standstill"),
        pytest.param([0, 25, 30, 48, 49], [True, False, False, False, True], id="more-than-a-day"),
        pytest.param([0, 4800, 4823, 4824], [True, False, False, True], id="two-hundred-days"),
        pytest.param([0, 4800, 0, 1], [True, False, False, False], id="and-back-is-not-to-be-trusted"),
    ],
)
def test_after_a_jump_nothing_goes_for_a_day(
    tmp_path: Path, hours: list[int], may_remove: list[bool]
) -> None:
    for restarts in (False, True):
        path = tmp_path / f"pace-{restarts}.json"
        pace, found = Pace(path), []
        for hour in hours:
            clock_ms = NOON_MS + hour * HOUR_MS
            pace = Pace(path) if restarts else pace
            pace.passed(clock_ms)
            found.append(pace.may_remove(clock_ms))
        assert found == may_remove, f"with a restart before each: {restarts}"


def test_it_says_so(tmp_path: Path) -> None:
    operations = OperationsLog(tmp_path / "operations.ndjson")
    pace = Pace(tmp_path / "pace.json", operations)
    pace.passed(NOON_MS)
    pace.passed(NOON_MS + 200 * DAY_MS)
    pace.report_more(NOON_MS + 201 * DAY_MS, "tracks", 21)
    found = operations.read().items
    assert [event.kind for event in found] == [MORE_DUE, WAITS]
    assert found[0].details == {"what": "tracks", "days": 21}
    assert found[1].details["to"].startswith("2026-01-30")


def test_what_is_no_pace_is_as_if_there_were_none(tmp_path: Path) -> None:
    for content in ("", "[]", '{"clock_ms": "noon", "waits_until_ms": 0}'):
        (tmp_path / "pace.json").write_text(content)
        assert Pace(tmp_path / "pace.json").may_remove(NOON_MS)
