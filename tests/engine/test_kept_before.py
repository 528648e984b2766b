"""States written before classes and attributes got other names are read, and the engine goes on with them."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from case_files import OWN_CASES, Case
from engine.world_files import RecordedRows

from pipeline.engine import shard as shard_module
from pipeline.engine.boundary.column_judge import ColumnJudge
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.detectors.missed_confirmation import MissedConfirmations
from pipeline.engine.detectors.silent_device import SilentDevices
from pipeline.engine.shard import Shard
from pipeline.ping import PingBatch
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.sites.load import load_site
from sinks.alert import Alert, alert_line
from sinks.ledger import AlertLedger

#: By case: how many of its rows came before the state was kept. A gap of the clock of 1 ms followed them.
KEPT = {
    "04-backfill-and-the-fixes-behind-it": 18,  # runs, open and withdrawn incidents, backfill, leaves
    "06-confirmations-of-one-time": 6,  # an alert with its evidence, confirmed fixes
    "19-overlapping-windows": 4,  # windows of confirmations, a device that is silent
}
NO_LONGER_KEPT = ("_anchor_lon", "_anchor_lat", "_slack_m", "_since_ms", "_until_ms")


def batches(case: Case, site_rows: int) -> tuple[CompiledSite, int, list[PingBatch]]:
    """The site, the start of the clock, and accepted rows: a batch before the state, and the rest."""
    site = load_site(case.site)
    recorded = RecordedRows(site, case.pings, case.confirmations, site_rows)
    intake = recorded.intake()
    rows = [intake.ingest(batch).accepted for batch in recorded.open()]
    assert intake.start_ms is not None
    return CompiledSite.of(site), intake.start_ms, rows


def first_part(shard: Shard, start_ms: int, rows: PingBatch) -> list[Alert]:
    shard.start(start_ms)
    last_ms = int(rows.arrival_ms[-1])
    return shard.step(rows) + shard.skip_gap(last_ms, last_ms + 1)


def rest(shard: Shard, rows: list[PingBatch]) -> list[Alert]:
    alerts = [alert for batch in rows for alert in shard.step(batch)]
    return alerts + shard.advance(int(rows[-1].arrival_ms[-1]) + 86_400_000)


def lines(alerts: list[Alert]) -> list[bytes]:
    ledger = AlertLedger()
    ledger.write(alerts)
    return [alert_line(alert) for alert in ledger.alerts()]


def without(
    names: Collection[str], root: list[int], nodes: list[list[Any]]
) -> tuple[list[int], list[list[Any]]]:
    """A state as if these names had never been kept: its nodes are numbered as they are come upon."""
    numbers: dict[int, int] = {}
    left: list[list[Any]] = []

    def taken(value: Any, is_whole: bool = False) -> Any:
        if type(value) is not list or is_whole:
            return value
        (number,) = value
        if number not in numbers:
            numbers[number] = len(left)
            left.append([])
            tag, *values = nodes[number]
            if tag == "dict":
                kept = [pair for pair in zip(values[::2], values[1::2], strict=True) if pair[0] not in names]
                values = [value for pair in kept for value in pair]
            left[numbers[number]] += [tag, *(taken(value, tag == "array") for value in values)]
        return [numbers[number]]

    return taken(root), left


@pytest.mark.parametrize("name", KEPT)
def test_a_state_of_the_version_before_is_gone_on_with(name: str, tmp_path: Path) -> None:
    kept = Path(__file__).parent / "kept_before" / name
    shutil.copytree(kept, tmp_path / "state")  # a store removes what is older than what it puts
    compiled, start_ms, (before, *after) = batches(Case(OWN_CASES / name), KEPT[name])
    straight, resumed = Shard(compiled), Shard(compiled)
    alerts = first_part(straight, start_ms, before)
    resumed.restore(CheckpointStore(tmp_path / "state").get((kept / "token").read_text().strip()))
    resumed.start(start_ms)
    again = lines(alerts + rest(resumed, after))
    assert again == lines(alerts + rest(straight, after))
    assert again != lines(alerts), "nothing came of the rows after the state"


@pytest.mark.parametrize("name", KEPT)
def test_nearly_the_same_state_is_written_as_before(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So no name in it has changed unnoticed: a fix has its source as well, and rules are referred to.

    What rules keep that the version before did not know stands beside that; behind it what was raised and is
    over, and the names of scopes. Where people were screened is not kept any more.
    """
    monkeypatch.setattr(shard_module, "DETECTORS", (SilentDevices, MissedConfirmations))
    # As if everybody had a leave: the version before knew of trackers alone.
    monkeypatch.setattr(ColumnJudge, "_with_leaves", lambda _, bindings: bindings)
    kept = Path(__file__).parent / "kept_before" / name
    compiled, start_ms, (before, *_) = batches(Case(OWN_CASES / name), KEPT[name])
    shard = Shard(compiled)
    first_part(shard, start_ms, before)
    written = CheckpointStore(kept).get((kept / "token").read_text().strip())
    root, nodes = msgspec.msgpack.decode(shard.checkpoint().whole)
    old_root, old_nodes = without(NO_LONGER_KEPT, *msgspec.msgpack.decode(written.whole))
    assert root == old_root
    (whole,) = (node for node in nodes if node[:2] == ["dict", "past_ms"])
    (root_of_scopes,) = whole[whole.index("scopes") + 1]
    for node, old in zip(nodes, old_nodes, strict=False):
        tag = old[0]
        if old[:2] == ["dict", "past_ms"]:
            more = ["raised", [len(old_nodes)], "machines", [len(old_nodes) + 2], "scopes", [root_of_scopes]]
            assert node == [*old, *more]
        elif tag == "RunRule":
            assert node[0] == "shared"
        else:
            assert (node[: len(old)], len(node) - len(old)) == (old, int(tag == "Fix")), tag
