"""Silences and owed confirmations as timelines, one sign a minute."""

from __future__ import annotations

import random

import numpy as np
import pytest

from geofences.holidays import load_builtin
from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.engine.detectors.missed_confirmation import ConfirmationWatch
from pipeline.engine.detectors.silent_device import Silences, SilenceWatch
from pipeline.engine.policy_table import PolicyTable
from pipeline.engine.subject_table import build_subject_table
from pipeline.sites.policies import Policies
from pipeline.sites.policy import DEVICE_KINDS, DailyWindow, Policy
from pipeline.sites.records import Binding, Office, Person, Site
from pipeline.stream.division import divide

MINUTE_MS = 60_000
#: Onset, raised, level, cleared, in minutes.
Silence = tuple[int, int, int, int | None]

SILENCES: list[tuple[str, int, list[Silence], str]] = [
    ("a  a  a", 8, [], "heard of every three minutes"),
    ("a   a", 4, [(0, 3, 1, 4)], "a minute too long"),
    ("a  a", 5, [], "an arrival exactly at the deadline prevents it"),
    ("a", 3, [(0, 3, 1, None)], "a deadline at the end fires"),
    ("a", 2, [], "not before"),
    (
        "a     a",
        9,
        [(0, 3, 1, 6), (6, 9, 1, None)],
        "level 2 at minute 6 is prevented, the next silence begins",
    ),
    ("a      a", 7, [(0, 3, 2, 7)], "level 2"),
    ("a", 30, [(0, 3, 3, None)], "level 3 and no more"),
    ("", 4, [(0, 3, 1, None)], "never heard of: silent since the clock began"),
    ("a   a   a", 8, [(0, 3, 1, 4), (4, 7, 1, 8)], "two silences"),
    ("aaaa    |   a", 13, [(3, 6, 1, 8)], "cleared by the end; a later arrival is nobody's"),
    ("a  |", 9, [], "a deadline at the end of supervision does not fire"),
]


