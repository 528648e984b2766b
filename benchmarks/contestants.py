"""What is measured: whole engines and their parts, each timed after doing the same on a small fleet."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from benchmarks.fleet import Fleet
from benchmarks.measurement import Stopwatch, Timing
from benchmarks.plain_engine import judge_with, recorded
from benchmarks.plain_rules import PlainRules
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.host.collection import seldom_collected
from pipeline.ping import CONFIRMATION, PING, PingBatch
from pipeline.reading import Challenges, DeviceIds, open_stream
from pipeline.reference import judge, read_rows
from pipeline.runtime.replay import BATCH_ROWS, ReplayRequest, replay
from pipeline.sites.load import load_site
from pipeline.stream.intake import Intake
from pipeline.stream.merge import merged
from sinks.ledger import AlertLedger


class _Kind(Protocol):
    @property
    def kind(self) -> str: ...


def whole_replay(fleet: Fleet, warm: Fleet) -> Timing:
    """Files to alert file, as the command does it; loading the site comes before the clock."""
    _replay(warm)
    return _replay(fleet)


def bare_engine(fleet: Fleet, warm: Fleet) -> Timing:
    """One shard stepped through accepted batches that lie in memory."""
    _step(warm)
    return _step(fleet)


def settled_engine(fleet: Fleet, warm: Fleet) -> Timing:
    """The same from a third of the rows on, when what is to be raised at first has been raised."""
    _step(warm, 1 / 3)
    return _step(fleet, 1 / 3)


def plain_from_files(fleet: Fleet, warm: Fleet) -> Timing:
    """The plain engine from Parquet rows as dicts to its alert file; its index is built before the clock."""
    _plain(warm, in_memory=False)
    return _plain(fleet, in_memory=False)


def plain_in_memory(fleet: Fleet, warm: Fleet) -> Timing:
    """The plain engine on rows that are dicts in memory already."""
    _plain(warm, in_memory=True)
    return _plain(fleet, in_memory=True)


def reference(fleet: Fleet, warm: Fleet) -> Timing:
    """The definition: files read and judged one row at a time."""
    _refer(warm)
    return _refer(fleet)


def _replay(fleet: Fleet) -> Timing:
    site = load_site(fleet.site)
    with tempfile.TemporaryDirectory() as scratch:
        alerts = Path(scratch) / "alerts.ndjson"
        request = ReplayRequest(site, [fleet.pings], [fleet.confirmations], alerts)
        watch = Stopwatch()
        summary = replay(request)
        return watch.stop(summary.rows, summary.alerts)


def _step(fleet: Fleet, untimed: float = 0.0) -> Timing:
    """``untimed``: the part of the batches that come before the clock of the measurement."""
    compiled = CompiledSite.of(load_site(fleet.site), 1)
    shard, ledger = Shard(compiled, 0), AlertLedger()
    start_ms, batches = _accepted(compiled, fleet)
    assert start_ms is not None, "a fleet without a row measures nothing"
    before, timed = batches[: int(untimed * len(batches))], batches[int(untimed * len(batches)) :]
    with seldom_collected():  # as every program of ours runs it
        shard.start(start_ms)
        for batch in before:
            ledger.write(shard.step(batch))
        watch = Stopwatch()
        for batch in timed:
            ledger.write(shard.step(batch))
        ledger.write(shard.advance(int(batches[-1].arrival_ms[-1]) + 1))
        return watch.stop(sum(map(len, timed)), ledger.by_kind())


def _accepted(compiled: CompiledSite, fleet: Fleet) -> tuple[int | None, list[PingBatch]]:
    challenges, devices = Challenges(), DeviceIds(compiled.division.device_ids)
    files = [
        open_stream(path, kind=kind, number=number, devices=devices, challenges=challenges)
        for number, (path, kind) in enumerate(((fleet.pings, PING), (fleet.confirmations, CONFIRMATION)))
    ]
    intake = Intake(compiled.site.policies, challenges)
    batches = [intake.ingest(raw, list_rejects=False).accepted for raw in merged(files, BATCH_ROWS)]
    return intake.start_ms, [batch for batch in batches if len(batch)]


def _plain(fleet: Fleet, *, in_memory: bool) -> Timing:
    rules = PlainRules(load_site(fleet.site))
    rows = recorded(fleet.pings, fleet.confirmations)
    rows = iter(list(rows)) if in_memory else rows
    with tempfile.TemporaryDirectory() as scratch:
        watch = Stopwatch()
        alerts = judge_with(rules, rows, Path(scratch) / "alerts.ndjson")
        return watch.stop(fleet.rows, _kinds(alerts))


def _refer(fleet: Fleet) -> Timing:
    site = load_site(fleet.site)
    watch = Stopwatch()
    rows, _ = read_rows(site, [fleet.pings], [fleet.confirmations])
    alerts = judge(site, rows)
    return watch.stop(fleet.rows, _kinds(alerts))


def _kinds(alerts: Iterable[_Kind]) -> dict[str, int]:
    return dict(sorted(Counter(alert.kind for alert in alerts).items()))
