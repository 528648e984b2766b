"""Rows through the journal: what intake gets is what it would get from a file, and the log's clock holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stream_rows import DEVICES, one_batch, opened, tuples_of

from pipeline.log.decoded import DecodedLog
from pipeline.log.journal import ClockMark, Entry, Journal, JournalReader, clock_mark, start_mark
from pipeline.log.rows import RowDecoder, rows_entry
from pipeline.log.site_record import SiteChange, site_entry
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import Challenges
from pipeline.reading.raw_batch import RawBatch
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.stream.intake import Intake

NOON_MS = 1_752_465_600_000
TIME = pa.timestamp("ms", "UTC")


def pings(
    *rows: tuple[str, int], arrival_ms: list[int] | None = None, **columns: list[object]
) -> pa.RecordBatch:
    """Rows of device and milliseconds past noon."""
    given: dict[str, object] = {
        "device_id": [device for device, _ in rows],
        "event_time": pa.array([NOON_MS + past for _, past in rows], TIME),
        "lon": [106.5] * len(rows),
        "lat": [29.6] * len(rows),
    }
    if arrival_ms is not None:
        given["arrival_time"] = pa.array([NOON_MS + past for past in arrival_ms], TIME)
    return pa.record_batch(given | columns)


def log_of(directory: Path, offset: int = 0, challenges: Challenges | None = None) -> DecodedLog:
    decoder = RowDecoder(DEVICES, Challenges() if challenges is None else challenges)
    return DecodedLog(JournalReader(directory, offset), decoder)


def batches_in(directory: Path, challenges: Challenges | None = None) -> list[RawBatch]:
    contents = [logged.content for logged in log_of(directory, challenges=challenges).poll()]
    return [content for content in contents if isinstance(content, RawBatch)]


def appended(directory: Path, *entries: Entry) -> RawBatch:
    """The rows of a journal of their own that holds just these records."""
    with Journal(directory) as journal:
        journal.append(entries)
    (batch,) = batches_in(directory)
    return batch


def test_rows_are_those_of_a_file_with_the_same_columns(tmp_path: Path) -> None:
    batch = pa.record_batch(
        {
            "device_id": ["D1", "D2", "张三-3", "nobody", "D1"],
            "event_time": pa.array(
                [NOON_MS * 1000 + 999, NOON_MS * 1000, 1, 2, 3], pa.timestamp("us", "UTC")
            ),
            "arrival_time": pa.array([NOON_MS] * 5, TIME),
            "lon": pa.array([106.5, None, 106.5, 106.5, 1.0], pa.float32()),
            "lat": pa.array([29.6, None, 29.6, 29.6, None], pa.float32()),
            "accuracy_m": [5, None, 3, 4, 5],
            "source": pa.array(["gnss", "wifi", None, "cell", "gnss"]).dictionary_encode(),
            "crs": ["gcj02", None, None, None, None],
            "battery_pct": [50, None, 3, 4, 5],
            "worn": [True, None, False, None, None],
            "operator": pa.nulls(5, pa.string()),
        }
    )
    pq.write_table(pa.Table.from_batches([batch]), tmp_path / "pings.parquet")
    of_file = one_batch(opened(tmp_path / "pings.parquet"))
    found = appended(tmp_path / "log", rows_entry(PING, batch, source="app"))
    assert tuples_of(found.rows, Challenges()) == tuples_of(of_file.rows, Challenges())


def test_confirmations_bear_their_challenges_and_faces(tmp_path: Path) -> None:
    batch = pings(("D1", 0), ("D2", 5), face_ok=[True, None], challenge_id=["c-1", None])
    challenges = Challenges()
    with Journal(tmp_path) as journal:
        journal.append([rows_entry(CONFIRMATION, batch, source="app", arrival_ms=NOON_MS + 9)])
    (found,) = batches_in(tmp_path, challenges)
    assert found.kind.tolist() == [CONFIRMATION, CONFIRMATION]
    assert found.rows.face_ok.tolist() == [True, False]
    assert found.rows.challenge.tolist() == [0, -1]
    assert challenges.texts == ["c-1"]
    assert found.rows.given_arrival_ms.tolist() == [NOON_MS + 9] * 2


def test_records_between_two_marks_are_one_batch_in_their_order(tmp_path: Path) -> None:
    heartbeat = pings(("D2", 20)).set_column(2, "lon", pa.nulls(1)).set_column(3, "lat", pa.nulls(1))
    with Journal(tmp_path) as journal:
        journal.append([start_mark(NOON_MS)])
        journal.append(
            [
                rows_entry(
                    PING, pings(("D1", 0), ("D2", 10), sos=[True, False]), source="a", arrival_ms=NOON_MS + 30
                ),
                rows_entry(PING, heartbeat, source="b", arrival_ms=NOON_MS + 40),
                rows_entry(CONFIRMATION, pings(("D1", 30)), source="c", arrival_ms=NOON_MS + 50),
                rows_entry(PING, pings(("D1", 40)), source="d", arrival_ms=NOON_MS + 60),
            ]
        )
        journal.append([clock_mark(NOON_MS + 1000)])
        journal.append([rows_entry(PING, pings(("D2", 50)), source="e", arrival_ms=NOON_MS + 1001)])
    log = log_of(tmp_path)
    start, rows, mark, later = log.poll()
    assert [item.offset for item in (start, rows, mark, later)] == [1, 5, 6, 7]
    assert isinstance(start.content, ClockMark)
    assert isinstance(rows.content, RawBatch)
    assert (rows.content.rows.event_ms - NOON_MS).tolist() == [0, 10, 20, 30, 40]
    assert rows.content.kind.tolist() == [PING, PING, PING, CONFIRMATION, PING]
    assert np.isnan(rows.content.rows.lon).tolist() == [False, False, True, False, False]
    assert isinstance(mark.content, ClockMark)
    assert mark.content.at_ms == NOON_MS + 1000
    assert (log.offset, log.records_behind, log.poll()) == (7, 0, [])


def test_no_row_arrives_before_the_mark_it_follows(tmp_path: Path) -> None:
    """It was stamped before the mark and appended after it: the clock has already gone on."""
    with Journal(tmp_path) as journal:
        journal.append([start_mark(NOON_MS + 100)])
        batch = pings(("D1", 0), ("D2", 0), arrival_ms=[99, 101])
        journal.append([rows_entry(PING, batch, source="app")])
    (batch_read,) = batches_in(tmp_path)
    assert (batch_read.rows.given_arrival_ms - NOON_MS).tolist() == [100, 101]
    (resumed,) = log_of(tmp_path, 1).poll()
    assert isinstance(resumed.content, RawBatch)
    assert (resumed.content.rows.given_arrival_ms - NOON_MS).tolist() == [100, 101], "from any offset"


def test_rejects_say_where_a_row_came_from_and_what_it_was(tmp_path: Path) -> None:
    """A source with rows of its own numbers them; else the record does, so that the row can be found."""
    batch = appended(
        tmp_path,
        rows_entry(PING, pings(("D1", 0), ("D2", 0)), source="http", arrival_ms=NOON_MS),
        rows_entry(PING, pings(("D2", 0), ("D2", 0)), source="day.csv", arrival_ms=NOON_MS, first_row=7),
        rows_entry(PING, pings(("D2", 3), ("nobody", 0)), source="http", arrival_ms=NOON_MS),
    )
    rejects = Intake(Policies(Policy()), Challenges()).ingest(batch).rejects
    assert [(reject.file, reject.row, reject.reason) for reject in rejects] == [
        ("day.csv", 7, "duplicate"),
        ("day.csv", 8, "duplicate"),
        ("http@2", 2, "unknown_device"),
    ]
    assert json.loads(rejects[2].raw)["device_id"] == "nobody"


@pytest.mark.parametrize("cuts", [[1] * 12, [12], [5, 7], [1, 11]])
def test_how_rows_are_cut_into_records_and_polls_does_not_show(tmp_path: Path, cuts: list[int]) -> None:
    rows = [("D1" if number % 3 else "D2", number // 2) for number in range(12)]
    whole = pings(*rows, arrival_ms=list(range(12)))
    with Journal(tmp_path) as journal:
        starts = np.cumsum([0, *cuts])
        for start, length in zip(starts, cuts, strict=False):
            journal.append([rows_entry(PING, whole.slice(start, length), source="app", first_row=start + 1)])
    intake, log, taken = Intake(Policies(Policy()), Challenges()), log_of(tmp_path), []
    while items := log.poll(records_most=2):
        for item in items:
            assert isinstance(item.content, RawBatch)
            result = intake.ingest(item.content)
            taken += [(ms, "") for ms in result.accepted.event_ms.tolist()]
            taken += [(reject.row, reject.reason) for reject in result.rejects]
    assert sorted(taken) == sorted(
        [(NOON_MS + past, "") for past in (0, 0, 1, 1, 2, 3, 3, 4, 4, 5)]
        + [(6, "duplicate"), (12, "duplicate")]
    )


def test_a_record_of_one_row_is_small() -> None:
    batch = pings(("D1", 0), accuracy_m=[5.0], source=["gnss"], battery_pct=[80.0], operator=[None])
    assert len(rows_entry(PING, batch, source="http", arrival_ms=NOON_MS).payload) < 800


@pytest.mark.parametrize(
    ("batch", "wrong"),
    [
        (pings(("D1", 0)), "no arrival"),
        (pings(("D1", 0), arrival_ms=[0], altitude=[3.0]), "a column that is none of ours"),
        (pings(("D1", 0), arrival_ms=[0]).drop_columns(["lon"]), "a column missing"),
    ],
)
def test_a_gateway_that_does_not_keep_to_the_columns_is_a_fault_of_ours(
    batch: pa.RecordBatch, wrong: str
) -> None:
    with pytest.raises(AssertionError):
        rows_entry(PING, batch, source="app")


def test_a_poll_ends_with_a_change_of_the_site(tmp_path: Path) -> None:
    """What follows from it waits for no row behind it; the offset is where a restart goes on."""
    change = site_entry(SiteChange("c1", "li", "why", [], [{"table": "holidays", "put": {"text": ""}}]))
    rows = [rows_entry(PING, pings(("D1", n)), source="a", arrival_ms=NOON_MS + n) for n in range(4)]
    with Journal(tmp_path) as journal:
        journal.append([start_mark(NOON_MS), rows[0], change, change, rows[1], rows[2], change, rows[3]])
    log = log_of(tmp_path)
    polled = []
    while found := log.poll():
        polled.append(([type(one.content).__name__ for one in found], log.offset, log.records_behind))
    assert polled == [
        (["ClockMark", "RawBatch", "SiteRecord"], 3, 5),
        (["SiteRecord"], 4, 4),
        (["RawBatch", "SiteRecord"], 7, 1),
        (["RawBatch"], 8, 0),
    ]
    resumed = log_of(tmp_path, offset=4).poll()
    assert [one.offset for one in resumed] == [6, 7]
