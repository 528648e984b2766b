"""Killed at any moment and started again, a run ends with the alerts of one that nobody disturbed."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir
from bytewax.testing import TestingSource
from engine.engine_run import engine_lines
from engine.random_world import random_world
from engine.world_files import RecordedRows, write_streams
from fork_server import INSTEAD
from forked import PIPE, ForkedCommand
from replay import killed_run
from replay.command_line import surroundings

from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.runtime.dataflow import Parts, build
from pipeline.runtime.halt import Halt
from pipeline.stream.items import LogEnd, LogItem, Router
from sinks.alert import alert_line
from sinks.ledger import AlertLedger

#: A world with boundary, zone, silence and confirmation alerts, withdrawn and retrospective ones.
SEED = 8
PATIENCE_S = 120.0


def child(folder: Path, workers: int) -> ForkedCommand:
    environment = {**surroundings(), INSTEAD: killed_run.__name__}
    return ForkedCommand(SEED, folder, workers, environment=environment, stdout=PIPE, stderr=PIPE)


def said(run: ForkedCommand) -> tuple[str, str]:
    """What it prints and complains of, to its end."""
    assert run.stdout is not None
    assert run.stderr is not None
    with run:
        return run.stdout.read(), run.stderr.read()


def kill_after(run: ForkedCommand, progress: Path, batches: int) -> bool:
    """SIGKILL once that many batches more were read; False where the run ended before."""
    wanted = batches + (progress.stat().st_size if progress.exists() else 0)
    given_up = time.monotonic() + PATIENCE_S
    while run.poll() is None and time.monotonic() < given_up:
        if progress.exists() and progress.stat().st_size >= wanted:
            break
        time.sleep(0.001)
    run.kill()
    _, complaints = said(run)
    assert run.returncode in (0, -signal.SIGKILL), complaints
    return run.returncode != 0


@pytest.mark.parametrize(("workers", "kills"), [(1, 5), (2, 3)])
def test_killed_again_and_again(workers: int, kills: int, tmp_path: Path) -> None:
    chance = random.Random(workers)
    world = random_world(SEED)
    write_streams(world.rows, tmp_path)
    killed = 0
    while killed < kills and kill_after(
        child(tmp_path, workers), tmp_path / "progress", chance.randint(2, 8)
    ):
        killed += 1
    assert killed == kills, "the world is too small to be killed so often"
    done = child(tmp_path, workers)
    printed, complaints = said(done)
    assert done.returncode == 0, complaints
    expected = expected_lines(SEED)
    assert killed_run.folded(tmp_path / "changes.ndjson") == expected
    assert json.loads(printed) == {"read": len(world.rows), "accepted": len(world.rows), "rejected": {}}
    parts, kept = killed_run.SHARDS + 1, [path.suffix for path in (tmp_path / "states").iterdir()]
    assert kept.count(".state") <= 2 * parts, "old states are let go"
    assert kept.count(".rows") <= 4 * parts, (
        "and so are rows that no state names: two things grow in each part"
    )


def test_a_run_that_is_over_can_be_run_again(tmp_path: Path) -> None:
    write_streams(random_world(SEED).rows, tmp_path)
    expected = expected_lines(SEED)
    for _ in range(2):
        killed_run.StoppableRun(SEED, tmp_path).run(workers=1)
        assert killed_run.folded(tmp_path / "changes.ndjson") == expected


def expected_lines(seed: int) -> list[bytes]:
    world = random_world(seed)
    return engine_lines(world.site, world.rows, world.until_ms)


@pytest.mark.parametrize("seed", range(8, 14))
def test_aborted_between_any_batches(seed: int, tmp_path: Path) -> None:
    """As bytewax's own tests crash: in this process, anywhere in the input, several times."""
    world = random_world(seed)
    chance = random.Random(seed)
    pings, confirmations = write_streams(world.rows, tmp_path)
    log = RecordedRows(world.site, [pings], [confirmations], chance.choice([1, 5, 11]))
    items: list[LogItem | TestingSource.ABORT] = [*log.open(), LogEnd(world.until_ms)]
    for _ in range(aborts := chance.randint(1, 5)):
        items.insert(chance.randint(1, len(items) - 1), TestingSource.ABORT())
    ledger = AlertLedger()
    compiled = CompiledSite.of(world.site, 3)
    init_db_dir(tmp_path, 1)
    for _ in range(aborts + 1):
        flow = build(
            Parts(
                source=TestingSource(items),
                make_intake=log.intake,
                router=Router(compiled.division),
                make_shard=lambda number: Shard(compiled, number),
                write_alerts=lambda told: ledger.write(item.alert for item in told),
                write_rejects=None,
                until_ms=world.until_ms,
                store=CheckpointStore(tmp_path / "states"),
                halt=Halt(),
            )
        )
        killed_run.run_resumably(flow, tmp_path, workers=1)
    expected = expected_lines(seed)
    assert [alert_line(alert) for alert in ledger.alerts()] == expected, f"seed {seed}"
