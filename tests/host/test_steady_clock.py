"""Walls that jump, drift, stop and come back, and the clock that the log is stamped with beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from geofences.instant import BEGIN_MS
from pipeline.host.clock_reports import ClockReports, FollowedClock, confirm, read_doubt, take_back
from pipeline.host.steady_clock import BELIEVED, CONFIRMED, HELD, RETURNED, Doubt, SteadyClock
from sinks.operations_log import OperationsLog

NOON_MS = 1_752_465_600_000
MINUTE, HOUR, DAY = 60, 3_600, 86_400
LOOKS_S = 0.25


@dataclass
class Machine:
    """True time goes on; the wall is ``ahead_s`` of it, and ``asleep_s`` of it did not count as elapsed."""

    true_s: float = 0.0
    ahead_s: float = 0.0
    asleep_s: float = 0.0

    def wall_ms(self) -> int:
        return NOON_MS + round((self.true_s + self.ahead_s) * 1000)

    def elapsed_ms(self) -> int:
        return 5_000_000 + round((self.true_s - self.asleep_s) * 1000)


@dataclass
class Told:
    """What the clock reports; ``confirms`` stands for an operator."""

    doubt: Doubt | None = None
    kinds: list[str] = field(default_factory=list)
    confirms: bool = False

    def put(self, doubt: Doubt | None) -> None:
        self.doubt = doubt

    def is_confirmed(self, doubt: Doubt) -> bool:
        return self.confirms

    def report(self, kind: str, at_ms: int, doubt: Doubt) -> None:
        self.kinds.append(kind)


def lived(machine: Machine, clock: SteadyClock, seconds: float) -> float:
    """Look all the time for so long; how far ours is ahead of the true time then, in seconds."""
    last_ms = clock.now_ms()
    for _ in range(round(seconds / LOOKS_S)):
        machine.true_s += LOOKS_S
        last_ms = clock.now_ms()
    return round((last_ms - NOON_MS) / 1000 - machine.true_s, 3)


@pytest.mark.parametrize(
    ("walls", "ours", "told"),
    [
        # (how long, how far the wall is ahead), then how far ours is ahead at the end of each, in seconds
        pytest.param([(9, 0), (4, 200 * DAY), (9, 0)], [0, 0, 0], [HELD, RETURNED], id="far-ahead-for-4s"),
        pytest.param([(9, 0), (4, -200 * DAY), (9, 0)], [0, 0, 0], [HELD, RETURNED], id="far-behind-for-4s"),
        pytest.param([(9, 0), (4, HOUR), (9, 0)], [0, 0, 0], [HELD, RETURNED], id="an-hour-ahead-for-4s"),
        pytest.param([(9, 0), (4, -HOUR), (9, 0)], [0, 0, 0], [HELD, RETURNED], id="an-hour-back-for-4s"),
        pytest.param([(9, 0), (599, HOUR), (3, HOUR)], [0, 0, HOUR], [HELD, BELIEVED], id="ahead-and-lasts"),
        pytest.param([(9, 0), (599, -HOUR), (3, -HOUR)], [0, 0, -HOUR], [HELD, BELIEVED], id="back-for-good"),
        pytest.param([(9, 0), (2 * HOUR, 8 * DAY)], [0, 0], [HELD], id="too-far-to-be-believed-by-itself"),
        pytest.param([(9, 0), (2 * HOUR, -8 * DAY)], [0, 0], [HELD], id="too-far-back-likewise"),
        pytest.param(
            [(9, 0), (400, HOUR), (400, 3 * HOUR), (250, 3 * HOUR)],
            [0, 0, 0, 3 * HOUR],
            [HELD, HELD, BELIEVED],
            id="another-jump-has-to-last-anew",
        ),
        pytest.param([(9, 0), (9, 59), (9, 0)], [0, 59, 0], [], id="less-than-a-minute-is-set-right"),
        pytest.param([(9, 0), (9, -1)], [0, -1], [], id="leap-second"),
        pytest.param([(300, n * 25) for n in range(30)], [n * 25 for n in range(30)], [], id="slewed"),
        pytest.param(
            [(1, n * 50) for n in range(60)], [0] + [50] * 59, [HELD] * 29, id="wild-in-small-steps"
        ),
    ],
)  # fmt: skip
def test_what_is_followed(walls: list[tuple[float, float]], ours: list[float], told: list[str]) -> None:
    machine, reports = Machine(), Told()
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, reports)
    found = []
    for seconds, ahead_s in walls:
        machine.ahead_s = ahead_s
        found.append(lived(machine, clock, seconds))
    assert found == ours
    assert reports.kinds == told


@pytest.mark.parametrize(
    ("down_s", "ours", "told"),
    [
        # how far the wall is ahead of the log's last mark at a start; ours then, and ten minutes later
        pytest.param(3, (3, 3), [], id="a-restart"),
        pytest.param(10 * HOUR, (10 * HOUR, 10 * HOUR), [], id="a-night"),
        pytest.param(2 * DAY, (0, 2 * DAY), [HELD, BELIEVED], id="two-days-without-power"),
        pytest.param(7 * DAY - HOUR, (0, 7 * DAY - HOUR), [HELD, BELIEVED], id="a-week"),
        pytest.param(200 * DAY, (0, 0), [HELD], id="a-wrong-clock-at-boot"),
        pytest.param(-30, (-30, -30), [], id="set-right-meanwhile"),
        pytest.param(-HOUR, (0, -HOUR), [HELD, BELIEVED], id="an-hour-set-back-meanwhile"),
        pytest.param(-20_000 * DAY, (0, 0), [HELD], id="a-clock-without-battery"),
    ],
)
def test_a_start_behind_or_after_the_last_mark(
    down_s: float, ours: tuple[float, float], told: list[str]
) -> None:
    machine, reports = Machine(ahead_s=down_s), Told()
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, reports, last_ms=NOON_MS)
    assert (lived(machine, clock, 1), lived(machine, clock, 601)) == ours
    assert reports.kinds == told


def test_the_network_tells_the_time_after_the_start() -> None:
    """At boot the wall stands at last year's; when it is set it is ahead of the last mark by a night."""
    machine, reports = Machine(ahead_s=-300 * DAY), Told()
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, reports, last_ms=NOON_MS)
    assert lived(machine, clock, 40) == 0
    machine.ahead_s = 9 * HOUR
    assert lived(machine, clock, 1) == 9 * HOUR
    assert reports.kinds == [HELD, RETURNED]


