"""Intake and shards as the dataflow has them, without the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.fleet import Fleet
from pipeline.checkpoint import Checkpoint
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.ping import CONFIRMATION, PING, PingBatch
from pipeline.reading import Challenges, DeviceIds, open_stream
from pipeline.reading.raw_batch import RawBatch
from pipeline.sites.load import load_site
from pipeline.stream.division import SHARDS
from pipeline.stream.intake import Intake
from pipeline.stream.items import Accepted, Router
from pipeline.stream.merge import merged
from sinks.alert import Alert


class BareEngine:
    """Takes the rows of a fleet, and the clock."""

    def __init__(self, whole: Fleet) -> None:
        self._fleet = whole
        self.compiled = CompiledSite.of(load_site(whole.site), SHARDS)
        self._router = Router(self.compiled.division)
        self._challenges = Challenges()
        self._intake = Intake(self.compiled.site.policies, self._challenges)
        self.shards = [Shard(self.compiled, number) for number in range(SHARDS)]

    def batches(self, rows: int) -> Iterator[RawBatch]:
        """The fleet's streams by arrival, at most so many rows at a time."""
        devices = DeviceIds(self.compiled.division.device_ids)
        streams = ((self._fleet.pings, PING), (self._fleet.confirmations, CONFIRMATION))
        files = [
            open_stream(path, kind=kind, number=number, devices=devices, challenges=self._challenges)
            for number, (path, kind) in enumerate(streams)
        ]
        return merged(files, rows)

    def ingest(self, batch: RawBatch) -> PingBatch:
        """Rows to the shards of their people; those that were accepted."""
        rows = self._intake.ingest(batch, list_rejects=False).accepted
        start_ms = self._intake.start_ms
        assert start_ms is not None
        for item in self._router.route(Accepted(rows, start_ms, None)):
            self.shards[item.shard].start(start_ms)
            if item.accepted.rows is not None:
                self.shards[item.shard].step(item.accepted.rows)
        return rows

    def advance(self, past_ms: int) -> list[Alert]:
        """The clock goes on, in one shard after the other."""
        return [alert for shard in self.shards for alert in shard.advance(past_ms)]

    def states(self) -> dict[str, Callable[[], Checkpoint]]:
        """What makes the checkpoint of each part: that is part of the pause."""
        shards = {f"shard-{number}": shard.checkpoint for number, shard in enumerate(self.shards)}
        return {"intake": self._intake.checkpoint, **shards}
