"""What people see: the board's order and pages, filters by office and otherwise, figures and the feed."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from disposal_alerts import LEASE_MS, MINUTE_MS, NOW_MS, OFFICES, alert, brought_to, take, told
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.disposal import (
    EVERYTHING,
    PAGE_MAX,
    AlertFilter,
    AlertUnknown,
    DisposalQueue,
    State,
    WrongInput,
    event_json,
    item_json,
)
from sinks.disposal.listing import Order, place_of


def numbers(queue: DisposalQueue, wanted: AlertFilter = EVERYTHING, limit: int = 50) -> list[int]:
    """The alerts' numbers over all pages of a size."""
    found: list[int] = []
    cursor = None
    while True:
        page = queue.alerts(wanted, now_ms=NOW_MS, cursor=cursor, limit=limit)
        assert len(page.items) == limit or page.next is None
        found += [int(item.alert.person_id[1:]) for item in page.items]
        cursor = page.next
        if cursor is None:
            return found


# number, state, what else; in the order of the board. Higher numbers are raised later.
BOARD: Sequence[tuple[int, str, dict[str, Any]]] = (
    (8, "open", {"severity": 1}),  # the gravest
    (3, "open", {"severity": 2}),  # then the oldest
    (7, "open", {"severity": 2}),
    (1, "open", {"severity": 4}),
    (9, "open", {"severity": 1, "cleared_ms": NOW_MS}),  # over by itself: no hurry, but it wants a verdict
    (2, "open", {"severity": 3, "withdrawn_ms": NOW_MS}),
    (6, "claimed", {"severity": 1}),  # in hands
    (4, "verified", {"severity": 4}),
    (10, "verified", {"severity": 4}),
    (5, "disposed", {"severity": 1}),
    (12, "closed", {"severity": 3}),  # closed last
    (11, "closed", {"severity": 1}),
)


@pytest.fixture
def board(queue: DisposalQueue) -> DisposalQueue:
    """All of BOARD, which nobody told in that order."""
    for n, state, changed in sorted(BOARD):
        told(queue, 1, n, **changed)
        brought_to(queue, state, key=alert(n).alert_key, now_ms=NOW_MS - 100 + n)
    return queue


def test_the_boards_order_at_any_size_of_page(board: DisposalQueue) -> None:
    for limit in (1, 2, 5, 12, 50):
        assert numbers(board, limit=limit) == [n for n, _, _ in BOARD], limit


def test_a_lapsed_claim_is_back_in_front(board: DisposalQueue) -> None:
    page = board.alerts(now_ms=NOW_MS + LEASE_MS, limit=2)
    assert [item.alert.person_id for item in page.items] == ["P6", "P8"]


def test_pages_stand_still_under_inserts_and_closing(board: DisposalQueue) -> None:
    first = board.alerts(now_ms=NOW_MS, limit=10)
    told(board, 1, 20, severity=1)  # before the page's end
    told(board, 1, 0, severity=1)
    take(board, "close", alert(5).alert_key, "li")  # was the last of the page
    second = board.alerts(now_ms=NOW_MS, cursor=first.next, limit=10)
    assert [item.alert.person_id for item in second.items] == ["P5", "P12", "P11"]  # moved, and met again


# Alert n: office, kind, severity, person; all are open but 4, which is closed.
OFFICE_OF = {1: "O1", 2: "O2", 3: "O3", 4: "C1", 5: "gone"}


FILTERS: Sequence[tuple[AlertFilter, list[int]]] = (
    (EVERYTHING, [1, 2, 3, 4, 5]),
    (AlertFilter(office="P"), [1, 2, 3, 4]),  # the site lost the office of 5
    (AlertFilter(office="gone"), [5]),
    (AlertFilter(office="C1"), [1, 2, 4]),
    (AlertFilter(office="O2"), [2]),
    (AlertFilter(office="nowhere"), []),
    (AlertFilter(scope="C1"), [1, 2, 4]),
    (AlertFilter(scope="C1", office="O1"), [1]),
    (AlertFilter(scope="O1", office="C1"), [1]),  # asking for more shows no more
    (AlertFilter(scope="C2", office="O1"), []),
    (AlertFilter(states=[State.OPEN]), [1, 2, 3]),
    (AlertFilter(states=[State.SELF_CLEARED, State.CLOSED]), [4, 5]),
    (AlertFilter(states=[State.CLAIMED]), []),
    (AlertFilter(kinds=["silent_device"]), [3]),
    (AlertFilter(kinds=["silent_device", "zone_entry"]), [1, 2, 3, 4, 5]),
    (AlertFilter(severities=[1]), [1]),
    (AlertFilter(severities=[1, 2], office="C1"), [1, 2, 4]),
    (AlertFilter(person_id="P2"), [2]),
    (AlertFilter(withdrawn=True), [2]),
    (AlertFilter(withdrawn=False), [1, 3, 4, 5]),
)


