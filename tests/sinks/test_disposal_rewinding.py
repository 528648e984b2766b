"""A log that was rewritten: what the queue was told since is taken back, and what is told again counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from disposal_alerts import KEY, NOW_MS, alert, take, told

from sinks.disposal import AlertChange, DisposalQueue, Rewinding, State

#: The log was rewritten from its record 10 on, and has 20. Records up to 3 are no longer there.
RECORD, FIRST, LAST = 10, 3, 20
REWINDING = Rewinding(RECORD, FIRST, NOW_MS, NOW_MS + 60_000)
PAST, FUTURE = NOW_MS - 5_000, NOW_MS + 10**9

Changes = dict[str, Any]
Told = list[tuple[int, Changes]]
# (revisions told before, the alert afterwards, what is told again, the alert after that, why)
ROWS: list[tuple[str, Told, Changes, Told, Changes]] = [
    ("told before the jump: it stands", [(10, {})], {}, [(10, {"level": 2})], {}),
    (
        "raised by the jump, and by its last record: withdrawn",
        [(LAST, {"raised_ms": FUTURE, "cleared_ms": FUTURE})],
        {"raised_ms": FUTURE, "withdrawn_ms": NOW_MS},
        [],
        {"raised_ms": FUTURE, "withdrawn_ms": NOW_MS},
    ),
    (
        "likewise, but really there: told again at its true time",
        [(LAST, {"raised_ms": FUTURE, "cleared_ms": FUTURE})],
        {"raised_ms": FUTURE, "withdrawn_ms": NOW_MS},
        [(LAST + 1, {"raised_ms": PAST, "cleared_ms": PAST})],
        {"raised_ms": PAST, "cleared_ms": PAST},
    ),
    (
        "a deadline that passed only by the jump, though its time has come since: withdrawn",
        [(12, {"raised_ms": PAST})],
        {"raised_ms": PAST, "withdrawn_ms": NOW_MS},
        [],
        {"raised_ms": PAST, "withdrawn_ms": NOW_MS},
    ),
    (
        "raised since, and again: as if nothing had been",
        [(12, {}), (14, {"cleared_ms": PAST})],
        {"cleared_ms": PAST, "withdrawn_ms": NOW_MS},
        [(12, {}), (14, {"cleared_ms": PAST})],
        {"cleared_ms": PAST},
    ),
    (
        "cleared by the jump, and in truth by a row of the time after it",
        [(5, {}), (12, {"cleared_ms": FUTURE})],
        {},
        [(5, {}), (15, {"cleared_ms": PAST})],
        {"cleared_ms": PAST},
    ),
    (
        "a level and a leave that only the jump had brought",
        [(5, {}), (12, {"level": 2, "severity": 1}), (13, {"level": 3, "authorised_by": "L1"})],
        {},
        [(5, {})],
        {},
    ),
    (
        "withdrawn since, of which nothing is told again",
        [(5, {}), (12, {"withdrawn_ms": PAST})],
        {},
        [(5, {})],
        {},
    ),
    (
        "evidence is not kept twice: all of it is told again",
        [(5, {}), (12, {"evidence": ()})],
        {"evidence": ()},
        [(5, {})],
        {},
    ),
    (
        "raised before the log's beginning: the engine knows it no longer, so what can be true stays",
        [(3, {}), (12, {"cleared_ms": PAST})],
        {"cleared_ms": PAST},
        [],
        {"cleared_ms": PAST},
    ),
    (
        "likewise, and the rest is undone",
        [(3, {}), (12, {"cleared_ms": FUTURE})],
        {},
        [],
        {},
    ),
]


@pytest.mark.parametrize(
    ("before", "rewound", "again", "after"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_what_was_told_since_is_taken_back(
    queue: DisposalQueue, before: Told, rewound: Changes, again: Told, after: Changes
) -> None:
    for revision, changes in before:
        told(queue, revision, **changes)
    moved = rewound != before[-1][1]
    assert queue.rewind(REWINDING) == moved
    assert stands(queue) == rewound
    seq = queue.last_seq()
    assert queue.rewind(REWINDING) == 0, "once is enough, also where the first was killed after it"
    assert queue.last_seq() == seq
    for _ in range(2):  # an engine that was killed judges the same twice
        for revision, changes in again:
            told(queue, revision, **changes)
    assert stands(queue) == after
    assert queue.timeline_break() is None


def stands(queue: DisposalQueue) -> Changes:
    """How the alert differs from the one that was raised."""
    plain, found = alert(0), queue.alert(KEY, now_ms=NOW_MS).alert
    names = [name for name in plain.__slots__ if getattr(plain, name) != getattr(found, name)]
    return {name: getattr(found, name) for name in names}


def test_it_may_happen_again(queue: DisposalQueue) -> None:
    """A second jump, and a second repair: entries of a timeline never get into each other's way."""
    told(queue, 5)
    for record in (10, 30, 50):
        told(queue, record + 2, cleared_ms=FUTURE)
        told(queue, record + 3, cleared_ms=FUTURE, level=2)
        assert queue.rewind(replace(REWINDING, record=record)) == 1
        assert stands(queue) == {}
        told(queue, record + 2, level=2)
        told(queue, record + 3)
        assert stands(queue) == {}


def test_what_people_did_stands(queue: DisposalQueue) -> None:
    told(queue, 12, raised_ms=FUTURE)
    take(queue, "claim", KEY, "wang")
    queue.rewind(REWINDING)
    item = queue.alert(KEY, now_ms=NOW_MS)
    assert (item.state, item.alert.withdrawn_ms, item.news) == (State.CLAIMED, NOW_MS, True)


def test_more_than_are_put_right_at_once(queue: DisposalQueue) -> None:
    queue.apply([AlertChange(alert(n), 12) for n in range(1_203)])
    assert queue.rewind(REWINDING) == 1_203
    assert all(item.alert.withdrawn_ms == NOW_MS for item in queue.every_alert(now_ms=NOW_MS))
