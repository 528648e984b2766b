"""Two of the three facts by which a page may call itself live: rows coming in, and the engine getting on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from console.engine_watch import WHY_WORDS, EngineStanding, EngineWatch, Look
from console.live_site import LiveSite
from console.parts import ConsoleParts
from console.rhythms import Reports, Rhythms
from pipeline.ingest import JournalWriter
from pipeline.log.arrivals import row_arrivals
from pipeline.log.errors import LogError
from pipeline.log.marks import ClockMark
from pipeline.log.protocol import LogReader
from pipeline.log.record import MARKS, STREAM_OF, Record
from sinks.alert import instant_text
from sinks.run_metrics import RunMetrics

#: Real seconds between two looks.
LOOK_EVERY_S = 0.5
#: From so many records before the log's end, and no more bytes of it, rhythms are learnt at the start.
_BEGIN_RECORDS, _BEGIN_BYTES = 20_000, 64 << 20
#: Pieces of the log read at one look; each has 8 MiB at most.
_PIECES_MOST = 4

_log = logging.getLogger(__name__)


class Liveness:
    """Looks at log and engine in a thread of its own, which no request can hold up."""

    def __init__(self, parts: ConsoleParts, live_site: LiveSite, writer: JournalWriter | None) -> None:
        self._parts = parts
        self._live_site = live_site
        self._site = live_site.now
        self._writer = writer
        self._watch = EngineWatch(writes_log=writer is None)
        self._mutex = threading.Lock()
        self._rhythms = Rhythms(self._site.site)
        self._reader: LogReader | None = None
        self._stalled_from: tuple[float, int] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="liveness", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._ended.set()
        self._thread.join()
        self._let_go()

    @property
    def engine(self) -> EngineStanding:
        """How the engine stood at the last look."""
        return self._watch.standing

    def reports(self, offices: Collection[str]) -> Reports:
        """Who of these offices is to report and has not, as far as the log was read."""
        with self._mutex:
            return self._rhythms.reports(offices)

    def intake_problem(self) -> str | None:
        """Why rows cannot be made durable here; None where they can, or come in elsewhere."""
        if self._writer is None or self._writer.is_writing:
            return None
        return f"the log cannot be written: {self._writer.failure or 'not started'}"

    def problems(self) -> list[str]:
        """What keeps alerts from being raised, in words for those who keep the system running."""
        standing = self.engine
        if standing.why is None:
            return []
        waits = f"nothing was judged for {standing.idle_s:.0f} s while rows or marks of the clock waited"
        return [f"the engine has stalled: {waits}; {WHY_WORDS[standing.why]}"]

    def look(self, at_s: float) -> None:
        """One look, at a real time in seconds that only goes forward."""
        self._keep_up()
        if self._parts.run_metrics is not None:
            self._report(self._watch.look(self._seen(self._parts.run_metrics), at_s), at_s)
        try:
            self._follow()
        except (LogError, OSError) as error:  # the engine stumbles over it too, and says so
            _log.warning("rows coming in cannot be followed for now: %s", error)
            self._let_go()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                self.look(time.monotonic())
            except Exception:  # whatever it is, the next look is wanted all the more
                _log.exception("a look at the engine failed")

    def _seen(self, path: Path) -> Look:
        figures = RunMetrics.read(path)
        end, now_ms = self._parts.log.end_offset, self._parts.now_ms()
        if figures is None:
            return Look(end, now_ms)
        try:
            state = path.stat()
        except FileNotFoundError:
            return Look(end, now_ms)
        return Look(end, now_ms, figures.offset, figures.clock_ms, (state.st_ino, state.st_mtime_ns))

    def _report(self, standing: EngineStanding, at_s: float) -> None:
        """Into the operations log, once as it stalls and once as it gets on again."""
        log, now_ms = self._parts.operations, self._parts.now_ms()
        if standing.why is not None and self._stalled_from is None:
            self._stalled_from = (at_s - standing.idle_s, now_ms)
            if log is not None:
                said = {"why": standing.why, "says": WHY_WORDS[standing.why]}
                log.append(now_ms, "engine_stalled", said | {"idle_s": round(standing.idle_s, 1)})
        elif standing.why is None and self._stalled_from is not None:
            begun_s, begun_ms = self._stalled_from
            self._stalled_from = None
            if log is not None:
                details = {"stalled_at": instant_text(begun_ms), "stalled_s": round(at_s - begun_s, 1)}
                log.append(now_ms, "engine_recovered", details)

    def _keep_up(self) -> None:
        """Who is to report is who the site now says; what was heard of them stays known."""
        if self._site is not self._live_site.now:
            self._site = self._live_site.now
            with self._mutex:
                self._rhythms.follow(self._site.site)

    def _follow(self) -> None:
        """What the log has got since the last look, a bounded part of it at a time."""
        reader = self._reader
        if reader is None:
            log = self._parts.log
            begin = log.offset_near_end(_BEGIN_RECORDS, _BEGIN_BYTES)
            reader = self._reader = log.reader(begin)
        for _ in range(_PIECES_MOST):
            records = reader.poll()
            if not records or self._ended.is_set():
                return
            with self._mutex:
                for are_rows, found in groupby(records, key=lambda record: record.kind in STREAM_OF):
                    if are_rows:  # between two marks, which is within a second for the most part
                        self._rhythms.hear(*row_arrivals(list(found), self._rhythms.numbers))
                    else:
                        self._pass(found)

    def _let_go(self) -> None:
        """Of the log; the next look begins anew, a bit before its end."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _pass(self, records: Iterable[Record]) -> None:
        """The log's clock goes on; a change of the site is nobody's report."""
        for record in records:
            if record.kind in MARKS:
                gap = ClockMark.of(record).clock_gap
                if gap is not None:
                    self._rhythms.skip_gap(gap.to_ms - gap.from_ms)
                self._rhythms.passed(record.clock_ms)


def liveness_json(live: Liveness, offices: Collection[str], now_ms: int) -> dict[str, Any]:
    """What the page is told; the link it knows itself."""
    reports, standing = live.reports(offices), live.engine
    newest_ms = reports.newest_ms
    return {
        "engine": {"stalled": standing.is_stalled, "why": standing.why, "idle_s": round(standing.idle_s, 1)},
        "intake": {"problem": live.intake_problem()},
        "reports": {
            "devices": reports.devices,
            "overdue": reports.overdue,
            "newest_age_s": None if newest_ms is None else max(0, now_ms - newest_ms) / 1000,
        },
    }
