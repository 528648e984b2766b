"""What the console is put together from; whoever starts it opens these and closes them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from console.gazetteer import Gazetteer
from console.places import PER_TOKEN_MOST
from console.tile_archive import TileArchive
from geofences.instant import BEGIN_MS
from pipeline.host.clock import system_now_ms
from pipeline.host.pace import Pace
from pipeline.host.steady_clock import Doubt, SteadyClock
from pipeline.ingest.running_site import RunningSite
from pipeline.log.protocol import Log, LogWriter
from pipeline.sites.records import Site
from sinks.access import TokenStore
from sinks.access_log import AccessLog
from sinks.disposal import LEASE_MS, DisposalQueue
from sinks.operations_log import OperationsLog
from sinks.positions import PositionStore
from sinks.rejects import RejectStore
from sinks.tracks import TrackArchive

#: The page's own files.
WEB = Path(__file__).parent / "web"


@dataclass(frozen=True, slots=True, eq=False)
class ConsoleParts:
    """Opened parts and plain settings.

    Without a ``log_writer`` the log is written by another process, and rows are not taken here.
    ``now_ms`` is the one clock of arrivals, leases and marks; ``speed`` is how much faster than real time
    it runs. Where it ``is_simulated``, everything shown must say so. A claim holds for ``lease_ms`` of that
    clock. What the log holds from before ``log_kept_ms`` ago is removed (None: nothing), when ``log_pace``
    lets it. ``steady`` is the clock that the log is stamped with (None: ``now_ms``), ``doubt`` the jump of
    the machine's clock that it does not follow. ``run_metrics`` is the file in which the engine tells of
    itself (None: there is none to look at), ``operations`` the log of what happens to the system. ``vendor``
    is the folder of npm packages that the page imports from. ``real_now_ms`` is the machine's clock, by
    which tokens expire. ``security_log`` is the file that tells who was refused what (None: nowhere).
    ``running_site`` keeps the site and takes its changes (None: it does not change while this runs).
    """

    site: Site
    log: Log
    log_writer: LogWriter | None
    queue: DisposalQueue
    positions: PositionStore
    tracks: TrackArchive
    tokens: TokenStore
    accesses: AccessLog
    rejects: RejectStore
    now_ms: Callable[[], int]
    speed: float = 1.0
    is_simulated: bool = False
    lease_ms: int = LEASE_MS
    log_kept_ms: int | None = None
    log_pace: Pace | None = None
    steady: SteadyClock | None = None
    doubt: Callable[[], Doubt | None] = lambda: None
    run_metrics: Path | None = None
    security_log: Path | None = None
    operations: OperationsLog | None = None
    real_now_ms: Callable[[], int] = system_now_ms
    streams_per_token: int = PER_TOKEN_MOST
    gazetteer: Gazetteer = field(default_factory=Gazetteer)
    basemap: TileArchive | None = None
    web: Path = WEB
    vendor: Path | None = None
    version: str = ""
    running_site: RunningSite | None = None
    store_problems: Callable[[], list[str]] = list

    @property
    def log_clock_ms(self) -> int:
        """The log's clock, where it is written here; BEGIN_MS else."""
        return BEGIN_MS if self.log_writer is None else self.log_writer.clock_ms

    @property
    def clock_text(self) -> str:
        """What the clock is, in a word or two."""
        return f"simulated, x{self.speed:g}" if self.is_simulated else "real time"
