"""Recorded streams through the dataflow, from files to an alert file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main, run_main
from numpy.typing import NDArray

from pipeline.host.collection import seldom_collected
from pipeline.host.outputs import whole_file
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import Challenges, DeviceIds, StreamFile, open_stream
from pipeline.reading.raw_batch import RawBatch
from pipeline.runtime.beginning import Beginning
from pipeline.runtime.dataflow import Parts, build
from pipeline.runtime.halt import Halt
from pipeline.runtime.site_history import SiteHistory
from pipeline.runtime.sources import RecordedLog
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.records import Site
from pipeline.sites.site_versions import IndexedSite
from pipeline.stream.arrival_order import ArrivalOrder, Jump, Overridden, order_warnings
from pipeline.stream.file_outcome import FileOutcomes
from pipeline.stream.intake import Intake, Reject
from pipeline.stream.items import LogItem, RecordedChange
from pipeline.stream.merge import merged
from pipeline.stream.recorded_changes import with_changes
from sinks.ledger import AlertLedger

BATCH_ROWS = 1 << 16

#: A replay is not resumed, so its epochs serve nothing but backpressure.
_EPOCH = timedelta(seconds=1)
#: A stream that is read as fast as it goes makes many; garbage is looked for after so many.
_NEW_OBJECTS = 200_000


class ToFiles(Protocol):
    """Where the results of a replay go, and how far it judges."""

    @property
    def alerts(self) -> Path: ...

    @property
    def rejects(self) -> Path | None: ...

    @property
    def until_ms(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to replay, and where to."""

    site: Site
    pings: Sequence[Path]
    confirmations: Sequence[Path]
    alerts: Path
    rejects: Path | None = None
    until_ms: int | None = None
    workers: int = 1
    batch_rows: int = BATCH_ROWS
    accept_jump: bool = False
    changes: Sequence[RecordedChange] = ()
    documents: SiteDocuments | None = None  # the site as it was written, where there are changes of it


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What a replay read and found; ``start_ms`` and ``until_ms`` are None where no row was accepted.

    ``out_of_order`` says by file which rows say they arrived before a row ahead of them, ``jump`` where
    the clock went furthest ahead at once.
    """

    rows: int
    accepted: int
    rejected: dict[str, int]
    alerts: dict[str, int]
    withdrawn: int
    start_ms: int | None
    until_ms: int | None
    seconds: float
    warnings: list[str] = field(default_factory=list)
    out_of_order: dict[str, Overridden] = field(default_factory=dict)
    jump: Jump | None = None

    @property
    def rows_per_second(self) -> float:
        """Rows read a second, from opening the files to the alert file."""
        return self.rows / self.seconds if self.seconds else 0.0


#: Told after each batch: bytes read and bytes in all.
Progress = Callable[[int, int], None]


def replay(request: ReplayRequest, progress: Progress | None = None) -> ReplaySummary:
    """Run recorded streams to their end and write what they raise.

    Raises InputError where a file cannot be read as what it is said to be, HolidayYearMissing where a
    schedule needs a year that the site's holiday table lacks. Files are written whole or not at all.
    """
    begun = time.perf_counter()
    sites = SiteHistory()
    sites.know(device_id for change in request.changes for device_id in change.device_ids)
    rows = None if request.documents is None else IndexedSite(request.documents)
    sites.begin_with(Beginning(request.site, rows))
    log = _Recording(request, sites.devices.ids, progress)
    halt = Halt()
    source = RecordedLog(log.open, request.until_ms, halt)
    ledger = judge_to_files(request, source, log.intake, sites, halt, request.workers)
    summary = summary_of(request, log.intake, ledger, begun, log.warnings())
    return replace(summary, out_of_order=log.order.files, jump=log.order.jump)


def judge_to_files(
    to: ToFiles,
    source: RecordedLog,
    intake: Intake,
    sites: SiteHistory,
    halt: Halt,
    workers: int = 1,
) -> AlertLedger:
    """Judge a recorded log to its end; its alerts are in their file when this returns."""
    ledger = AlertLedger()
    with whole_file(to.alerts) as alerts, _whole_or_none(to.rejects) as rejects:
        parts = Parts(
            source=source,
            make_intake=lambda _: intake,
            router=sites.router,
            make_shard=sites.make_shard,
            write_alerts=lambda updates: ledger.write(item.alert for item in updates),
            write_rejects=None if rejects is None else _lines_to(rejects),
            until_ms=to.until_ms,
            sites=sites,
            halt=halt,
        )
        _run(build(parts), workers)
        halt.reraise()
        ledger.save(alerts)
    return ledger


def summary_of(
    to: ToFiles, intake: Intake, ledger: AlertLedger, begun_s: float, warnings: list[str]
) -> ReplaySummary:
    """What was read and found, ``begun_s`` being the performance counter at the start."""
    until_ms = intake.clock_ms if to.until_ms is None else to.until_ms
    return ReplaySummary(
        rows=intake.read,
        accepted=intake.accepted,
        rejected=dict(intake.rejected),
        alerts=ledger.by_kind(),
        withdrawn=ledger.withdrawn(),
        start_ms=intake.start_ms,
        until_ms=None if intake.start_ms is None else until_ms,
        seconds=time.perf_counter() - begun_s,
        warnings=warnings,
    )


def _lines_to(rejects: BinaryIO) -> Callable[[list[Reject]], None]:
    return lambda found: rejects.writelines(reject.line() for reject in found)


class _Recording:
    """The files of a replay as one log, and the intake that reads it."""

    def __init__(self, request: ReplayRequest, device_ids: Sequence[str], progress: Progress | None) -> None:
        challenges = Challenges()
        devices = DeviceIds(device_ids)
        self._changes = request.changes
        named = [(path, PING) for path in request.pings] + [(p, CONFIRMATION) for p in request.confirmations]
        self._files: list[StreamFile] = [
            open_stream(path, kind=kind, number=number, devices=devices, challenges=challenges)
            for number, (path, kind) in enumerate(named)
        ]
        self._batch_rows = request.batch_rows
        self._progress = progress
        self.order = ArrivalOrder(request.site, request.until_ms, accept_jump=request.accept_jump)
        self._outcomes = FileOutcomes([str(path) for path, _ in named], [kind for _, kind in named])
        self.intake = Intake(request.site.policies, challenges, self._observe)

    def open(self, skip_rows: int) -> Iterator[LogItem]:
        """The merged batches after the first so many rows, with the changes of the site among them."""
        return with_changes(self._batches(skip_rows), self._changes)

    def _batches(self, skip_rows: int) -> Iterator[RawBatch]:
        total = sum(file.bytes_total for file in self._files)
        for batch in merged(self._files, self._batch_rows, skip_rows=skip_rows):
            yield batch
            if self._progress is not None:
                self._progress(sum(file.bytes_read for file in self._files), total)

    def warnings(self) -> list[str]:
        """What is worth reporting of the files."""
        of_files = [warning for file in self._files for warning in file.warnings()]
        return [*of_files, *self._outcomes.warnings(), *order_warnings(self.order)]

    def _observe(self, batch: RawBatch, reason: NDArray[np.int8], arrival_ms: NDArray[np.int64]) -> None:
        self._outcomes.observe(batch, reason, arrival_ms)
        self.order.observe(batch, reason, arrival_ms)


def _run(flow: Dataflow, workers: int) -> None:
    """Run a flow to its end in this process."""
    with seldom_collected(_NEW_OBJECTS):
        if workers == 1:
            run_main(flow, epoch_interval=_EPOCH)
        else:
            cluster_main(flow, [], 0, epoch_interval=_EPOCH, worker_count_per_proc=workers)


def _whole_or_none(path: Path | None) -> AbstractContextManager[BinaryIO | None]:
    return nullcontext() if path is None else whole_file(path)
