"""A device whose clock is wrong moves nothing: the log's clock is ours, whatever a row says of its times."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from geofences.instant import instant_ms
from pipeline.ingest import JournalWriter
from pipeline.ingest.arriving import Arriving
from pipeline.ingest.bodies import received
from pipeline.ingest.file_rows import PieceReader
from pipeline.log.decoded import DecodedLog
from pipeline.log.journal import ClockMark
from pipeline.log.journal.journal import Journal
from pipeline.log.rows import RowDecoder
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import Challenges, DeviceIds, open_stream
from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import REASONS
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.stream.intake import Intake
from sinks.alert import instant_text

NOW_MS = instant_ms("2025-07-14T04:00:00Z")
SECOND_MS = 1_000
DEVICES = DeviceIds(("D1",))
POLICY = Policy()

#: (what a row says of its event and its arrival, in seconds from now or as text; reason, why)
TIMES: list[tuple[float | str, float | str | None, str, str]] = [
    (0, None, "", "a clock that is right"),
    (300, None, "", "five minutes ahead, and no more"),
    (301, None, "bad_time", "a second more"),
    (3_600, None, "bad_time", "an hour ahead"),
    ("2099-01-01T00:00:00Z", None, "bad_time", "the end of the century"),
    ("9999-12-31T23:59:59Z", None, "bad_time", "the end of all dates"),
    ("2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "bad_time", "an arrival of its own makes it no better"),
    (-60, "2099-01-01T00:00:00Z", "", "the arrival is not the device's to say"),
    (-60, -700_000, "", "nor an earlier one"),
    (-700_000, -700_000, "too_late", "older than the horizon, whenever it says it arrived"),
    ("1980-01-06T00:00:00Z", None, "bad_time", "a receiver without a fix"),
]  # fmt: skip


def text(said: float | str) -> str:
    return said if isinstance(said, str) else instant_text(NOW_MS + round(said * SECOND_MS))


def row(event: float | str, arrival: float | str | None, number: int) -> dict[str, Any]:
    arrivals = {} if arrival is None else {"arrival_time": text(arrival)}
    return {
        "device_id": "D1",
        "event_time": text(event),
        "lon": 106.5 + number / 1000,
        "lat": 29.5,
        **arrivals,
    }


def by_array(rows: Sequence[dict[str, Any]], kind: int, _: Path) -> list[Arriving]:
    """A message with all of them."""
    return [received(json.dumps(rows).encode(), kind, DEVICES, own=None, is_ndjson=False)]


def one_by_one(rows: Sequence[dict[str, Any]], kind: int, _: Path) -> list[Arriving]:
    """A message of the device's own for each."""
    return [received(json.dumps(row).encode(), kind, DEVICES, own="D1", is_ndjson=True) for row in rows]


def by_inbox(rows: Sequence[dict[str, Any]], kind: int, folder: Path) -> list[Arriving]:
    """A file of the inbox, in pieces."""
    path = folder / "rows.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    challenges = Challenges()
    stream = open_stream(path, kind=kind, number=0, devices=DEVICES, challenges=challenges, chunk_rows=3)
    return list(PieceReader(stream, DEVICES, challenges).after(0))


Send = Callable[[Sequence[dict[str, Any]], int, Path], list[Arriving]]


@pytest.mark.parametrize("kind", [PING, CONFIRMATION], ids=["pings", "confirmations"])
@pytest.mark.parametrize("send", [by_array, one_by_one, by_inbox], ids=lambda send: send.__name__)
def test_the_clock_of_the_log_is_ours(send: Send, kind: int, tmp_path: Path) -> None:
    rows = [row(event, arrival, number) for number, (event, arrival, *_) in enumerate(TIMES)]
    clock = [NOW_MS]
    with Journal(tmp_path / "journal") as journal:
        writer = JournalWriter(journal, lambda: clock[0], horizon_ms=Policies(POLICY).horizon_ms)
        writer.start()
        found: list[str] = []
        for message in send(rows, kind, tmp_path):
            settled = writer.submit(message, "here").result(10)
            found += [REASONS[reason] for reason in settled.reason.tolist()]
            clock[0] += 1
        writer.stop()
        log = DecodedLog(journal.reader(), RowDecoder(DEVICES, Challenges()))
        intake, marks_ms = Intake(Policies(POLICY), Challenges()), []
        while items := log.poll():
            for item in items:
                if isinstance(item.content, ClockMark):
                    marks_ms.append(item.content.at_ms)
                elif isinstance(item.content, RawBatch):
                    given_ms = item.content.rows.given_arrival_ms
                    assert (given_ms >= NOW_MS).all()
                    assert (given_ms <= clock[0]).all()
                    intake.ingest(item.content)
    assert found == [reason for *_, reason, _ in TIMES]
    assert intake.accepted == found.count("")
    assert intake.clock_ms is not None
    assert NOW_MS <= intake.clock_ms <= clock[0]
    assert marks_ms
    assert all(NOW_MS <= at_ms <= clock[0] for at_ms in marks_ms)
