"""The stores of a data directory, opened together and closed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from console.parts import ConsoleParts
from fencewatch import __version__
from fencewatch.config import Settings
from pipeline.clock import Clock, clock_of
from pipeline.journal import Journal
from pipeline.sites.load import load_site
from sinks.access import TokenStore
from sinks.access_log import AccessLog
from sinks.disposal import LEASE_MS, LEASE_MS_MAX, DisposalQueue
from sinks.positions import PositionStore
from sinks.tracks import TrackArchive

TOKENS, ACCESSES, FIGURES = "tokens.sqlite", "accesses.sqlite", "run-metrics.json"


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
    """All that `serve` works on; it is the journal's only writer.

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
            journal=stack.enter_context(Journal(settings.journal)),
            queue=stack.enter_context(DisposalQueue.open(settings.queue)),
            positions=positions,
            tracks=TrackArchive(settings.tracks, ZoneInfo(site.policy.timezone)),
            tokens=tokens,
            accesses=accesses,
            now_ms=clock.now_ms,
            speed=clock.speed,
            is_simulated=clock.is_simulated,
            lease_ms=lease_ms(clock),
            run_metrics=data / FIGURES,
            version=__version__,
        )


def lease_ms(clock: Clock) -> int:
    """How long a claim holds: half an hour of whoever made it, however fast the log's clock runs."""
    return min(round(LEASE_MS * clock.speed), LEASE_MS_MAX)
