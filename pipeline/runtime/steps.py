"""The stateful steps of the dataflow as bytewax wants them; what they do is written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from pipeline.checkpoint import Stored
from pipeline.correlation.correlator import Correlator
from pipeline.correlation.report import GapSeen, ShardReport
from pipeline.engine.shard import Shard
from pipeline.errors import InputError
from pipeline.log.decoded import Logged
from pipeline.log.marks import ClockMark
from pipeline.log.site_record import SiteRecord
from pipeline.reading.raw_batch import RawBatch
from pipeline.runtime.agreement import Agreement
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.runtime.halt import Halt
from pipeline.runtime.site_history import SiteHistory
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.edits import Edit
from pipeline.stream.batteries import batteries_of
from pipeline.stream.intake import Intake, Reject
from pipeline.stream.items import (
    Accepted,
    AlertUpdate,
    EpochStart,
    LogEnd,
    LogItem,
    RecordedChange,
    Router,
    ShardItem,
)
from sinks.alert import Alert

X = TypeVar("X")

#: What comes out of the intake.
Taken = Accepted | Reject | EpochStart


@dataclass(frozen=True, slots=True)
class Keeping:
    """How state is kept and found again; without a ``store`` it is not."""

    store: CheckpointStore | None
    halt: Halt
    router: Router
    agreement: Agreement = field(default_factory=Agreement)

    def stored(self, token: str | None) -> Stored | None:
        """The state of a token. Raises CheckpointDamaged."""
        return None if self.store is None or token is None else self.store.get(token)


class IntakeLogic(StatefulBatchLogic[LogItem, Taken, str | None]):
    """Raw rows in merged order become accepted rows and rejects; the end of the log becomes clock."""

    def __init__(
        self,
        intake: Intake,
        until_ms: int | None,
        keeping: Keeping,
        token: str | None,
        stored: Stored | None,
        *,
        list_rejects: bool = True,
        read_batteries: bool = False,
        sites: SiteHistory | None = None,
    ) -> None:
        """``stored``, named by ``token``, is what the intake goes on from.

        ``read_batteries``: somebody asks for them.

        ``sites`` takes the changes of the site, where there may be any.
        """
        self._sites = sites
        self._intake = intake
        self._list_rejects = list_rejects
        self._read_batteries = read_batteries
        self._halt = keeping.halt
        self._until_ms = until_ms
        self._keeping = keeping
        self._place = 0 if stored is None else stored.place
        self._sent = {} if stored is None else dict(stored.others)
        self._token = token
        #: Whether the epoch at hand keeps states.
        self._keeps = True

    def on_batch(self, values: list[LogItem]) -> tuple[Iterable[Taken], bool]:
        emitted: list[Taken] = []
        with self._halt.at_fault():
            for value in [] if self._halt else values:
                received = self._receive(value)
                self._note(value, received)
                emitted += received
        return emitted, self.RETAIN

    def _note(self, item: LogItem, received: list[Taken]) -> None:
        """How far the log was taken in and each shard sent something: a restart compares them."""
        if self._keeping.store is None or not isinstance(item, Logged):
            return
        self._place = item.offset
        for accepted in received:
            if isinstance(accepted, Accepted):
                self._sent |= {
                    f"shard-{shard}": item.offset for shard in self._keeping.router.reached(accepted)
                }

    def _receive(self, item: LogItem) -> list[Taken]:
        match item:
            case EpochStart():
                self._keeps = item.keeps
                return [item]
            case LogEnd():
                return self._end(item)
            case Logged(content=ClockMark() as mark):
                return self._mark(mark, item.offset)
            case Logged(content=RawBatch() as batch):
                return self._ingest(batch, item.offset)
            case Logged(content=SiteRecord() as record):
                return self._change(record.change.edits, record.at_ms, item.offset)
            case RawBatch():
                return self._ingest(item, 0)
            case RecordedChange():
                return self._recorded_change(item)
        raise AssertionError(f"no item of a log: {item!r}")

    def _ingest(self, batch: RawBatch, offset: int) -> list[Taken]:
        result = self._intake.ingest(batch, list_rejects=self._list_rejects)
        rows, places = result.accepted, result.places
        if self._until_ms is not None:  # later arrivals are read and counted, not judged
            judged = rows.arrival_ms <= self._until_ms
            rows, places = rows.select(judged), places[judged]
        emitted: list[Taken] = list(result.rejects)
        if len(rows) and self._intake.start_ms is not None:
            batteries = batteries_of(batch, places) if self._read_batteries else None
            emitted.append(Accepted(rows, self._intake.start_ms, None, offset=offset, batteries=batteries))
        return emitted

    def _mark(self, mark: ClockMark, offset: int) -> list[Taken]:
        if self._intake.start_ms is None:  # a journal's clock begins with its first mark
            self._intake.start_ms = mark.at_ms
        past_ms, gap = mark.at_ms, mark.clock_gap
        if self._until_ms is not None and past_ms > self._until_ms:
            past_ms, gap = self._until_ms + 1, None
        return [Accepted(None, self._intake.start_ms, past_ms, gap, offset)]

    def _change(self, edits: Sequence[Edit], at_ms: int, offset: int) -> list[Taken]:
        """Another site from an instant on; what lies behind the end that is asked for is not judged."""
        assert self._sites is not None, "somebody follows the site where it changes"
        moved = self._sites.take(list(edits), at_ms)
        self._intake.follow(moved.compiled.site.policies)
        if self._until_ms is not None and at_ms > self._until_ms:
            return []
        start_ms = at_ms if self._intake.start_ms is None else self._intake.start_ms
        return [Accepted(None, start_ms, at_ms, offset=offset, moved=moved)]

    def _recorded_change(self, change: RecordedChange) -> list[Taken]:
        """The same as of a live log, resolved by the clock at its place. Raises InputError where refused."""
        assert self._sites is not None, "somebody follows the site where it changes"
        clock_ms = self._intake.clock_ms
        at_ms = change.arrival_ms if clock_ms is None else max(change.arrival_ms, clock_ms)
        try:
            edits = resolved(self._sites.rows, change.operations, at_ms)
        except ChangeRefused as refused:
            raise InputError(f"{change.place}: {refused}") from None
        if self._intake.start_ms is None:  # nothing was judged yet
            moved = self._sites.take(list(edits.edits), at_ms, is_judged=False)
            self._intake.follow(moved.compiled.site.policies)
            return []
        self._intake.hold_clock(at_ms)
        return self._change(edits.edits, at_ms, 0) if edits else []

    def _end(self, end: LogEnd) -> list[Taken]:
        start_ms, last_ms = self._intake.start_ms, self._intake.clock_ms
        if start_ms is None or last_ms is None:
            return []
        until_ms = last_ms if end.until_ms is None else end.until_ms
        return [Accepted(None, start_ms, until_ms + 1)]

    def snapshot(self) -> str | None:
        self._halt.forbid_commit()
        if self._keeping.store is None or self._keeping.store.skips(self._keeps):
            return self._token
        kept = replace(self._intake.checkpoint(), place=self._place, others=self._sent)
        self._token = self._keeping.store.keep("intake", kept)
        return self._token


class ShardLogic(StatefulBatchLogic[ShardItem | EpochStart, AlertUpdate | ShardReport, str | None]):
    """One shard, made when it first gets something. It reports where the log's clock has brought it."""

    def __init__(
        self,
        make_shard: Callable[[int], Shard],
        keeping: Keeping,
        token: str | None,
    ) -> None:
        self._make_shard = make_shard
        self._halt = keeping.halt
        self._keeping = keeping
        self._token = token
        #: Whether the epoch at hand keeps states.
        self._keeps = True
        self._number = -1
        self._place = 0
        self._shard: Shard | None = None
        #: Alerts that a site other than that of the kept state makes different ones.
        self._of_the_site: list[Alert] = []

    def on_batch(
        self, values: list[ShardItem | EpochStart]
    ) -> tuple[Iterable[AlertUpdate | ShardReport], bool]:
        updates: dict[
            str, AlertUpdate
        ] = {}  # of an alert that changed more than once here, the last state counts
        reports: list[ShardReport] = []
        with self._halt.at_fault():
            for item in [] if self._halt else values:
                if isinstance(item, EpochStart):
                    self._keeps = item.keeps
                    continue
                place = item.accepted.offset, item.accepted.clock_ms
                updates |= {alert.alert_key: AlertUpdate(alert, *place) for alert in self._judge(item)}
                reports += self._report(item)
        return [*updates.values(), *reports], self.RETAIN

    def _judge(self, item: ShardItem) -> list[Alert]:
        shard, accepted = self._ready(item), item.accepted
        self._place = accepted.offset
        waiting, self._of_the_site = self._of_the_site, []
        return waiting + self._judge_item(shard, accepted)

    def _judge_item(self, shard: Shard, accepted: Accepted) -> list[Alert]:
        if accepted.moved is not None:
            self._shard, alerts = shard.moved_to(
                accepted.moved.compiled, accepted.moved.at_ms, accepted.start_ms
            )
            return alerts
        alerts = shard.step(accepted.rows) if accepted.rows is not None else []
        if accepted.clock_gap is not None:
            alerts += shard.skip_gap(accepted.clock_gap.from_ms, accepted.clock_gap.to_ms)
        return alerts if accepted.past_ms is None else alerts + shard.advance(accepted.past_ms)

    def _report(self, item: ShardItem) -> list[ShardReport]:
        """Where a mark of the clock has brought the shard; rows bring only those that have them on."""
        accepted = item.accepted
        if accepted.past_ms is None:
            return []
        gap = accepted.clock_gap
        seen = None
        if gap is not None:
            told = self._ready(item).told_of_gap(gap.from_ms, gap.to_ms)
            seen = GapSeen(gap.from_ms, gap.to_ms, *told)
        return [ShardReport(item.shard, accepted.clock_ms, accepted.offset, seen)]

    def _ready(self, item: ShardItem) -> Shard:
        if self._shard is None:
            self._number = item.shard
            shard, stored = self._make_shard(item.shard), self._keeping.stored(self._token)
            self._keeping.agreement.shard(f"shard-{item.shard}", stored)
            if stored is not None:
                self._of_the_site = shard.restore(stored, item.accepted.start_ms)
            shard.start(item.accepted.start_ms)
            if self._keeping.store is not None:
                shard.checkpoint()  # the first takes longest: better now than while rows wait
            self._shard = shard
        return self._shard

    def snapshot(self) -> str | None:
        self._halt.forbid_commit()
        store = self._keeping.store
        if store is None or self._shard is None or store.skips(self._keeps):
            return self._token
        kept = replace(self._shard.checkpoint(), place=self._place)
        self._token = store.keep(f"shard-{self._number}", kept)
        return self._token


