"""Files become one sequence: by arrival, pings first, earlier files first, never back in time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_rows import GivenFile, given_rows, one_batch

from geofences.instant import BEGIN_MS
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import RawChunk
from pipeline.stream.merge import merged


def _order(*files: GivenFile) -> list[str]:
    batch = one_batch(*files)
    return [batch.raw(place) for place in range(len(batch))]


def test_by_arrival_with_pings_and_earlier_files_first_at_equal_arrivals() -> None:
    #           0        10       20
    # a (ping)  a:1      a:2
    # c (conf)  c:1               c:2
    # b (ping)  b:1      b:2 b:3
    a = GivenFile("a", PING, 0, given_rows([0, 10]))
    c = GivenFile("c", CONFIRMATION, 1, given_rows([0, 20]))
    b = GivenFile("b", PING, 2, given_rows([0, 10, 10]))

    assert _order(a, c, b) == ["a:1", "b:1", "c:1", "a:2", "b:2", "b:3", "c:2"]


def test_the_arrival_counts_and_the_event_time_where_there_is_none() -> None:
    a = GivenFile("a", PING, 0, given_rows([90, 0], arrival_ms=[5, 30]))
    b = GivenFile("b", PING, 1, given_rows([4, 20], arrival_ms=[BEGIN_MS, BEGIN_MS]))

    assert _order(a, b) == ["b:1", "a:1", "b:2", "a:2"]


def test_an_earlier_arrival_counts_as_the_later_one_before_it() -> None:
    a = GivenFile("a", PING, 0, given_rows([10, 3, 20]))
    b = GivenFile("b", PING, 1, given_rows([9, 10, 11]))

    assert _order(a, b) == ["b:1", "a:1", "a:2", "b:2", "b:3", "a:3"]


def test_an_unusable_row_stays_behind_its_predecessor() -> None:
    # a:1 and a:3 are unusable; whatever their times say is not believed.
    a = GivenFile("a", PING, 0, given_rows([99, 10, 99, 12], reason=[1, 0, 4, 0]))
    b = GivenFile("b", PING, 1, given_rows([5, 11, 13]))

    assert _order(a, b) == ["a:1", "b:1", "a:2", "a:3", "b:2", "a:4", "b:3"]


def test_no_files_and_files_without_rows() -> None:
    assert list(merged([], 10)) == []
    assert list(merged([GivenFile("a", PING, 0, given_rows([]))], 10)) == []


def test_a_batch_says_which_row_of_which_file() -> None:
    a = GivenFile("a", PING, 0, given_rows([1, 3]), chunk_rows=1)
    b = GivenFile("b", CONFIRMATION, 1, given_rows([2]))

    batch = one_batch(a, b)

    assert batch.names == ("a", "b")
    assert batch.file.tolist() == [0, 1, 0]
    assert batch.row.tolist() == [1, 1, 2]
    assert batch.kind.tolist() == [PING, CONFIRMATION, PING]
    assert batch.rows.event_ms.tolist() == [1, 2, 3]


file_rows = st.lists(
    st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 12)), st.sampled_from([0, 0, 0, 4])),
    max_size=30,
)

FileRow = tuple[int, int | None, int]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    given=st.lists(st.tuples(st.sampled_from([PING, CONFIRMATION]), file_rows), max_size=4),
    chunk_rows=st.sampled_from([1, 2, 7, 1000]),
    batch_rows=st.sampled_from([1, 3, 8, 1000]),
    skip_rows=st.integers(0, 40),
)
def test_the_sequence_is_that_of_a_heap_of_rows(
    given: list[tuple[int, list[FileRow]]], chunk_rows: int, batch_rows: int, skip_rows: int
) -> None:
    files = []
    for number, (kind, rows) in enumerate(given):
        event, reason = [row[0] for row in rows], [row[2] for row in rows]
        arrival = [BEGIN_MS if row[1] is None else row[1] for row in rows]
        files.append(
            GivenFile(
                str(number), kind, number, given_rows(event, arrival_ms=arrival, reason=reason), chunk_rows
            )
        )

    batches = list(merged(files, batch_rows, skip_rows=skip_rows))

    expected = _by_heap(given)[skip_rows:]
    assert [batch.raw(place) for batch in batches for place in range(len(batch))] == expected
    assert [
        f"{batch.names[f]}:{r}" for batch in batches for f, r in zip(batch.file, batch.row, strict=True)
    ] == expected
    assert all(len(batch) == batch_rows for batch in batches[:-1])
    assert all(
        len(column) == len(batch) for batch in batches for column in (batch.kind, batch.rows.lon, batch.chunk)
    )


def _by_heap(given: list[tuple[int, list[FileRow]]]) -> list[str]:
    lanes = []
    for number, (kind, rows) in enumerate(given):
        highest, lane = BEGIN_MS, []
        for row, (event, arrival, reason) in enumerate(rows, start=1):
            if reason == 0:
                highest = max(highest, event if arrival is None else arrival)
            lane.append((highest, kind, number, row))
        lanes.append(lane)
    return [f"{number}:{row}" for _, _, number, row in heapq.merge(*lanes)]


def test_chunks_are_read_only_when_they_are_needed() -> None:
    taken = []

    class Watched(GivenFile):
        def __iter__(self) -> Iterator[RawChunk]:
            for chunk in super().__iter__():  # type: ignore[no-untyped-call]  # stream_rows leaves it untyped
                taken.append((self.name, chunk.first_row))
                yield chunk

    early = Watched("early", PING, 0, given_rows(list(range(100))), chunk_rows=10)
    late = Watched("late", PING, 1, given_rows(list(range(100, 200))), chunk_rows=10)

    batches = merged([early, late], 10)
    next(batches)

    assert taken == [("early", 1), ("late", 1)]
    assert np.array_equal(next(batches).rows.event_ms, np.arange(10, 20))
