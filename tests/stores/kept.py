"""A data directory with all its stores, as an engine that has come to a record of the log leaves them."""

from __future__ import annotations

import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

from disposal_alerts import told

from pipeline.log.journal import ConsumerOffsets, Entry, Journal, clock_mark, start_mark
from pipeline.log.record import PINGS
from pipeline.registry.registry import Registry
from pipeline.sites.documents import SiteDocuments
from pipeline.upkeep.kinds import mark_reached
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import adopt
from sinks.access import TokenStore
from sinks.access_log import Access, AccessLog
from sinks.disposal import DisposalQueue
from sinks.positions import PositionStore
from sinks.rejects import RejectedRow, RejectStore
from sinks.tracks import TrackArchive


def made(data: Path, records: int = 10) -> Path:
    """A directory whose engine has come to the log's end."""
    data.mkdir()
    gone_on(data, records)
    return data


def gone_on(data: Path, records: int) -> None:
    """So many records more in the log, and all stores as far."""
    with Journal(data / Store.LOG) as journal:
        rows = [Entry(PINGS, b"x" * 40) for _ in range(records - 2)]
        journal.append([start_mark(1_000), *rows, clock_mark(2_000)])
        end = journal.end_offset
    (data / Store.STATE).mkdir(exist_ok=True)
    (data / Store.STATE / "recovery").mkdir(exist_ok=True)
    TrackArchive(data / Store.TRACKS, ZoneInfo("Asia/Shanghai"))
    tokens, positions = TokenStore.open(data / Store.TOKENS), PositionStore.open(data / Store.POSITIONS)
    registry = Registry.open(data / Store.REGISTRY)
    accesses, rejects = AccessLog.open(data / Store.ACCESSES), RejectStore.open(data / Store.REJECTS)
    with DisposalQueue.open(data / Store.QUEUE) as queue:
        registry.begin(SiteDocuments(), record=0, at_ms=0, source="a site of nobody")
        adopt(data, Store)
        told(queue, end, n=end)
        tokens.create("operator", now_ms=1_000)
        accesses.record(Access(1_000, "li", "officer", "O1", "P1", 0, 1_000, "a look"))
        rejects.put([RejectedRow(1_000, "http", end, "bad_time", "D1", "li", "a row")])
        queue.reached(end)
        positions.reached(end)
        registry.reached(end)
    for store in (tokens, positions, accesses, rejects, registry):
        store.close()
    for directory in (Store.TRACKS, Store.STATE):
        mark_reached(data, directory, end)
    ConsumerOffsets(data / Store.LOG).put("engine", end)


def removed(data: Path, store: Store) -> None:
    """Taken away, with what SQLite keeps beside a file."""
    for path in [data / store, *data.glob(f"{store}-*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def put_back(data: Path, store: Store, source: Path) -> None:
    """The store of another directory, or of an earlier time, in place of the one that is there."""
    if (data / store).exists():
        removed(data, store)
    if (source / store).is_dir():
        shutil.copytree(source / store, data / store)
    else:
        shutil.copy(source / store, data / store)