class CorrelationLogic(StatefulBatchLogic[ShardReport, AlertUpdate, None]):
    """What looks at all shards. It has no state to keep."""

    def __init__(self, correlator: Correlator, halt: Halt) -> None:
        self._correlator = correlator
        self._halt = halt

    def on_batch(self, values: list[ShardReport]) -> tuple[Iterable[AlertUpdate], bool]:
        found: list[AlertUpdate] = []
        with self._halt.at_fault():
            found = [] if self._halt else self._correlator.take(values)
        return found, self.RETAIN

    def snapshot(self) -> None:
        self._halt.forbid_commit()


class WriterSink(FixedPartitionedSink[X, None]):
    """All items, in order, to one function; they are durable when it, or then ``flush``, returns.

    ``flush`` is called before an epoch's state is kept, so that nothing is forgotten that is not durable.
    """

    def __init__(
        self, write: Callable[[list[X]], None], halt: Halt, flush: Callable[[], None] | None = None
    ) -> None:
        self._write = write
        self._halt = halt
        self._flush = flush

    def list_parts(self) -> list[str]:
        return ["all"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _WriterPart[X]:
        return _WriterPart(self._write, self._halt, self._flush)


class _WriterPart(StatefulSinkPartition[X, None]):
    def __init__(
        self, write: Callable[[list[X]], None], halt: Halt, flush: Callable[[], None] | None
    ) -> None:
        self._write = write
        self._halt = halt
        self._flush = flush

    def write_batch(self, values: list[X]) -> None:
        with self._halt.at_fault():
            self._write(values)

    def snapshot(self) -> None:
        with self._halt.at_fault():
            if self._flush is not None:
                self._flush()
        self._halt.forbid_commit()
