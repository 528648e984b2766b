"""A run that may be killed at any moment: the dataflow with recovery, every change on disk at once.

A forked process (``fork_server``) that is given SEED FOLDER WORKERS goes on where the last run in the folder
was stopped. It notes each batch it reads in ``progress`` and appends each change of an alert to
``changes.ndjson``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main, run_main
from engine.random_world import World, random_world
from engine.world_files import RecordedRows

from pipeline.checkpoint import Stored
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.reading.raw_batch import RawBatch
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.runtime.dataflow import Parts, build
from pipeline.runtime.halt import Halt
from pipeline.runtime.sources import RecordedLog
from pipeline.stream.intake import Intake
from pipeline.stream.items import AlertUpdate, Router
from sinks.alert import alert_line

SHARDS, BATCH_ROWS = 4, 1


def append(path: Path, lines: list[bytes]) -> None:
    """Add whole lines to a file; they are durable when this returns."""
    with path.open("ab") as file:
        file.write(b"".join(lines))
        file.flush()
        os.fsync(file.fileno())


def folded(changes: Path) -> list[bytes]:
    """The alert file that changes leave: the last line of each key, in its order."""
    last: dict[str, tuple[str, bytes, bytes]] = {}
    for line in changes.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # a kill may leave half a line, which is then written again
            alert = json.loads(line)
            last[alert["alert_key"]] = alert["raised_at"], alert["alert_key"].encode(), line
    return [line for *_, line in sorted(last.values())]


def run_resumably(flow: Dataflow, recovery: Path, workers: int) -> None:
    """To the end of its source, with an epoch for each batch."""
    config = RecoveryConfig(str(recovery))
    if workers == 1:
        run_main(flow, epoch_interval=timedelta(0), recovery_config=config)
    else:
        cluster_main(
            flow, [], 0, epoch_interval=timedelta(0), recovery_config=config, worker_count_per_proc=workers
        )


class StoppableRun:
    """One seed's world in a folder that outlives the process."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.world: World = random_world(seed)
        self.folder = folder
        self.log = RecordedRows(
            self.world.site, [folder / "pings.ndjson"], [folder / "confirmations.ndjson"], BATCH_ROWS
        )
        self.intakes: list[Intake] = []

    def run(self, workers: int) -> None:
        """Judge to the end of the log, from where the folder says."""
        recovery = self.folder / "recovery"
        if not recovery.exists():
            scratch = self.folder / "recovery.new"
            scratch.mkdir(exist_ok=True)
            init_db_dir(scratch, 1)
            scratch.rename(recovery)
        halt = Halt(commits=True)
        run_resumably(build(self._parts(halt)), recovery, workers)
        halt.reraise()

    def _parts(self, halt: Halt) -> Parts:
        compiled = CompiledSite.of(self.world.site, SHARDS)
        return Parts(
            source=RecordedLog(self._open, self.world.until_ms, halt),
            make_intake=self._intake,
            router=Router(compiled.division),
            make_shard=lambda number: Shard(compiled, number),
            write_alerts=self._write,
            write_rejects=None,
            until_ms=self.world.until_ms,
            store=CheckpointStore(self.folder / "states"),
            halt=halt,
        )

    def _open(self, skip_rows: int) -> Iterator[RawBatch]:
        for batch in self.log.open(skip_rows):
            append(self.folder / "progress", [b"."])
            yield batch

    def _intake(self, state: Stored | None) -> Intake:
        self.intakes.append(self.log.intake(state))
        return self.intakes[-1]

    def _write(self, told: list[AlertUpdate]) -> None:
        append(self.folder / "changes.ndjson", [alert_line(item.alert) for item in told])


def main(seed: str, folder: str, workers: str) -> None:
    """To the end of the log, if nobody kills it; then prints what it counted."""
    stoppable = StoppableRun(int(seed), Path(folder))
    stoppable.run(int(workers))
    [last] = stoppable.intakes
    print(json.dumps({"read": last.read, "accepted": last.accepted, "rejected": last.rejected}))
