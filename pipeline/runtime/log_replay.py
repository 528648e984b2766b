"""The log of a live system through the dataflow once more, from its first record to an alert file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.log.journal import JournalReader
from pipeline.log.journal.log import JournalLog
from pipeline.log.journal.segment import segment_firsts
from pipeline.log.rows import RowDecoder
from pipeline.reading import Challenges, DeviceIds
from pipeline.runtime.halt import Halt
from pipeline.runtime.replay import Progress, ReplaySummary, judge_to_files, summary_of
from pipeline.runtime.site_history import SiteHistory
from pipeline.runtime.sources import RecordedLog
from pipeline.sites.documents import SiteDocuments
from pipeline.stream.intake import Intake
from pipeline.stream.items import LogItem

#: Records read at a time.
_RECORDS = 4_096


@dataclass(frozen=True, slots=True)
class LogReplayRequest:
    """Which log to replay, and where to; ``documents_at(record)`` is the site as of a record."""

    journal: Path
    documents_at: Callable[[int], SiteDocuments]
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
    sites = SiteHistory(request.documents_at)
    first, end = _span(request.journal)
    compiled = sites.begin(first)
    decoder = RowDecoder(DeviceIds(compiled.division.device_ids), challenges)
    intake = Intake(compiled.site.policy, challenges)

    def records(_: int) -> Iterator[LogItem]:
        with closing(JournalLog(JournalReader(request.journal, first), decoder)) as log:
            while log.offset < end:
                yield from log.poll(min(_RECORDS, end - log.offset))
                if progress is not None:
                    progress(log.offset - first, end - first)

    source = RecordedLog(records, request.until_ms, halt)
    ledger = judge_to_files(request, source, intake, sites, halt)
    return summary_of(request, intake, ledger, begun, _warnings(request.journal, first))


def _span(journal: Path) -> tuple[int, int]:
    """The first record that a log keeps, and how many there are."""
    if not journal.is_dir():
        raise InputError(f"{journal}: there is no log; expected the data directory of a live system")
    with closing(JournalReader(journal, 0)) as reader:
        return min(segment_firsts(journal), default=0), reader.end_offset


def _warnings(journal: Path, first: int) -> list[str]:
    if not first:
        return []
    return [f"{journal}: the log begins at record {first}: what came before is not kept and was not judged"]
