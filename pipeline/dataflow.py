"""The dataflow: this is all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source

from pipeline.checkpoints import CheckpointStore
from pipeline.intake import Intake, Reject
from pipeline.shard import Shard
from pipeline.steps import IntakeLogic, ShardLogic, WriterSink
from pipeline.stream import Accepted, LogItem, Router
from sinks.alert import Alert


@dataclass(frozen=True, slots=True)
class Parts:
    """What a dataflow is made of; ``store`` None: a run that is not meant to be resumed."""

    source: Source[LogItem]
    make_intake: Callable[[bytes | None], Intake]
    router: Router
    make_shard: Callable[[int], Shard]
    write_alerts: Callable[[list[Alert]], None]
    write_rejects: Callable[[list[Reject]], None]
    until_ms: int | None = None
    store: CheckpointStore | None = None


def build(parts: Parts) -> Dataflow:
    """Log → intake → shards → alerts, with rejects on the side."""

    def intake(token: str | None) -> IntakeLogic:
        state = parts.store.get(token) if parts.store is not None and token is not None else None
        return IntakeLogic(parts.make_intake(state), parts.until_ms, parts.store)

    def shard(token: str | None) -> ShardLogic:
        return ShardLogic(parts.make_shard, parts.store, token)

    flow = Dataflow("fencewatch")
    log = op.input("log", flow, parts.source)  # RawBatch | LogEnd
    keyed = op.key_on("one-order", log, lambda _: "log")  # the log has one order, so one intake
    taken = op.key_rm("taken", op.stateful_batch("intake", keyed, intake))  # Accepted | Reject
    sorted_out = op.branch("usable", taken, lambda item: isinstance(item, Accepted))
    items = op.flat_map("by-shard", sorted_out.trues, parts.router.route)  # ShardItem
    shards = op.key_on("shard", items, lambda item: f"{item.shard:05d}")
    alerts = op.stateful_batch("judge", shards, shard)  # (shard, Alert)
    op.output("alerts", alerts, WriterSink(parts.write_alerts))
    rejects = op.key_on("reject", sorted_out.falses, lambda _: "all")
    op.output("rejects", rejects, WriterSink(parts.write_rejects))
    return flow
