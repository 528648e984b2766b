"""`fencewatch run`: the live engine with the queue, the positions and the track archive behind it."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import date, timedelta
from threading import Event, Thread
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from fencewatch.config import FIGURES, Settings
from fencewatch.entrance import entered, report, settled
from fencewatch.housekeeping import Housekeeping
from fencewatch.memory import memory_warning, rooms
from fencewatch.opened import opened_inbox
from fencewatch.opened_registry import first_documents, opened_site
from fencewatch.patience import Patience
from geofences.instant import EPOCH
from pipeline.engine.compiled_site import CompiledSite
from pipeline.host.clock import clock_of
from pipeline.ingest.refusals import refused_rows
from pipeline.ingest.running_site import RunningSite
from pipeline.log.journal.embedded import embedded
from pipeline.reading.rows import DUPLICATE, REASONS
from pipeline.registry.catching_up import catch_up
from pipeline.runtime.beginning import recorded
from pipeline.runtime.live import LiveEngine, LiveRequest
from pipeline.runtime.site_history import SiteHistory
from pipeline.runtime.whereabouts import Locator, Whereabouts
from pipeline.sites.documents import HOLIDAYS
from pipeline.sites.offices import parents_at
from pipeline.sites.records import Site
from pipeline.sites.row_columns import cells_of
from pipeline.stream.intake import Reject
from pipeline.stream.items import Accepted, AlertUpdate
from pipeline.upkeep.kinds import mark_reached
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import Standing, StoresDisagree
from sinks.disposal import AlertChange, DisposalQueue
from sinks.errors import SinkFailed
from sinks.operations_log import OPERATIONS, OperationsLog
from sinks.positions import Contact, Position, PositionStore
from sinks.rejects import RejectStore
from sinks.run_metrics import RunMetrics
from sinks.tracks import TrackArchive, TrackColumn

#: How often the engine's figures are written.
_FIGURES_EVERY_S = 1.0
#: A table of holidays that ends in fewer days is warned of; the next year's are published in November.
_HOLIDAYS_AHEAD = 60


def run(settings: Settings) -> None:
    """Judge the journal until SIGTERM or SIGINT; then drain, keep the state and return.

    With an inbox the journal is written here as well.
    """
    documents = first_documents(settings)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    found = entered(settings.data)
    operations = OperationsLog(settings.data / OPERATIONS)
    patience = Patience(operations, clock_of(settings.data).now_ms, stop)
    with (
        opened_site(settings, documents) as running,
        patience.done(settings.queue, lambda: DisposalQueue.open(settings.queue)) as queue,
    ):
        site = running.site
        parents = parents_at(site.offices, clock_of(settings.data).now_ms())
        patience.done(settings.queue, lambda: queue.set_offices(parents))
        outputs = Outputs(settings, running, queue, patience)
        engine = LiveEngine(
            LiveRequest(
                sites=SiteHistory(
                    recorded(running.registry, (running.number, running.site)), outputs.begin_with
                ),
                policies=site.policies,
                fingerprint=running.registry.fingerprint,
                log=embedded(settings.journal),
                state=settings.state,
                write_alerts=outputs.write_alerts,
                write_rows=outputs.write_rows,
                flush_rows=outputs.flush_rows,
                write_rejects=outputs.write_rejects,
                reached=outputs.reached,
                rewound=outputs.rewound,
            ),
            stop,
        )
        with closing(engine), opened_inbox(settings, running, stop), outputs.figures_saved(engine):
            outputs.standing = patience.done(settings.queue, lambda: settled(settings.data, found))
            now_ms = clock_of(settings.data).now_ms()
            if (warning := holidays_warning(site, now_ms)) is not None:
                print(warning, file=sys.stderr, flush=True)
            warning = memory_warning(rooms(), len(site.bindings), site.policies.horizon_ms(now_ms))
            if warning is not None:
                print(warning, file=sys.stderr, flush=True)
            print(f"judging the log of {settings.data}", flush=True)
            engine.run()


def holidays_warning(site: Site, now_ms: int) -> str | None:
    """What to say where a schedule uses public holidays and the table of them ends soon, or has ended."""
    schedules = cells_of(site.fences, "schedule")
    if not any(schedule is not None and schedule.uses_holidays for schedule in schedules):
        return None
    last = max(site.holidays.years)
    today = (
        (EPOCH + timedelta(milliseconds=now_ms))
        .astimezone(ZoneInfo(site.policies.at(now_ms).timezone))
        .date()
    )
    if (date(last, 12, 31) - today).days >= _HOLIDAYS_AHEAD:
        return None
    return (
        f"warning: {HOLIDAYS}: the public holidays of {last + 1} are missing; schedules use them, and the "
        f"engine stops where {last} ends; expected the year in the site's {HOLIDAYS}, and then "
        "`fencewatch site import` of it"
    )


class Outputs:
    """Where the engine's findings go; alerts are durable at once, rows at the end of an epoch."""

    def __init__(
        self, settings: Settings, running: RunningSite, queue: DisposalQueue, patience: Patience
    ) -> None:
        site = running.site
        self._registry = running.registry
        self._settings = settings
        self._patience = patience
        self._now_ms = clock_of(settings.data).now_ms
        self._timezone = site.policy.timezone
        self._queue = queue
        self._positions = PositionStore.open(settings.positions)
        self._rejects = RejectStore.open(settings.rejects)
        self._tracks = TrackArchive(settings.tracks, ZoneInfo(site.policy.timezone))
        self._housekeeping = Housekeeping(
            settings,
            self._positions,
            self._tracks,
            self._rejects,
            ZoneInfo(site.policy.timezone),
        )
        self.standing: Standing | None = None
        self._waiting: list[Whereabouts] = []
        self._before = RunMetrics.read(settings.data / FIGURES)
        # Each is replaced as a whole, since the figures are saved by a thread of their own.
        self._reached: tuple[int, int | None] = 0, None
        self._writes: tuple[int, float, float] = 0, 0.0, 0.0

    def begin_with(self, compiled: CompiledSite) -> None:
        """The site as it is where the engine goes on."""
        self._locator = Locator.of(compiled)

    def _move(self, compiled: CompiledSite) -> None:
        """The site has changed at this place of the log."""
        if compiled.splice is not None:
            self._locator.follow(compiled)
            return
        parents = parents_at(compiled.site.offices, self._now_ms())
        self._patience.done(self._settings.queue, lambda: self._queue.set_offices(parents))
        self.begin_with(compiled)

    def write_alerts(self, told: list[AlertUpdate]) -> None:
        """Alerts into the queue: durable when this returns."""
        begun = time.perf_counter()
        changes = [AlertChange(item.alert, item.offset, item.clock_ms) for item in told]
        try:
            self._patience.done(self._settings.queue, lambda: self._queue.apply(changes))
        except SQLAlchemyError as error:
            raise SinkFailed(f"{self._settings.queue}: the queue cannot be written: {error}") from error
        seconds = time.perf_counter() - begun
        count, s_sum, s_max = self._writes
        self._writes = count + 1, s_sum + seconds, max(s_max, seconds)

    def reached(self, offset: int) -> None:
        """All that the log says up to a record is durable in every store; told before the log lets go of it.

        Raises StoresDisagree where somebody took or replaced a store meanwhile.
        """
        data = self._settings.data
        if self.standing is not None and (found := self.standing.findings()):
            report(data, "store_unfit", found)
            raise StoresDisagree(found)
        self._patience.done(self._settings.queue, lambda: self._queue.reached(offset))
        self._patience.done(self._settings.positions, lambda: self._positions.reached(offset))
        # Whoever takes changes may have been killed before the registry had one of them.
        catch_up(self._registry, embedded(self._settings.journal))
        for store in (Store.TRACKS, Store.STATE):
            mark_reached(data, store, offset)

    def rewound(self, offset: int, consumed: int) -> None:
        """The engine goes on from before where it had come: what it told is told again, and taken once."""
        details = {"from": offset, "had_reached": consumed}
        OperationsLog(self._settings.data / OPERATIONS).append(self._now_ms(), "state_rewound", details)
        print(
            f"warning: {self._settings.state}: the state is of an earlier time; the log is judged again from "
            f"record {offset} (it had been up to {consumed})",
            file=sys.stderr,
            flush=True,
        )

    def write_rows(self, accepted: list[Accepted]) -> None:
        """Positions and contacts at once; tracks wait for the end of the epoch. A clock mark has no rows."""
        for item in accepted:
            self._reached = item.offset, item.clock_ms
            self._housekeeping.passed(item.clock_ms)
        found: list[Whereabouts] = []
        contacts: list[Contact] = []
        for item in accepted:
            if item.moved is not None:
                self._move(item.moved.compiled)
            if item.rows is not None:
                found.append(self._locator.whereabouts(item.rows))
                contacts += self._locator.contacts(item.rows, item.batteries)
        self._waiting += (part for part in found if len(part))
        latest = [position for part in found for position in _positions(part)]
        self._patience.done(self._settings.positions, lambda: self._positions.put(latest, contacts))

    def flush_rows(self) -> None:
        """What came in this epoch into the archive: durable when this returns."""
        if self._waiting:
            self._archive()
        _, clock_ms = self._reached
        if clock_ms is not None:
            self._patience.done(
                self._settings.positions, lambda: self._housekeeping.tidy(clock_ms, self._locator)
            )

    def _archive(self) -> None:
        columns: dict[str, TrackColumn] = {
            field.name: [cell for part in self._waiting for cell in getattr(part, field.name)]
            for field in fields(Whereabouts)
        }
        self._tracks.append(columns, f"upto-{self._reached[0]:012d}")
        self._waiting = []

    def write_rejects(self, rejects: list[Reject]) -> None:
        """Rows that the engine refuses, durable when this returns; told again after a kill, each stands once.

        Duplicates aside: the first of the two was taken.
        """
        at_ms = self._now_ms()
        rows = [
            row
            for reject in rejects
            if reject.reason != REASONS[DUPLICATE]
            for row in refused_rows(
                [(reject.row, reject.reason, reject.raw)],
                at_ms=at_ms, source=reject.file, sender=None, once=True,
            )
        ]  # fmt: skip
        self._patience.done(self._settings.rejects, lambda: self._rejects.put(rows))

    @contextmanager
    def figures_saved(self, engine: LiveEngine) -> Iterator[None]:
        """Saves the figures now and then, also while nothing comes, and once more at the end."""
        ended = Event()

        def save() -> None:
            while not ended.wait(_FIGURES_EVERY_S):
                self._save_figures(engine)

        saver = Thread(target=save, name="figures", daemon=True)
        saver.start()
        try:
            yield
        finally:
            ended.set()
            saver.join()
            self._save_figures(engine)

    def _save_figures(self, engine: LiveEngine) -> None:
        """What `serve` shows of the engine."""
        intake, log = engine.intake, engine.log
        offset, clock_ms = self._reached
        counts = intake.counts
        writes, write_s_sum, write_s_max = self._writes
        told = RunMetrics(
            at_ms=self._now_ms(),  # after all that it is the time of
            timezone=self._timezone,
            offset=offset or (0 if log is None else log.offset),  # nothing came: where it resumed
            clock_ms=clock_ms or intake.clock_ms,
            rows=counts.read,
            accepted=counts.accepted,
            rejected=dict(counts.rejected),
            writes=writes,
            write_s_sum=write_s_sum,
            write_s_max=write_s_max,
        )
        told.not_behind(self._before).save(self._settings.data / FIGURES)


def _positions(found: Whereabouts) -> list[Position]:
    accuracies = [None if math.isnan(metres) else metres for metres in found.accuracy_m.tolist()]
    columns = zip(
        found.device_id, found.person_id, found.office_id, found.event_ms.tolist(),
        found.arrival_ms.tolist(), found.lon.tolist(), found.lat.tolist(), accuracies, found.source,
        strict=True,
    )  # fmt: skip
    return [Position(*row) for row in columns]
