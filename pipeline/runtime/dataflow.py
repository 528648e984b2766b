"""The dataflow: this is all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source

from pipeline.checkpoint import Stored
from pipeline.correlation.correlator import Correlator
from pipeline.correlation.report import ShardReport
from pipeline.engine.shard import Shard
from pipeline.runtime.agreement import Agreement
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.runtime.halt import Halt
from pipeline.runtime.site_history import SiteHistory
from pipeline.runtime.steps import CorrelationLogic, IntakeLogic, Keeping, ShardLogic, Taken, WriterSink
from pipeline.stream.intake import Intake, Reject
from pipeline.stream.items import Accepted, AlertUpdate, EpochStart, LogItem, Router, ShardItem


@dataclass(frozen=True, slots=True)
class Parts:
    """What a dataflow is made of; ``store`` None: a run that is not meant to be resumed."""

    source: Source[LogItem]
    make_intake: Callable[[Stored | None], Intake]
    router: Router
    make_shard: Callable[[int], Shard]
    write_alerts: Callable[[list[AlertUpdate]], None]
    write_rejects: Callable[[list[Reject]], None] | None  # None: rejects are only counted
    write_rows: Callable[[list[Accepted]], None] | None = None  # for positions, tracks and figures
    flush_rows: Callable[[], None] | None = None  # makes them durable at the end of an epoch
    until_ms: int | None = None
    store: CheckpointStore | None = None
    sites: SiteHistory | None = None  # None: the site stays as it is
    halt: Halt = field(default_factory=Halt)
    agreement: Agreement = field(default_factory=Agreement)


def rejected(item: Taken) -> Reject | None:
    """The item where it is a reject."""
    return item if isinstance(item, Reject) else None


def accepted(item: Taken) -> Accepted | None:
    """The item where it is accepted rows, or the clock going on without any."""
    return item if isinstance(item, Accepted) else None


def update(judged: tuple[str, AlertUpdate | ShardReport]) -> tuple[str, AlertUpdate] | None:
    """An alert of a shard."""
    shard, found = judged
    return (shard, found) if isinstance(found, AlertUpdate) else None


def report(judged: tuple[str, AlertUpdate | ShardReport]) -> tuple[str, ShardReport] | None:
    """What a shard says of itself, for whoever looks at all of them."""
    _, found = judged
    return ("all", found) if isinstance(found, ShardReport) else None


def build(parts: Parts) -> Dataflow:
    """Log → intake → shards → alerts, with rejects on the side, and what no shard sees alone."""

    keeping = Keeping(parts.store, parts.halt, parts.router, parts.agreement)

    def intake(token: str | None) -> IntakeLogic:
        state = None
        with parts.halt.at_fault():
            state = keeping.stored(token)
            parts.agreement.intake(state)
        made, listed = parts.make_intake(state), parts.write_rejects is not None
        return IntakeLogic(
            made,
            parts.until_ms,
            keeping,
            token,
            state,
            list_rejects=listed,
            read_batteries=parts.write_rows is not None,
            sites=parts.sites,
        )

    def shard(token: str | None) -> ShardLogic:
        return ShardLogic(parts.make_shard, keeping, token)

    def correlation(_: None) -> CorrelationLogic:
        return CorrelationLogic(Correlator(lambda: parts.router.shards), parts.halt)

    def route(item: Taken) -> Sequence[ShardItem | EpochStart]:
        if isinstance(item, EpochStart):
            return [EpochStart(shard, item.keeps) for shard in range(parts.router.shards)]
        return parts.router.route(item) if isinstance(item, Accepted) else []

    flow = Dataflow("fencewatch")
    log = op.input("log", flow, parts.source)  # RawBatch | ClockMark | … | LogEnd
    keyed = op.key_on("one-order", log, lambda _: "log")  # the log has one order, so one intake
    taken = op.stateful_batch("intake", keyed, intake)  # (log, Accepted | Reject | EpochStart)
    if parts.write_rejects is not None:
        rejects = op.filter_map_value("rejects", taken, rejected)  # (log, Reject)
        op.output("rejects-out", rejects, WriterSink(parts.write_rejects, parts.halt))
    if parts.write_rows is not None:
        rows = op.filter_map_value("accepted", taken, accepted)  # (log, Accepted)
        op.output("rows-out", rows, WriterSink(parts.write_rows, parts.halt, parts.flush_rows))
    items = op.flat_map("by-shard", op.key_rm("rows", taken), route)  # ShardItem | EpochStart
    shards = op.key_on("shard", items, lambda item: f"{item.shard:05d}")
    judged = op.stateful_batch("judge", shards, shard)  # (shard, AlertUpdate | ShardReport)
    updates = op.filter_map("of-shards", judged, update)  # (shard, AlertUpdate)
    reports = op.filter_map("reports", judged, report)  # ("all", ShardReport)
    of_all = op.stateful_batch("correlate", reports, correlation)  # ("all", AlertUpdate)
    alerts = op.merge("alerts", updates, of_all)
    op.output("alerts-out", alerts, WriterSink(parts.write_alerts, parts.halt))
    return flow
