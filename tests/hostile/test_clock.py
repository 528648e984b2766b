"""The machine's clock jumps under a running system, and nothing that it keeps is lost by that."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driven_clock import DrivenSystem
from live_system import RUN, SERVE, Row, Unanswered, until
from minimal_site import WHOLE, write_site
from replay.command_line import invoked

from sinks.alert import instant_text
from sinks.operations_log import OperationsLog
from sinks.positions import PositionStore

HOUR, DAY = 3_600, 86_400
RETENTION = "[retention]\nlog_days = 1\ntracks_days = 2\n"
PEOPLE = """\
person_id,name,office_id,class,valid_from,valid_to
P1,Person One,O1,lenient,,2100-01-01T00:00:00+08:00
"""
#: No windows: those of days that are jumped over would be missed, as after days without power.
POLICY = """\
version = "clock"
[confirmation]
strict = []
general = []
lenient = []
"""
DEVICES = "device_id,person_id,kind,valid_from,valid_to\nD1,P1,phone,,\n"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[DrivenSystem]:
    site = tmp_path / "site"
    site.mkdir()
    leaves = "leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at\n"
    texts = {
        "people.csv": PEOPLE,
        "devices.csv": DEVICES,
        "leaves.csv": leaves,
        "policy.toml": POLICY,
        "fences.geojson": '{"type": "FeatureCollection", "features": []}',
    }
    write_site(site, *((file, WHOLE, text) for file, text in texts.items()))
    with DrivenSystem(tmp_path / "live", site, RETENTION) as running:
        running.start(SERVE, RUN)
        until(lambda: not problems(running), "the server")
        yield running


def row(at_ms: int) -> Row:
    return {"device_id": "D1", "event_time": instant_text(at_ms), "lon": 106.5, "lat": 29.5}


def sent(system: DrivenSystem, at_ms: int) -> dict[str, Any]:
    answer: dict[str, Any] = system.ask("/v1/pings", system.operator, [row(at_ms)])
    return answer


def problems(system: DrivenSystem) -> list[str]:
    """What /readyz complains of; nothing is there before the server is."""
    try:
        found: list[str] = system.ask("/readyz", system.operator)["problems"]
    except Unanswered as answer:
        try:
            found = json.loads(str(answer))["problems"]
        except ValueError:
            return ["nobody answers"]
    return found


def told(system: DrivenSystem) -> list[str]:
    """What the operations log says of the clock, oldest first."""
    found = OperationsLog(system.data / "operations.ndjson").read().items
    return [event.kind for event in reversed(found) if event.kind.startswith(("clock", "retention"))]


def engine_ahead_s(system: DrivenSystem) -> float:
    """How far the log's clock, as the engine has it, is ahead of the true time."""
    return ((system.figures().clock_ms or 0) - system.true_ms()) / 1000


def kept(system: DrivenSystem) -> tuple[list[str], int]:
    """The days of the track archive, and how many people have a latest position."""
    store = PositionStore.open(system.data / "positions.sqlite")
    try:
        people = len(list(store.latest()))
    finally:
        store.close()
    return sorted(day.name for day in (system.data / "tracks").iterdir() if day.is_dir()), people


def test_a_clock_glitch_destroys_nothing(system: DrivenSystem) -> None:
    """200 days ahead for four seconds, then an hour behind; rows are taken all the time."""
    assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
    until(lambda: kept(system)[1] == 1 and kept(system)[0], "a track")
    before = kept(system)
    for ahead_s, said in ((200 * DAY, "ahead of the log's"), (-HOUR, "behind the log's")):
        system.set_wall(ahead_s)
        until(lambda: any("jumped" in line for line in problems(system)), "a problem told")
        assert any(said in line for line in problems(system))
        status = json.loads(system.command("clock", "status", "--json").stdout)
        assert abs(status["doubted_s"] - ahead_s) <= 60
        ends_s = time.monotonic() + 4
        while time.monotonic() < ends_s:
            assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
            time.sleep(0.2)
        gauge = system.text("/metrics")
        assert f"fencewatch_clock_doubted_seconds {'-' if ahead_s < 0 else ''}" in gauge
        assert "fencewatch_clock_doubted_seconds 0.0" not in gauge
        system.set_wall(0)
        until(lambda: not problems(system), "ready again")
    assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
    at_ms = system.true_ms()
    until(lambda: (system.figures().clock_ms or 0) >= at_ms, "the engine")
    assert abs(engine_ahead_s(system)) < 60
    assert kept(system) == before
    assert told(system) == ["clock_held", "clock_returned"] * 2
    assert system.lines() == [], "no gap, no silence, no missed confirmation"


