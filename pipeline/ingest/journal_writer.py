"""The one thread that writes the log: stamps rows with their arrival, and the clock beside them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from geofences.instant import BEGIN_MS
from pipeline.errors import PipelineError
from pipeline.host.pace import DAY_MS, Pace
from pipeline.host.steady_clock import SteadyClock
from pipeline.ingest.arriving import Arriving, NoFigures, WriterFigures
from pipeline.ingest.errors import ClockInDoubt, WriterStopped
from pipeline.ingest.loop_results import Settled
from pipeline.log.marks import GAP_MOST_MS
from pipeline.log.protocol import LogWriter
from pipeline.log.record import Entry, clock_mark, start_mark
from pipeline.reading.rows import BAD_TIME, USABLE

#: Real seconds after which the thread looks at the clock though nothing came.
TICK_S = 0.25
#: The log's clock gets a mark when it is this far past the last one.
MARK_EVERY_MS = 1_000
#: How often, by the log's clock, old parts of the log are looked for.
TIDY_EVERY_MS = 3_600_000
#: No two marks are farther apart while somebody listens, however fast the clock runs.
_STEP_MS = GAP_MOST_MS // 2
#: Requests that may share one write, and rows that may wait for one.
_GROUP_MOST = 256
WAITING_ROWS_MOST = 500_000

_log = logging.getLogger(__name__)


#: The rows come back as what they were submitted.
Rows = TypeVar("Rows", bound=Arriving)


@dataclass(slots=True, eq=False)
class _Submission(Generic[Rows]):
    """Rows of one sender on their way to the disk."""

    rows: Rows
    source: str
    done: Settled[Rows]

    def judged(self, arrival_ms: int, horizon_ms: int) -> _Submission[Rows]:
        """The same with rows that have arrived."""
        return _Submission(self.rows.at(arrival_ms, horizon_ms), self.source, self.done)


class Change(Protocol):
    """A change of the site on its way to the disk; both are called by the writer's thread."""

    def prepare(self, clock_ms: int) -> Entry | None:
        """The record, resolved at the log's clock; None where there is nothing to write. May raise."""

    def taken(self, number: int, clock_ms: int) -> None:
        """The record is durable in its place. Nothing else is prepared before this returns; never raises."""


@dataclass(slots=True, eq=False)
class _WaitingChange:
    """A change and whoever waits for it."""

    change: Change
    done: Future[None] = field(default_factory=Future)