def folded(found: list[Silences]) -> list[Silence]:
    """The last state of each silence."""
    last: dict[int, Silence] = {}
    for part in found:
        columns = (part.onset_ms, part.raised_ms, part.level, part.cleared_ms)
        for onset, raised, level, cleared in zip(*(column.tolist() for column in columns), strict=True):
            minutes = None if cleared == END_MS else cleared // MINUTE_MS
            last[onset] = (onset // MINUTE_MS, raised // MINUTE_MS, level, minutes)
    return [silence for _, silence in sorted(last.items())]


def silences(picture: str, until: int, *, ticks: random.Random | None = None) -> list[Silence]:
    """Arrivals ``a`` and an end ``|``; with ``ticks`` the clock is told at random minutes in between."""
    end_ms = picture.find("|") * MINUTE_MS if "|" in picture else END_MS
    levels_ms = (3 * MINUTE_MS, 6 * MINUTE_MS, 9 * MINUTE_MS)
    table = PolicyTable(Policies(Policy(silence_ms=dict.fromkeys(DEVICE_KINDS, levels_ms))))
    watch = SilenceWatch(np.array([BEGIN_MS]), np.array([end_ms]), table)
    watch.start(0, np.zeros(1, np.int8))
    found = []
    for minute, sign in enumerate(picture[: until + 1]):
        at_ms = minute * MINUTE_MS
        if ticks is not None and ticks.random() < 0.5:
            found.append(watch.advance(at_ms))
        if sign == "a" and at_ms < end_ms:
            found.append(watch.hear(np.zeros(1, np.int64), np.array([at_ms]), np.zeros(1, np.int8)))
    found.append(watch.advance(until * MINUTE_MS + 1))
    return folded(found)


@pytest.mark.parametrize(("picture", "until", "expected", "why"), SILENCES, ids=[row[3] for row in SILENCES])
def test_a_silence(picture: str, until: int, expected: list[Silence], why: str) -> None:
    assert silences(picture, until) == expected, why
    for seed in range(6):
        assert silences(picture, until, ticks=random.Random(seed)) == expected, f"{why}, told the time {seed}"


DAY_MS = instant_ms("2025-07-14T00:00:00+08:00")
#: A quarter of an hour from ten; five minutes of grace follow.
WINDOWS = (DailyWindow(600, 615),)

#: (made, arrived) in minutes after ten; when cleared (None: never), or False where nothing was missed.
CONFIRMATIONS: list[tuple[list[tuple[float, float]], float | bool | None, str]] = [
    ([], None, "none"),
    ([(0, 0)], False, "at the start"),
    ([(-0.01, 5)], None, "made before the start"),
    ([(20, 20)], False, "made and arrived at the end of grace"),
    ([(15, 20.001)], 20.001, "made in time, arrived a moment late: cleared"),
    ([(20.001, 20.001)], None, "made too late"),
    ([(5, 90), (10, 60)], 60, "the first to arrive clears"),
    ([(5, 90), (25, 30)], 90, "one made too late clears nothing"),
    ([(5, 90), (6, 19)], False, "another was in time"),
]


def one_person(spans: list[tuple[int, int]], class_name: str = "strict") -> ConfirmationWatch:
    policy = Policy(grace_ms=5 * MINUTE_MS, windows={"strict": WINDOWS, "lenient": ()})
    people = tuple(Person("P", "P", "O", class_name, *span) for span in spans)
    site = Site(
        policy, (Office("O", None, "O", "judicial_office"),), people,
        (Binding("D", "P", "phone"),), (), (), load_builtin(),
    )  # fmt: skip
    return ConfirmationWatch(site.policies, build_subject_table(divide(site, 1), 0))


def missed(
    watch: ConfirmationWatch, made: list[tuple[float, float]], *, start: float, until: float
) -> list[float | None]:
    """When the missed ones were cleared, in minutes after ten of the first day."""
    ten_ms = DAY_MS + 600 * MINUTE_MS
    last: dict[int, float | None] = {}
    watch.start(ten_ms + round(start * MINUTE_MS))
    for event, arrival in sorted(made, key=lambda row: row[1]):
        arrival_ms = ten_ms + round(arrival * MINUTE_MS)
        found = watch.advance(arrival_ms)
        event_ms = ten_ms + round(event * MINUTE_MS)
        found += watch.confirm(np.zeros(1, np.int64), np.array([event_ms]), np.array([arrival_ms]))
        last |= {m.start_ms: m.cleared_ms for m in found}
    last |= {m.start_ms: m.cleared_ms for m in watch.advance(ten_ms + round(until * MINUTE_MS) + 1)}
    return [None if ms is None else (ms - ten_ms) / MINUTE_MS for _, ms in sorted(last.items())]


@pytest.mark.parametrize(("made", "cleared", "why"), CONFIRMATIONS, ids=[row[2] for row in CONFIRMATIONS])
def test_a_confirmation(made: list[tuple[float, float]], cleared: float | bool | None, why: str) -> None:
    found = missed(one_person([(BEGIN_MS, END_MS)]), made, start=-60, until=600)
    assert found == ([] if cleared is False else [pytest.approx(cleared) if cleared is not None else None]), (
        why
    )


@pytest.mark.parametrize(
    ("start", "until", "span", "class_name", "owed", "why"),
    [
        (0, 20, (-60, 60), "strict", 1, "clock and deadline exactly there"),
        (0.001, 20, (-60, 60), "strict", 0, "the clock began after the window"),
        (0, 19.999, (-60, 60), "strict", 0, "the deadline has not come"),
        (-60, 60, (0, 20), "strict", 1, "supervised from the start to the very deadline"),
        (-60, 60, (0.001, 60), "strict", 0, "supervised since a moment too late"),
        (-60, 60, (-60, 19.999), "strict", 0, "not any more at the deadline"),
        (-60, 60, (-60, 60), "lenient", 0, "a class that owes nothing"),
        (-60, 3 * 1440, (-60, 9_999), "strict", 3, "three days"),
    ],
)
def test_who_owes_a_confirmation(
    start: float, until: float, span: tuple[float, float], class_name: str, owed: int, why: str
) -> None:
    begin, end = (DAY_MS + round((600 + minute) * MINUTE_MS) for minute in span)
    assert len(missed(one_person([(begin, end)], class_name), [], start=start, until=until)) == owed, why
