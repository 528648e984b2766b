"""The way back where the log's clock was dragged ahead: what the jump did is undone, and judged again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fencewatch.config import FIGURES, Settings
from fencewatch.opened import LOG_PACE, TRACKS_PACE
from pipeline.errors import InputError, PipelineError
from pipeline.host.clock import clock_of
from pipeline.host.disk import LockedError, acquire_lock, sync_directory
from pipeline.host.steady_clock import JUMP_MOST_MS
from pipeline.log.journal.high_water_mark import HighWaterMarkReader
from pipeline.log.journal.segment import find_end, segment_firsts, segment_path
from pipeline.log.journal.unjumped import Unjumped, first_jumped, unjump
from pipeline.upkeep.rebuild import rebuild
from sinks.disposal import DisposalQueue, Rewinding
from sinks.operations_log import OPERATIONS, OperationsLog
from sinks.positions import PositionStore

#: Where what was replaced is set aside, in a data directory.
ASIDE = "before-clock-repair"


@dataclass(frozen=True, slots=True)
class Repaired:
    """The log as it is now, how many alerts were withdrawn or put back to what they were before the jump,
    where what was replaced lies, and what was done so that the log is judged again."""

    log: Unjumped
    alerts: int
    aside: Path
    report: list[str]


def repair(data: Path) -> Repaired:
    """Make the log, and what came of it, as if its clock had never gone beyond the present time.

    The next `run` judges the log again, as after `fencewatch data rebuild`. Raises InputError where the log's
    clock is not ahead, PipelineError where somebody works on the data directory.
    """
    settings = Settings(Path(), data)
    now_ms = clock_of(data).now_ms()
    latest_ms = now_ms + JUMP_MOST_MS
    with _alone(settings.journal):
        end_ms = _log_clock_ms(settings.journal)
        if end_ms is None or end_ms <= latest_ms:
            raise InputError(
                f"{data}: the log's clock is not ahead of the present time; nothing is to be done"
            )
        report = list(rebuild(data))
        aside = _set_aside(settings, f"{ASIDE}-{now_ms}")
        alerts = _put_alerts_right(settings, now_ms, latest_ms)
        _forget_positions(settings, latest_ms)
        # Last: as long as the log is ahead, this can be done again.
        log = unjump(settings.journal, latest_ms, aside / "journal")
    assert log is not None, "the log was ahead"
    details = {"jumped_s": (log.jumped_ms - log.last_ms) // 1000, "records": log.records, "alerts": alerts}
    OperationsLog(data / OPERATIONS).append(now_ms, "clock_repaired", {**details, "aside": str(aside)})
    return Repaired(log, alerts, aside, report)


@contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """Nobody else writes the log meanwhile."""
    if not journal.is_dir():
        yield
        return
    try:
        lock = acquire_lock(journal / "lock")
    except LockedError as error:
        writer = "`serve`, or `run` with an inbox"
        raise PipelineError(f"{journal}: process {error.holder} works on it; stop {writer} first") from None
    try:
        yield
    finally:
        os.close(lock)


def _log_clock_ms(journal: Path) -> int | None:
    """The log's clock at its end; None where there is no log."""
    if not journal.is_dir() or not (firsts := segment_firsts(journal)):
        return None
    return find_end(segment_path(journal, firsts[-1]), HighWaterMarkReader(journal).read()).clock_ms


def _set_aside(settings: Settings, name: str) -> Path:
    """What was reckoned from the log's clock; a new start makes all of it anew."""
    aside = settings.data / name
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in (settings.data / one for one in (FIGURES, LOG_PACE, TRACKS_PACE)):
        if path.exists():
            path.rename(aside / path.name)
    sync_directory(settings.data)
    return aside


def _put_alerts_right(settings: Settings, now_ms: int, latest_ms: int) -> int:
    """What the engine told since the jump is taken back, as far as the log says what is true instead."""
    record = first_jumped(settings.journal, latest_ms)
    if not settings.queue.exists() or record is None:
        return 0
    first = segment_firsts(settings.journal)[0]
    with DisposalQueue.open(settings.queue) as queue:
        return queue.rewind(Rewinding(record, first, now_ms, latest_ms))


def _forget_positions(settings: Settings, latest_ms: int) -> None:
    """Of devices whose last report claims to be of later: the next one takes the place."""
    if not settings.positions.exists():
        return
    store = PositionStore.open(settings.positions)
    try:
        store.forget([found.device_id for found in store.latest(limit=10**9) if found.event_ms > latest_ms])
        store.forget_contacts_after(latest_ms)
    finally:
        store.close()
