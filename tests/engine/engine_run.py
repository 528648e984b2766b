"""The engine as tests run it: accepted rows, cut into batches, through the router into shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.columns import NUMBER, OTHER_COLUMNS, TRUTH
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.ping import NO_SOURCE, PingBatch
from pipeline.reference import ReferenceRow
from pipeline.sites.policy import SOURCES
from pipeline.sites.records import Site
from pipeline.stream.division import divide
from pipeline.stream.items import Accepted, Router
from pipeline.stream.readings import NOT_GIVEN, judged_readings
from sinks.alert import Alert, alert_line
from sinks.ledger import AlertLedger

#: Batches of so many rows; ALL is one batch.
ALL = 1 << 30


def to_batch(site: Site, rows: Sequence[ReferenceRow]) -> PingBatch:
    """Rows of the reference as the columns that the engine takes."""
    number = divide(site, 1).device_number

    def column(value: Callable[[ReferenceRow], Any], dtype: type) -> NDArray[Any]:
        return np.array([value(row) for row in rows], dtype)

    def degrees(value: Callable[[ReferenceRow], float | None]) -> NDArray[np.float64]:
        return np.array([np.nan if (v := value(row)) is None else v for row in rows], np.float64)

    challenge = np.full(len(rows), None, np.object_)
    challenge[:] = [row.challenge_id for row in rows]
    return PingBatch(
        device=column(lambda row: number[row.device_id], np.int32),
        kind=column(lambda row: row.kind, np.int8),
        event_ms=column(lambda row: row.event_ms, np.int64),
        arrival_ms=column(lambda row: row.arrival_ms, np.int64),
        given_arrival_ms=column(lambda row: row.given_arrival_ms, np.int64),
        lon=degrees(lambda row: row.lon),
        lat=degrees(lambda row: row.lat),
        given_lon=degrees(lambda row: row.given_lon),
        given_lat=degrees(lambda row: row.given_lat),
        accuracy_m=degrees(lambda row: row.accuracy_m),
        source=column(lambda row: NO_SOURCE if row.source is None else SOURCES.index(row.source), np.int8),
        face_ok=column(lambda row: row.face_ok, np.bool_),
        challenge=challenge,
        others={name: readings(rows, name) for name in judged_readings()},
    )


def readings(rows: Sequence[ReferenceRow], name: str) -> NDArray[Any]:
    """A column beside whose, when and where, as intake hands it on."""
    holds = OTHER_COLUMNS[name].holds
    if holds == NUMBER:
        return np.array([row.others.get(name, np.nan) for row in rows], np.float64)
    if holds == TRUTH:
        return np.array([row.others.get(name, NOT_GIVEN) for row in rows], np.int8)
    texts = np.empty(len(rows), np.object_)
    texts[:] = [row.others.get(name) for row in rows]
    return texts


class EngineRun:
    """Shards behind a router; ``renew`` goes on in new ones from checkpoints, as after a crash."""

    def __init__(self, compiled: CompiledSite, start_ms: int) -> None:
        self.compiled = compiled
        self._start_ms = start_ms
        self._router = Router(compiled.division)
        self._shards = self._new_shards()
        for shard in self._shards:
            shard.start(start_ms)
        self.ledger = AlertLedger()

    def _new_shards(self) -> list[Shard]:
        return [Shard(self.compiled, number) for number in range(self._router.shards)]

    def ingest(self, batch: PingBatch) -> None:
        """Accepted rows in merged order."""
        self._route(Accepted(batch, self._start_ms, None))

    def finish(self, until_ms: int) -> None:
        """All moments up to and with the end."""
        self._route(Accepted(None, self._start_ms, until_ms + 1))

    def change(self, compiled: CompiledSite, at_ms: int, site: Site) -> None:
        """Another site from an instant on, to which the log's clock has come."""
        self.compiled = CompiledSite.of(site, self._router.shards, compiled.division.device_ids)
        self._router = Router(self.compiled.division)
        moved = [shard.moved_to(compiled, at_ms, self._start_ms) for shard in self._shards]
        self._shards = [shard for shard, _ in moved]
        self.ledger.write([alert for _, alerts in moved for alert in alerts])

    def renew(self) -> None:
        """Go on in new shards that know nothing but the checkpoints."""
        states = [shard.checkpoint().stored() for shard in self._shards]
        self._shards = self._new_shards()
        for shard, state in zip(self._shards, states, strict=True):
            self.ledger.write(shard.restore(state, self._start_ms))
            shard.start(self._start_ms)

    def _route(self, accepted: Accepted) -> None:
        for item in self._router.route(accepted):
            shard = self._shards[item.shard]
            alerts: list[Alert] = [] if item.accepted.rows is None else shard.step(item.accepted.rows)
            if item.accepted.past_ms is not None:
                alerts += shard.advance(item.accepted.past_ms)
            self.ledger.write(alerts)


def engine_lines(
    site: Site,
    rows: Sequence[ReferenceRow],
    until_ms: int | None,
    *,
    size: int = ALL,
    cuts: Iterable[int] | None = None,
    shards: int = 1,
    renew_every: int | None = None,
    compiled: CompiledSite | None = None,
) -> list[bytes]:
    """The alert file the engine makes of rows, cut every ``size`` rows or at the given ``cuts``."""
    if not rows:
        return []
    until_ms = rows[-1].arrival_ms if until_ms is None else until_ms
    run = EngineRun(compiled or CompiledSite.of(site, shards), rows[0].arrival_ms)
    judged = [row for row in rows if row.arrival_ms <= until_ms]
    whole = to_batch(site, judged)
    inner = range(size, len(judged), size) if cuts is None else sorted({c for c in cuts if c < len(judged)})
    for number, (begin, end) in enumerate(pairwise([0, *inner, len(judged)])):
        run.ingest(whole.select(slice(begin, end)))
        if renew_every is not None and number % renew_every == 0:
            run.renew()
    run.finish(until_ms)
    return [alert_line(alert) for alert in run.ledger.alerts()]
