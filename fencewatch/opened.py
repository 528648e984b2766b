"""The stores of a data directory, opened together and closed together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

from console.county_lines import bounds_around
from console.gazetteer import Gazetteer, packaged_places
from console.parts import ConsoleParts
from console.tile_archive import TileArchive, WrongArchive
from fencewatch import __version__
from fencewatch.config import ACCESSES, FIGURES, Settings
from fencewatch.entrance import entered, problems_of, report_damage
from fencewatch.leases import lease_ms
from fencewatch.opened_registry import first_documents, opened_site
from fencewatch.opened_tokens import opened_tokens
from pipeline.errors import InputError
from pipeline.host.clock import clock_of, doubt_of, steady_clock_of, system_now_ms
from pipeline.host.pace import Pace
from pipeline.host.steady_clock import SteadyClock
from pipeline.ingest.inbox import Inbox
from pipeline.ingest.inbox_folder import InboxFolder
from pipeline.ingest.journal_writer import log_writer
from pipeline.ingest.known_devices import known_devices
from pipeline.ingest.running_site import RunningSite
from pipeline.log.journal import Journal
from pipeline.log.journal.embedded import embedded
from pipeline.sites.named_places import load_places
from pipeline.sites.records import Site
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import Standing, adopt
from sinks.access_log import AccessLog
from sinks.disposal import DisposalQueue
from sinks.operations_log import OPERATIONS, OperationsLog
from sinks.positions import PositionStore
from sinks.rejects import RejectStore
from sinks.security_log import SECURITY
from sinks.tracks import TrackArchive

#: How far the removal of what is old has come, of the log and of the rest.
LOG_PACE, TRACKS_PACE = "log-retention.json", "tracks-retention.json"


@contextmanager
def opened_console(settings: Settings) -> Iterator[ConsoleParts]:
    """All that `serve` works on; it is the journal's only writer, unless rows come by an inbox.

    Raises SiteError for a broken site, LogError where another process writes the journal.
    """
    documents = first_documents(settings)
    data = settings.data
    clock = clock_of(data)
    entered(data)
    with ExitStack() as stack:
        tokens = stack.enter_context(opened_tokens(data))
        accesses = AccessLog.open(data / ACCESSES)
        stack.callback(accesses.close)
        positions = PositionStore.open(settings.positions)
        stack.callback(positions.close)
        # Where rows come by an inbox, `run` is the one who writes.
        journal = stack.enter_context(_written_journal(settings)) if settings.inbox is None else None
        running = stack.enter_context(opened_site(settings, documents))
        site = running.site
        rejects = RejectStore.open(settings.rejects)
        stack.callback(rejects.close)
        queue = stack.enter_context(DisposalQueue.open(settings.queue))
        tracks = TrackArchive(settings.tracks, ZoneInfo(site.policy.timezone))
        adopt(data, Store)
        yield ConsoleParts(
            site=site,
            log=embedded(settings.journal),
            log_writer=journal,
            queue=queue,
            positions=positions,
            tracks=tracks,
            tokens=tokens,
            accesses=accesses,
            rejects=rejects,
            gazetteer=_gazetteer(settings.site, site),
            basemap=_opened_basemap(settings, stack),
            now_ms=clock.now_ms,
            real_now_ms=system_now_ms if clock.is_simulated else clock.now_ms,
            speed=clock.speed,
            is_simulated=clock.is_simulated,
            lease_ms=lease_ms(clock),
            log_kept_ms=settings.log_kept_ms,
            log_pace=pace(data, LOG_PACE),
            steady=None if journal is None else _steady_clock(settings, journal),
            doubt=lambda: doubt_of(data),
            run_metrics=data / FIGURES,
            security_log=data / SECURITY,
            operations=OperationsLog(data / OPERATIONS),
            streams_per_token=settings.streams_per_token,
            running_site=running,
            version=__version__,
            store_problems=problems_of(data, Standing(data)),
        )


def _opened_basemap(settings: Settings, stack: ExitStack) -> TileArchive | None:
    """The archive of tiles that the configuration names. Raises InputError where it is none."""
    if settings.basemap is None:
        return None
    try:
        archive = TileArchive.open(settings.basemap)
    except WrongArchive as error:
        raise InputError(str(error)) from None
    stack.callback(archive.close)
    return archive


def _gazetteer(directory: Path, site: Site) -> Gazetteer:
    """Names of places around the site's fences; none are looked for where there are no fences."""
    own = load_places(directory)
    return Gazetteer(own, packaged_places(bounds_around(site.fences)) if site.fences else ())


@contextmanager
def _written_journal(settings: Settings) -> Iterator[Journal]:
    """The log open for writing; damage in it is told of."""
    with Journal(settings.journal) as journal:
        report_damage(settings.data, journal)
        yield journal


@contextmanager
def opened_inbox(settings: Settings, running: RunningSite, stop: Event) -> Iterator[None]:
    """Files of the inbox go into the log meanwhile, and the clock beside them; nothing where there is none.

    Leaving it sets ``stop``, as does a fault, which is then raised. Raises LogError where another process
    writes the journal, InputError where the inbox is no directory.
    """
    if settings.inbox is None:
        yield
        return
    site = running.site
    folder, clock = InboxFolder(settings.inbox), clock_of(settings.data)
    with _written_journal(settings) as journal:
        writer = log_writer(
            journal,
            clock.now_ms,
            _steady_clock(settings, journal),
            horizon_ms=site.policies.horizon_ms,
            speed=clock.speed,
            kept_ms=settings.log_kept_ms,
            pace=pace(settings.data, LOG_PACE),
        )
        devices = _Devices(site)
        running.follow(devices.follow)
        running.follow(lambda site, _: writer.take_by(site.policies.horizon_ms))
        inbox = Inbox(folder, journal, writer, lambda: devices.now, report=_report, stop=stop)
        writer.start()
        running.start(writer)
        inbox.start()
        try:
            yield
        finally:
            stop.set()
            inbox.finish()
            running.stop()
            writer.stop()
    inbox.reraise()


class _Devices:
    """The devices that rows may come from, as the site is now."""

    def __init__(self, site: Site) -> None:
        self._site, self.now = site, known_devices(site)

    def follow(self, site: Site, _: int) -> None:
        self._site, self.now = site, known_devices(site, (self._site, self.now))


def _steady_clock(settings: Settings, journal: Journal) -> SteadyClock | None:
    hold_ms, believe_ms = settings.hold_minutes * 60_000, settings.believe_days * 86_400_000
    return steady_clock_of(settings.data, journal.clock_ms, hold_ms, believe_ms)


def pace(data: Path, name: str) -> Pace:
    """When what is old may be removed, kept in a file of that name."""
    return Pace(data / name, OperationsLog(data / OPERATIONS))


def _report(line: str) -> None:
    with suppress(OSError):  # nobody reads it any more; the rows are taken all the same
        print(line, file=sys.stderr, flush=True)