def test_filters(queue: DisposalQueue) -> None:
    changed: dict[int, dict[str, Any]] = {
        1: {"severity": 1},
        2: {"withdrawn_ms": NOW_MS},
        3: {"kind": "silent_device"},
        5: {"cleared_ms": NOW_MS},
    }
    for n, office in OFFICE_OF.items():
        told(queue, 1, n, office_id=office, **changed.get(n, {}))
    brought_to(queue, "closed", key=alert(4).alert_key)
    for wanted, expected in FILTERS:
        assert sorted(numbers(queue, wanted, limit=2)) == expected, wanted


def test_an_unknown_state_is_wrong_input(queue: DisposalQueue) -> None:
    with pytest.raises(WrongInput, match="states"):
        queue.alerts(AlertFilter(states=["shelved"]), now_ms=NOW_MS)  # type: ignore[list-item]


def test_offices_move_and_stay(queue: DisposalQueue) -> None:
    told(queue, 1, 1)
    queue.set_offices({"O1": "C2", "C2": "P"})  # O1 moves, C1 is gone from the site
    assert numbers(queue, AlertFilter(office="C2")) == [1]
    assert numbers(queue, AlertFilter(office="C1")) == []
    assert numbers(queue, AlertFilter(office="P")) == [1]


def test_offices_in_a_circle_end(queue: DisposalQueue) -> None:
    queue.set_offices({"P": "O1"})
    told(queue, 1, 1, office_id="O3")
    assert numbers(queue, AlertFilter(office="O1")) == [1]


def test_pages_have_a_size(queue: DisposalQueue) -> None:
    for limit in (0, -1, PAGE_MAX + 1):
        with pytest.raises(WrongInput, match="limit"):
            queue.alerts(now_ms=NOW_MS, limit=limit)


#: What a cursor of the default order may be of, with how many numbers.
URGENT = {Order.URGENT: 3, "closed": 1}


def written(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "????",
        "ü",
        written([]),
        written([1]),
        written(None),
        written({"a": 1, "b": 2}),
        written(["a", "b"]),
        written([1, 2]),
        written([0, 1, 2, "k"]),  # of no order
        written([["urgent"], 0, 1, 2, "k"]),
        written(["urgent", 0, 1, True, "k"]),
        written(["urgent", 0, 1, 1.5, "k"]),
        written(["urgent", 0, 1, 1 << 70, "k"]),  # more than a database takes
        written(["urgent", 0, 1, "k"]),
        written(["newest", 1, "k"]),  # of another order
        written(["person_urgent", 0, 1, 2, "k"]),  # of people
    ],
)
def test_a_cursor_of_no_page_is_wrong_input(cursor: str) -> None:
    with pytest.raises(WrongInput, match="cursor"):
        place_of(cursor, URGENT)


@given(st.text(max_size=40))
@settings(max_examples=50, derandomize=True)
def test_any_text_as_a_cursor_is_read_or_refused(cursor: str) -> None:
    with suppress(WrongInput):
        assert place_of(cursor, URGENT)[0] in URGENT


def test_counts_and_stats(board: DisposalQueue) -> None:
    told(board, 1, 13, kind="silent_device", office_id="O3")
    counts = board.counts(now_ms=NOW_MS)
    assert counts == {"open": 6, "self_cleared": 1, "claimed": 1, "verified": 2, "disposed": 1, "closed": 2}
    assert board.counts(now_ms=NOW_MS, office="C2") == dict.fromkeys(State, 0) | {State.OPEN: 1}
    stats = board.stats(now_ms=NOW_MS)
    assert (stats.waiting, stats.by_state, stats.last_seq) == (7, counts, board.last_seq())
    assert stats.by_kind["silent_device"] == dict.fromkeys(State, 0) | {State.OPEN: 1}
    assert sum(sum(by_state.values()) for by_state in stats.by_kind.values()) == 13
    assert stats.oldest_open_age_ms == NOW_MS - alert(1).raised_ms
    lapsed = board.stats(now_ms=NOW_MS + LEASE_MS)
    assert (lapsed.waiting, lapsed.by_state[State.CLAIMED]) == (8, 0)