@pytest.mark.soak
def test_a_jump_that_is_right_is_confirmed(system: DrivenSystem) -> None:
    """Rows of the later time are left with their sender until it is known what time it is."""
    later_s = 3 * DAY
    assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
    until(lambda: kept(system)[1] == 1 and kept(system)[0], "a track")
    before = kept(system)
    assert system.command("clock", "confirm").returncode == 2, "there is nothing to confirm"
    system.set_wall(later_s)
    until(lambda: any("jumped" in line for line in problems(system)), "a problem told")
    with pytest.raises(Unanswered, match="send again later"):
        sent(system, system.true_ms() + later_s * 1000)
    done = system.command("clock", "confirm")
    assert done.returncode == 0, done.stderr
    assert sent(system, system.true_ms() + later_s * 1000) == {"accepted": 1, "rejected": []}
    until(lambda: engine_ahead_s(system) > later_s - 60, "the engine")
    assert told(system)[:2] == ["clock_held", "clock_confirmed"]
    until(lambda: "retention_waits" in told(system), "the retention to say that it waits")
    assert kept(system)[0][: len(before[0])] == before[0], "the day is due, but not on the word of a jump"
    assert [item.alert.kind for item in system.items()] == ["log_gap"]


@pytest.mark.soak
def test_a_wrong_clock_at_boot_is_not_believed(system: DrivenSystem) -> None:
    assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
    until(lambda: kept(system)[1] == 1 and kept(system)[0], "a track")
    before = kept(system)
    system.stop(SERVE, RUN)
    system.set_wall(200 * DAY)
    system.start(SERVE, RUN)
    until(lambda: any("clock confirm" in line for line in problems(system)), "a problem told")
    assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
    until(lambda: system.figures().clock_ms is not None, "the engine, which goes on from its state")
    assert abs(engine_ahead_s(system)) < 600
    assert kept(system) == before
    system.set_wall(0)
    until(lambda: not problems(system), "ready again")


def test_the_way_back(system: DrivenSystem) -> None:
    """A wrong jump was confirmed; after the repair rows are judged again, and what never was is withdrawn."""
    assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
    system.set_wall(200 * DAY)
    until(lambda: any("jumped" in line for line in problems(system)), "a problem told")
    assert system.command("clock", "confirm").returncode == 0
    reasons = sent(system, system.true_ms())["rejected"]
    assert [refusal["reason"] for refusal in reasons] == ["too_late"]
    until(lambda: any(item.alert.kind == "log_gap" for item in system.items()), "the gap")
    repair = ("clock", "repair", "--data", system.data)  # here: on the true clock
    assert invoked(*repair).exit_code == 1, "the log is in use"
    system.stop(SERVE, RUN)
    system.set_wall(0)
    done = invoked(*repair)
    assert done.exit_code == 0, done.output
    assert "start `serve` and `run`" in done.output
    done = invoked(*repair)
    assert done.exit_code == 2
    assert "not ahead of the present time" in done.output
    system.start(SERVE, RUN)
    until(lambda: not problems(system), "ready again")
    assert sent(system, system.true_ms()) == {"accepted": 1, "rejected": []}
    at_ms = system.true_ms()  # of a mark behind the row: whoever has read it has read the row
    until(lambda: (system.data / "run-metrics.json").exists(), "figures, begun anew with the rebuild")
    until(lambda: (system.figures().clock_ms or 0) >= at_ms, "the engine")
    assert abs(engine_ahead_s(system)) < 600
    assert system.figures().accepted == 2, "the row of before the jump and that of after it"
    (gap,) = system.items()  # where we were down for more than a minute there is a true one from there on
    assert gap.alert.kind == "log_gap"
    assert gap.alert.withdrawn_ms is not None or gap.alert.raised_ms <= system.true_ms()
    system.stop(SERVE, RUN)