def test_an_operator_confirms() -> None:
    machine, reports = Machine(), Told()
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, reports)
    machine.ahead_s = 200 * DAY
    assert lived(machine, clock, HOUR) == 0
    assert reports.doubt is not None
    assert (reports.doubt.ahead_ms, reports.doubt.believed_ms) == (200 * DAY * 1000, None)
    reports.confirms = True
    assert lived(machine, clock, 1) == 200 * DAY
    assert reports.kinds == [HELD, CONFIRMED]
    reports.confirms = False
    machine.ahead_s = 0
    assert lived(machine, clock, 4) == 200 * DAY, "back again is a jump like any other"


def test_asleep_where_elapsed_time_stops() -> None:
    """A machine that cannot tell how long it was suspended: the wall is believed when it has lasted."""
    machine, reports = Machine(), Told()
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, reports)
    assert lived(machine, clock, 9) == 0
    machine.true_s, machine.asleep_s = machine.true_s + HOUR, HOUR
    assert lived(machine, clock, 60) == -HOUR
    assert lived(machine, clock, 600) == 0
    assert reports.kinds == [HELD, BELIEVED]


def test_asleep_where_it_goes_on() -> None:
    machine, reports = Machine(), Told()
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, reports)
    machine.true_s += HOUR
    assert lived(machine, clock, 1) == 0
    assert reports.kinds == []


def test_everybody_else_has_the_same_time(tmp_path: Path) -> None:
    """The writer doubts a jump, and says so in a file; the others do not follow it for a moment."""
    machine = Machine()
    writers = SteadyClock(machine.wall_ms, machine.elapsed_ms, ClockReports(tmp_path, "boot"))
    others = FollowedClock(tmp_path, "boot", machine.wall_ms, machine.elapsed_ms)
    for ahead_s, seconds in ((0, 2), (200 * DAY, 700), (0, 3), (-HOUR, 500), (-HOUR, 300)):
        machine.ahead_s = ahead_s
        for look in range(round(seconds / LOOKS_S)):
            machine.true_s += LOOKS_S
            # whoever looks first, and however far apart
            theirs_ms = others.now_ms() if look % 3 else None
            ours_ms = writers.now_ms()
            if theirs_ms is not None and not (ahead_s == -HOUR and seconds == 300):
                assert abs(theirs_ms - ours_ms) <= 1000
        assert abs(others.now_ms() - ours_ms) <= 1000
    kinds = [event.kind for event in reversed(OperationsLog(tmp_path / "operations.ndjson").read().items)]
    assert kinds == [HELD, RETURNED, HELD, BELIEVED]
    assert read_doubt(tmp_path, "boot") is None


def test_a_jump_that_nobody_speaks_of_is_followed(tmp_path: Path) -> None:
    """Nobody writes the log: the machine's clock is all there is."""
    machine = Machine()
    clock = FollowedClock(tmp_path, "boot", machine.wall_ms, machine.elapsed_ms)
    clock.now_ms()
    machine.ahead_s = HOUR
    assert clock.now_ms() < machine.wall_ms()
    machine.true_s += 2
    assert clock.now_ms() == machine.wall_ms()


def test_what_is_confirmed_is_one_jump_and_no_other(tmp_path: Path) -> None:
    machine, reports = Machine(), ClockReports(tmp_path, "boot")
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, reports)
    machine.ahead_s = 30 * DAY
    assert lived(machine, clock, 2) == 0
    doubt = read_doubt(tmp_path, "boot")
    assert doubt is not None
    assert read_doubt(tmp_path, "another boot") is None
    confirm(tmp_path, doubt)
    machine.ahead_s = 31 * DAY
    assert lived(machine, clock, 2) == 0, "meanwhile it has jumped once more"
    take_back(tmp_path)
    confirm(tmp_path, read_doubt(tmp_path, "boot") or doubt)
    assert lived(machine, clock, 2) == 31 * DAY


def test_files_that_are_no_doubts(tmp_path: Path) -> None:
    for content in (b"", b"[]", b"{", json.dumps({"boot": "other"}).encode()):
        (tmp_path / "clock-doubt.json").write_bytes(content)
        assert read_doubt(tmp_path, "boot") is None


def test_a_first_start_believes_the_machine() -> None:
    machine = Machine(ahead_s=-20_000 * DAY)
    clock = SteadyClock(machine.wall_ms, machine.elapsed_ms, Told(), last_ms=BEGIN_MS)
    assert lived(machine, clock, 1) == -20_000 * DAY
