"""Hours of one phone as a log, and the live engine over it in this process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pyarrow as pa

from pipeline.log.journal import Journal, clock_mark, start_mark
from pipeline.log.journal.embedded import embedded
from pipeline.log.protocol import Log
from pipeline.log.rows import rows_entry
from pipeline.ping import PING
from pipeline.runtime.beginning import Beginning
from pipeline.runtime.live import LiveEngine, LiveRequest
from pipeline.runtime.site_history import SiteHistory
from pipeline.sites.load import load_documents
from pipeline.sites.policies import Policies
from pipeline.sites.policy import Policy
from pipeline.stream.items import Accepted, AlertUpdate
from sinks.alert import alert_line

#: 2025-07-14T08:00+08:00, and a minute.
START_MS, MINUTE_MS = 1_752_451_200_000, 60_000


def minutes(first: int, end: int) -> Iterator[tuple[int, float]]:
    """When and where the phone is: at home, away in the middle of each hour, and silent at times."""
    for minute in range(first, end):
        if minute % 90 < 20 or minute % 7:
            yield START_MS + minute * MINUTE_MS, 108.0 if 25 <= minute % 60 < 40 else 106.5


def write_log(journal: Path, first: int, end: int) -> None:
    with Journal(journal) as log:
        log.append([start_mark(START_MS + first * MINUTE_MS)])
        for at_ms, lon in minutes(first, end):
            cells = {"device_id": ["D1"], "event_time": [at_ms], "lon": [lon], "lat": [29.5]}
            batch = pa.RecordBatch.from_pydict(cells)
            batch = batch.set_column(1, "event_time", batch["event_time"].cast(pa.timestamp("ms", "UTC")))
            log.append([rows_entry(PING, batch, source="test", arrival_ms=at_ms), clock_mark(at_ms)])


def judged(data: Path, lines: dict[str, bytes], log: Log | None = None) -> dict[str, bytes]:
    """Alerts by key after the log was judged from where the state stands to its end.

    ``log`` is read in place of the one of the directory.
    """
    found, stop = dict(lines), Event()
    end = embedded(data / "journal").end_offset if log is None else log.end_offset

    def tell(told: list[AlertUpdate]) -> None:
        found.update((item.alert.alert_key, alert_line(item.alert)) for item in told)

    def see(accepted: list[Accepted]) -> None:
        if accepted[-1].offset >= end:
            stop.set()

    site = load_documents(data / "site")
    read = log or embedded(data / "journal")
    request = LiveRequest(
        SiteHistory(lambda _: Beginning.of(site)), Policies(Policy()), "a site", read,
        data / "state", tell, see, lambda: None, lambda _: None, epoch=timedelta(0),
    )  # fmt: skip
    engine = LiveEngine(request, stop)
    try:
        engine.run()
    finally:
        engine.close()
    return found
