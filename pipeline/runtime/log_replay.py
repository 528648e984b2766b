"""The log of a live system through the dataflow once more, from its first record to an alert file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.log.decoded import DecodedLog
from pipeline.log.protocol import Log
from pipeline.log.rows import RowDecoder
from pipeline.reading import Challenges, DeviceIds
from pipeline.runtime.beginning import BeginningAt
from pipeline.runtime.halt import Halt
from pipeline.runtime.replay import Progress, ReplaySummary, judge_to_files, summary_of
from pipeline.runtime.site_history import SiteHistory
from pipeline.runtime.sources import RecordedLog
from pipeline.stream.intake import Intake
from pipeline.stream.items import LogItem

#: Records read at a time.
_RECORDS = 4_096


@dataclass(frozen=True, slots=True)
class LogReplayRequest:
    """Which log to replay, and where to; ``beginning_at(record)`` is the site as of a record."""

    log: Log
    beginning_at: BeginningAt
    alerts: Path
    rejects: Path | None = None
    until_ms: int | None = None


def replay_log(request: LogReplayRequest, progress: Progress | None = None) -> ReplaySummary:
    """Judge all that a log holds, its marks and changes of the site included, as the live engine did.

    What arrived before the first record that is kept is not known: a warning says so. Raises InputError where
    there is no log.
    """
    begun = time.perf_counter()
    challenges, halt = Challenges(), Halt()
    sites = SiteHistory(request.beginning_at)
    first, end = _span(request.log)
    compiled = sites.begin(first)
    decoder = RowDecoder(DeviceIds(compiled.division.device_ids), challenges)
    intake = Intake(compiled.site.policies, challenges)

    def records(_: int) -> Iterator[LogItem]:
        with closing(DecodedLog(request.log.reader(first), decoder)) as log:
            while log.offset < end:
                yield from log.poll(min(_RECORDS, end - log.offset))
                if progress is not None:
                    progress(log.offset - first, end - first)

    source = RecordedLog(records, request.until_ms, halt)
    ledger = judge_to_files(request, source, intake, sites, halt)
    return summary_of(request, intake, ledger, begun, _warnings(request.log, first))


def _span(log: Log) -> tuple[int, int]:
    """The first record that a log keeps, and how many there are."""
    if not log.is_there:
        raise InputError(f"{log.name}: there is no log; expected the data directory of a live system")
    with closing(log.reader()) as reader:
        return log.first_offset, reader.end_offset


def _warnings(log: Log, first: int) -> list[str]:
    if not first:
        return []
    return [f"{log.name}: the log begins at record {first}: what came before is not kept and was not judged"]