def test_an_empty_queue_has_no_age(queue: DisposalQueue) -> None:
    stats = queue.stats(now_ms=NOW_MS)
    assert (stats.waiting, stats.oldest_open_age_ms, stats.by_kind) == (0, None, {})
    assert queue.alerts(now_ms=NOW_MS).next is None


def test_a_clock_behind_the_alerts_makes_no_negative_age(queue: DisposalQueue) -> None:
    told(queue, 1)
    assert queue.stats(now_ms=0).oldest_open_age_ms == 0


def test_the_feed_goes_on_after_any_entry(board: DisposalQueue) -> None:
    everything = board.watch(0)
    assert [entry.seq for entry in everything] == list(range(1, board.last_seq() + 1))
    for after in (0, 1, 7, board.last_seq()):
        assert board.watch(after) == everything[after:]
    assert board.watch(3, limit=2) == everything[3:5]


def test_the_feed_shows_an_office_its_own(queue: DisposalQueue) -> None:
    for n, office in OFFICE_OF.items():
        told(queue, 1, n, office_id=office)
    shown = [entry.alert_key for entry in queue.watch(0, office="C1")]
    assert shown == [alert(n).alert_key for n in (1, 2, 4)]


def test_items_and_entries_as_json(queue: DisposalQueue) -> None:
    told(queue, 1)
    told(queue, 2, cleared_ms=alert(0).raised_ms + MINUTE_MS)
    brought_to(queue, "claimed")
    shown = item_json(queue.alert(alert(0).alert_key, now_ms=NOW_MS))
    assert json.loads(json.dumps(shown)) == shown
    assert shown["raised_at"] == "2025-06-14T15:07:40.000Z"
    assert (shown["distance_m"], shown["state"], shown["holder"]) == (-12.3, "claimed", "wang")
    assert shown["lease_until"] == "2025-06-15T15:07:40.000Z"
    assert (shown["verdict"], shown["outcome"], shown["closed_at"]) == (None, None, None)
    assert [(entry["kind"], entry["details"]) for entry in shown["timeline"]] == [
        ("raised", {"level": 1, "severity": 2}),
        ("cleared", {"cleared_at": [None, "2025-06-14T15:08:40.000Z"]}),
        ("claimed", {"lease_until": "2025-06-15T15:07:40.000Z"}),
    ]
    assert "timeline" not in item_json(queue.alerts(now_ms=NOW_MS).items[0])
    assert event_json(queue.watch(2)[0]) == shown["timeline"][2]


def test_everybodys_feed_names_the_offices_that_may_see(queue: DisposalQueue) -> None:
    """By these an office gets exactly what its own feed would show it."""
    for n, office in OFFICE_OF.items():
        told(queue, 1, n, office_id=office)
    everything = queue.watch_all(0)
    assert [watched.event for watched in everything] == list(queue.watch(0))
    for office in {*OFFICES, *OFFICE_OF.values()}:
        own = [watched.event for watched in everything if office in watched.offices]
        assert own == list(queue.watch(0, office=office)), office
    assert queue.watch_all(2, limit=2) == everything[2:4]


def test_a_key_by_its_beginning(queue: DisposalQueue) -> None:
    keys = [f"{beginning}{'0' * 20}" for beginning in ("abcdef000000", "abcdef00000f", "abcdef0fffff")]
    for n, key in enumerate(keys):
        told(queue, 1, n, alert_key=key, office_id="O3" if n else "O1")
    assert queue.full_key("abcdef0F") == keys[2]
    assert queue.full_key(keys[0]) == keys[0]
    assert queue.full_key("abcdef", office="O1") == keys[0], "others are as good as not there"
    with pytest.raises(WrongInput, match="more digits"):
        queue.full_key("abcdef0")
    for unknown, office in (("abcdee", None), ("abcdef0", "O2")):
        with pytest.raises(AlertUnknown):
            queue.full_key(unknown, office=office)
    for wrong in ("abcde", "abcdeg", "abcdef%", keys[0] + "0", ""):
        with pytest.raises(WrongInput, match="6 to 32"):
            queue.full_key(wrong)


def test_a_count_is_that_of_all_pages(board: DisposalQueue) -> None:
    for wanted in (EVERYTHING, AlertFilter(states=[State.OPEN]), AlertFilter(severities=[1, 4], scope="O1")):
        assert board.count(wanted, now_ms=NOW_MS) == len(numbers(board, wanted, limit=2))