class JournalWriter:
    """Rows from any thread become durable in the order of their arrival, many requests by one write.

    Rows are stamped here and not where they come in: so no row's arrival is before a mark or a row that
    stands before it in the log.
    """

    def __init__(
        self,
        journal: LogWriter,
        now_ms: Callable[[], int],
        *,
        horizon_ms: Callable[[int], int],
        figures: WriterFigures | None = None,
        speed: float = 1.0,
        kept_ms: int | None = None,
        pace: Pace | None = None,
        disputed_ms: Callable[[], int | None] = lambda: None,
    ) -> None:
        """``horizon_ms`` says how old a row may be that arrives at an instant.

        What the log has from before ``kept_ms`` ago goes once nobody needs it (None: nothing does).

        ``pace`` says when that may be. ``disputed_ms`` is a later time than ``now_ms`` that it may be: rows
        that only the later one would take are left with their sender until it is known.
        """
        self._journal = journal
        self._now_ms = now_ms
        self._horizon_ms = horizon_ms
        self._figures = figures or NoFigures()
        # A clock that runs faster makes a longer gap of the same real pause.
        self._pause_most_ms = GAP_MOST_MS * max(1.0, speed)
        self._kept_ms = kept_ms
        self._pace = pace or Pace()
        self._disputed_ms = disputed_ms
        self._tidy_due_ms = BEGIN_MS
        #: No row that stands in the log arrived later.
        self._arrived_ms = BEGIN_MS
        self._submitted: SimpleQueue[_Submission[Any] | _WaitingChange | None] = SimpleQueue()
        self._waiting_rows = 0
        self._mutex = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Writes the mark of the opening and begins to take rows."""
        self._journal.append([start_mark(self._now_ms())])
        self._arrived_ms = self._journal.clock_ms
        self._thread.start()

    def stop(self) -> None:
        """Makes durable what was submitted, and ends."""
        self._submitted.put(None)
        self._thread.join()

    @property
    def is_writing(self) -> bool:
        """Whether rows can be made durable."""
        return self._thread.is_alive() and self.failure is None

    @property
    def clock_ms(self) -> int:
        """What would be written now arrives no earlier; asked by any thread."""
        return max(self._now_ms(), self._journal.clock_ms)

    def submit(self, rows: Rows, source: str) -> Future[Rows]:
        """Rows to write; the future has them with all their reasons once the accepted ones are durable.

        Raises WriterStopped where nothing can be written or too much is waiting.
        """
        done: Future[Rows] = Future()
        self.submit_for(done, rows, source)
        return done

    def submit_for(self, done: Settled[Rows], rows: Rows, source: str) -> None:
        """The same for somebody who is told by the writer's thread."""
        with self._mutex:
            if not self.is_writing:
                raise WriterStopped("the log cannot be written")
            if self._waiting_rows > WAITING_ROWS_MOST:
                raise WriterStopped("more rows are waiting than the log takes; send again later")
            self._waiting_rows += len(rows)
            self._submitted.put(_Submission(rows, source, done))

    def submit_change(self, change: Change) -> Future[None]:
        """A change of the site to resolve and write; the future is done when it is durable or needs none.

        The future raises what ``prepare`` raised, or WriterStopped where the log cannot be written, which is
        raised at once where that is known.
        """
        with self._mutex:
            if not self.is_writing:
                raise WriterStopped("the log cannot be written")
            waiting = _WaitingChange(change)
            self._submitted.put(waiting)
        return waiting.done

    def _run(self) -> None:
        goes_on = True
        with suppress(BaseException):  # reported already
            while goes_on:
                group, changes, goes_on = self._gathered()
                self._write(group)
                for waiting in changes:
                    self._write_change(waiting)
        # What came between the last look and the end of the thread is answered, not left waiting.
        with self._mutex:
            self.failure = self.failure or WriterStopped("the log is closed")
        group, changes, _ = self._gathered(wait_s=0.0)
        self._refuse(group, self.failure)
        for waiting in changes:
            waiting.done.set_exception(WriterStopped(f"the log cannot be written: {self.failure}"))

    def _gathered(self, wait_s: float = TICK_S) -> tuple[list[_Submission[Any]], list[_WaitingChange], bool]:
        """Rows and changes that are there, after waiting for the first; False once the end is asked for."""
        group: list[_Submission[Any]] = []
        changes: list[_WaitingChange] = []
        try:
            found = self._submitted.get(timeout=wait_s) if wait_s else self._submitted.get_nowait()
            while found is not None:
                if isinstance(found, _WaitingChange):
                    changes.append(found)
                else:
                    group.append(found)
                if len(group) + len(changes) >= _GROUP_MOST:
                    break
                found = self._submitted.get_nowait()
        except Empty:
            return group, changes, True
        return group, changes, found is not None

    def _write_change(self, waiting: _WaitingChange) -> None:
        """One change by a write of its own, behind a mark of the instant that it was resolved with."""
        try:
            # No row of the change's own millisecond stands before it.
            now_ms = max(self._now_ms(), self._journal.clock_ms, self._arrived_ms + 1)
            entry = waiting.change.prepare(now_ms)
        except BaseException as refusal:
            waiting.done.set_exception(refusal)
            return
        if entry is not None:
            try:
                self._append([*self._steps(now_ms), clock_mark(now_ms), entry])
            except BaseException as failure:
                waiting.done.set_exception(WriterStopped(f"the log cannot be written: {failure}"))
                self._fail([], failure)
                return
            waiting.change.taken(self._journal.end_offset - 1, now_ms)
        waiting.done.set_result(None)

    def take_by(self, horizon_ms: Callable[[int], int]) -> None:
        """Other policies say how old a row may be, from the next write on."""
        self._horizon_ms = horizon_ms

    def _write(self, group: list[_Submission[Any]]) -> None:
        try:
            now_ms = max(self._now_ms(), self._journal.clock_ms)
            group = self._undisputed(group, now_ms)
            judged = [submission.judged(now_ms, self._horizon_ms(now_ms)) for submission in group]
            entries = [entry for found in judged for entry in found.rows.entries(found.source, now_ms)]
            self._append([*self._marks(now_ms), *entries])
            if entries:
                self._arrived_ms = now_ms
        except BaseException as failure:
            self._fail(group, failure)
            return
        self._report(judged)
        self._tidy(now_ms)

    def _undisputed(self, group: list[_Submission[Any]], now_ms: int) -> list[_Submission[Any]]:
        """Without those that have a row of the future, which is none if the machine's clock is right."""
        later_ms = self._disputed_ms()
        if later_ms is None:
            return group

        def is_disputed(found: _Submission[Any]) -> bool:
            is_future = found.rows.at(now_ms, self._horizon_ms(now_ms)).reason == BAD_TIME
            return bool(
                (is_future & (found.rows.at(later_ms, self._horizon_ms(later_ms)).reason == USABLE)).any()
            )

        disputed = [submission for submission in group if is_disputed(submission)]
        self._leave(disputed)
        for submission in disputed:
            submission.done.set_exception(
                ClockInDoubt(
                    "rows are of a time that the log's clock has not reached, and the machine's clock "
                    "has jumped; send again later"
                )
            )
        return [submission for submission in group if submission not in disputed]

    def _fail(self, group: list[_Submission[Any]], failure: BaseException) -> None:
        """Nothing of the group is acknowledged; the next mark of the clock tries again, but after a bug."""
        is_bug = not isinstance(failure, PipelineError | OSError)
        if self.failure is None or is_bug:
            _log.error("the log cannot be written: %s", failure, exc_info=is_bug)
        self.failure = failure
        self._refuse(group, failure)
        if is_bug:
            raise failure

    def _tidy(self, now_ms: int) -> None:
        """Once an hour, a day of the log at most; a log that cannot be made shorter can still be written."""
        self._pace.passed(now_ms)
        if self._kept_ms is None or now_ms < self._tidy_due_ms:
            return
        self._tidy_due_ms = now_ms + TIDY_EVERY_MS
        try:
            if self._pace.may_remove(now_ms) and (due := self._journal.due(now_ms - self._kept_ms)):
                first_ms, last_ms = due[0].ended_ms, due[-1].ended_ms
                if last_ms - first_ms > DAY_MS:
                    self._pace.report_more(now_ms, "log", -(-(last_ms - first_ms) // DAY_MS))
                self._journal.drop_old(min(last_ms, first_ms + DAY_MS) + 1)
        except (OSError, PipelineError) as failure:  # a segment that is damaged, say
            _log.error("old parts of the log cannot be removed: %s", failure)

    def _append(self, entries: Sequence[Entry]) -> None:
        if entries:
            begun = time.perf_counter()
            self._journal.append(entries)
            self._figures.appended(time.perf_counter() - begun)
            if self.failure is not None:
                _log.warning("the log can be written again")
                self.failure = None

    def _marks(self, now_ms: int) -> Iterable[Entry]:
        """The clock where it is due: in steps as long as somebody listened all the time, else at once."""
        if now_ms - self._journal.clock_ms < MARK_EVERY_MS:
            return []
        return [*self._steps(now_ms), clock_mark(now_ms)]

    def _steps(self, now_ms: int) -> Iterable[Entry]:
        """Marks on the way to the clock, where it ran on while somebody listened."""
        last_ms = self._journal.clock_ms
        steps = range(last_ms + _STEP_MS, now_ms, _STEP_MS) if now_ms - last_ms <= self._pause_most_ms else ()
        return [clock_mark(at_ms) for at_ms in steps]

    def _report(self, group: list[_Submission[Any]]) -> None:
        self._leave(group)
        for submission in group:
            self._figures.count(submission.rows)
            submission.done.set_result(submission.rows)

    def _refuse(self, group: list[_Submission[Any]], failure: BaseException) -> None:
        self._leave(group)
        for submission in group:
            submission.done.set_exception(WriterStopped(f"the log cannot be written: {failure}"))

    def _leave(self, group: list[_Submission[Any]]) -> None:
        with self._mutex:
            self._waiting_rows -= sum(len(submission.rows) for submission in group)


def log_writer(
    journal: LogWriter, now_ms: Callable[[], int], steady: SteadyClock | None, **settings: Any
) -> JournalWriter:
    """A writer that stamps by a steady clock where there is one, else by ``now_ms``."""
    if steady is None:
        return JournalWriter(journal, now_ms, **settings)
    return JournalWriter(journal, steady.now_ms, disputed_ms=steady.disputed_ms, **settings)
