"""Everything that follows from the log made anew from it: the state, the alerts' facts, positions and tracks.

This only prepares; the engine then judges the log again from its first record. What people did stands in the
queue and stays there. Alerts of before the log's beginning stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from pipeline.log.journal import ConsumerOffsets
from pipeline.runtime.live import BEGIN, READER
from pipeline.upkeep.databases import opened_to_read
from pipeline.upkeep.kinds import stamp
from pipeline.upkeep.repair import CannotRepair, aside, lock
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import Look, look
from sinks.bearing import Bearing, SealedFile, witness_of
from sinks.disposal import DisposalQueue


def rebuild(data: Path) -> Iterator[str]:
    """Prepares it, one line for each thing done. Raises CannotRepair where an engine works on it."""
    seen = look(data)
    log = seen.stores[Store.LOG]
    if (wrong := [one for one in seen.findings() if one.store is Store.LOG and one.ends]) or not log.exists:
        raise CannotRepair(str(wrong[0]) if wrong else f"{log.path}: there is no log to judge from")
    identity = seen.root
    if identity is None:
        raise CannotRepair(f"{data}: no `serve` or `run` was ever started on it")
    handle = lock(data / Store.STATE)
    if handle is None:
        raise CannotRepair(f"{data / Store.STATE}: an engine works on it; stop `fencewatch run` first")
    try:
        yield from _prepare(data, seen, identity)
    finally:
        if handle >= 0:
            os.close(handle)


def _prepare(data: Path, seen: Look, identity: str) -> Iterator[str]:
    first = seen.log_first
    yield from _state(data, identity, first)
    yield from _queue(data, seen, identity, first)
    for store in (Store.POSITIONS, Store.TRACKS):
        part = seen.stores[store]
        if part.exists and part.bearing is not None:
            before = tuple((begin, end) for begin, end in part.bearing.gaps if begin < first)
            stamp(data, store, replace(part.bearing, position=first, gaps=before))
    ConsumerOffsets(data / Store.LOG).put(READER, first)
    yield f"{data / Store.LOG}: will be judged again from record {first}"


def _state(data: Path, identity: str, first: int) -> Iterator[str]:
    """An engine that has judged nothing, and begins where the log does."""
    state = data / Store.STATE
    if state.exists():
        yield f"{state}: set aside as {aside(data, state)}"
    state.mkdir(mode=0o700)
    stamp(data, Store.STATE, Bearing(identity))
    SealedFile(state / BEGIN).write({"record": first})


def _queue(data: Path, seen: Look, identity: str, first: int) -> Iterator[str]:
    part = seen.stores[Store.QUEUE]
    if not part.exists:
        DisposalQueue.open(part.path).disconnect()
        yield f"{part.path}: begun anew; its alerts come again as open, what people did is lost"
    bearing = part.bearing or Bearing(identity)
    stamp(data, Store.QUEUE, replace(bearing, position=first))
    witness_of(part.path).record(part.writes)
    with closing(opened_to_read(part.path)) as connection:
        older = connection.execute(
            "SELECT count(*) FROM alert WHERE state <> 'closed' AND revision <= ?", (first,)
        ).fetchone()[0]
    if first and older:
        yield f"{part.path}: {older} unfinished alerts are of before the log's beginning and stay as they are"
