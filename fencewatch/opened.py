"""The stores of a data directory, opened together and closed together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

from console.parts import ConsoleParts
from fencewatch import __version__
from fencewatch.config import FIGURES, Settings
from pipeline.clock import Clock, clock_of
from pipeline.gateway import JournalWriter
from pipeline.gateway.inbox import Inbox
from pipeline.gateway.inbox_folder import InboxFolder
from pipeline.journal import Journal, JournalReader
from pipeline.reading import DeviceIds
from pipeline.sites.load import load_site
from pipeline.sites.records import Site
from sinks.access import TokenStore
from sinks.access_log import AccessLog
from sinks.disposal import LEASE_MS, LEASE_MS_MAX, DisposalQueue
from sinks.positions import PositionStore
from sinks.tracks import TrackArchive

TOKENS, ACCESSES = "tokens.sqlite", "accesses.sqlite"


@contextmanager
def opened_tokens(data: Path) -> Iterator[TokenStore]:
    """The access tokens of a data directory."""
    data.mkdir(parents=True, exist_ok=True)
    store = TokenStore.open(data / TOKENS)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened_console(settings: Settings) -> Iterator[ConsoleParts]:
    """All that `serve` works on; it is the journal's only writer, unless rows come by an inbox.

    Raises SiteError for a broken site, JournalError where another process writes the journal.
    """
    site = load_site(settings.site)
    data = settings.data
    clock = clock_of(data)
    with ExitStack() as stack:
        tokens = stack.enter_context(opened_tokens(data))
        accesses = AccessLog.open(data / ACCESSES)
        stack.callback(accesses.close)
        positions = PositionStore.open(settings.positions)
        stack.callback(positions.close)
        yield ConsoleParts(
            site=site,
            journal=stack.enter_context(_opened_journal(settings)),
            queue=stack.enter_context(DisposalQueue.open(settings.queue)),
            positions=positions,
            tracks=TrackArchive(settings.tracks, ZoneInfo(site.policy.timezone)),
            tokens=tokens,
            accesses=accesses,
            now_ms=clock.now_ms,
            speed=clock.speed,
            is_simulated=clock.is_simulated,
            lease_ms=lease_ms(clock),
            log_kept_ms=settings.log_kept_ms,
            run_metrics=data / FIGURES,
            streams_per_token=settings.streams_per_token,
            version=__version__,
        )


@contextmanager
def _opened_journal(settings: Settings) -> Iterator[Journal | JournalReader]:
    """The log, to be written where nobody else does."""
    log = Journal(settings.journal) if settings.inbox is None else JournalReader(settings.journal)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def opened_inbox(settings: Settings, site: Site, stop: Event) -> Iterator[None]:
    """Files of the inbox go into the log meanwhile, and the clock beside them; nothing where there is none.

    Leaving it sets ``stop``, as does a fault, which is then raised. Raises JournalError where another process
    writes the journal, InputError where the inbox is no directory.
    """
    if settings.inbox is None:
        yield
        return
    folder, clock = InboxFolder(settings.inbox), clock_of(settings.data)
    with Journal(settings.journal) as journal:
        horizon_ms = site.policy.backfill_horizon_ms
        writer = JournalWriter(
            journal,
            clock.now_ms,
            horizon_ms=horizon_ms,
            speed=clock.speed,
            kept_ms=settings.log_kept_ms,
        )
        devices = DeviceIds(sorted({binding.device_id for binding in site.bindings}))
        inbox = Inbox(folder, journal, writer, devices, tell=_tell, stop=stop)
        writer.start()
        inbox.start()
        try:
            yield
        finally:
            stop.set()
            inbox.finish()
            writer.stop()
    inbox.reraise()


def _tell(line: str) -> None:
    with suppress(OSError):  # nobody reads it any more; the rows are taken all the same
        print(line, file=sys.stderr, flush=True)


def lease_ms(clock: Clock) -> int:
    """How long a claim holds: half an hour of whoever made it, however fast the log's clock runs."""
    return min(round(LEASE_MS * clock.speed), LEASE_MS_MAX)
