"""What no shard sees alone, as tables of what shards report."""

from __future__ import annotations

import random

import pytest

from geofences.instant import BEGIN_MS
from pipeline.correlation.correlator import Correlator
from pipeline.correlation.least_clock import LeastClock
from pipeline.correlation.report import GapSeen, ShardReport
from pipeline.stream.items import AlertUpdate
from sinks.alert import alert_key

SHARDS = 3
#: Clock, and the gap before it, in the order of the log; every shard reports each.
MARKS: list[tuple[int, int | None]] = [
    (1000, None),
    (2000, None),
    (90_000, 2000),
    (91_000, None),
    (200_000, 91_000),
]
GAPS = [(2000, 90_000), (91_000, 200_000)]


def report(shard: int, mark: int) -> ShardReport:
    clock_ms, from_ms = MARKS[mark]
    gap = None if from_ms is None else GapSeen(from_ms, clock_ms, "C1", "v1")
    return ShardReport(shard, clock_ms, mark + 1, gap)


def spans(updates: list[AlertUpdate]) -> list[tuple[int, int]]:
    return [(found.alert.onset_ms, found.alert.raised_ms) for found in updates]


@pytest.mark.parametrize(
    ("reports", "least", "why"),
    [
        ([], None, "nobody has reported"),
        ([(0, 5), (1, 5)], None, "one is missing"),
        ([(0, 5), (1, 7), (2, 6)], 5, "the last of all"),
        ([(0, 5), (1, 7), (2, 6), (0, 9)], 6, "it goes on, the next is last"),
        ([(0, 5), (1, 7), (2, 6), (2, 3)], 5, "it never falls"),
    ],
)
def test_the_least_clock(reports: list[tuple[int, int]], least: int | None, why: str) -> None:
    clock = LeastClock()
    for shard, clock_ms in reports:
        clock.note(shard, clock_ms)
    assert clock.at_ms(SHARDS) == (BEGIN_MS if least is None else least), why


def test_a_gap_is_raised_when_the_last_shard_is_past_it() -> None:
    correlator = Correlator(lambda: SHARDS)
    assert correlator.take(report(0, mark) for mark in range(5)) == []
    assert correlator.take(report(1, mark) for mark in range(3)) == []
    assert correlator.take([report(2, 0), report(2, 1)]) == []
    assert spans(correlator.take([report(2, 2)])) == GAPS[:1]
    assert correlator.take([report(2, 3), report(2, 4), report(1, 3)]) == []
    assert spans(correlator.take([report(1, 4)])) == GAPS[1:]


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_shards_report_each_gap_is_raised_once(seed: int) -> None:
    chance = random.Random(seed)
    ahead = {shard: list(range(len(MARKS))) for shard in range(SHARDS)}
    correlator, found = Correlator(lambda: SHARDS), []
    while ahead:
        batch = []
        for _ in range(chance.randint(1, 4)):
            if ahead:
                shard = chance.choice(sorted(ahead))
                batch.append(report(shard, ahead[shard].pop(0)))
                ahead = {each: left for each, left in ahead.items() if left}
        found += correlator.take(batch)
    assert spans(found) == GAPS


def test_the_alert_is_about_nobody_and_for_the_highest_office() -> None:
    correlator = Correlator(lambda: 1)
    (found,) = correlator.take([report(0, 2)])
    alert = found.alert
    assert (found.offset, found.clock_ms) == (3, 90_000)
    assert alert.alert_key == alert_key("log_gap", "log", "", 2000, False)
    assert (alert.person_id, alert.device_id, alert.office_id) == ("", None, "C1")
    assert (alert.severity, alert.policy_version, alert.cleared_ms) == (2, "v1", 90_000)
