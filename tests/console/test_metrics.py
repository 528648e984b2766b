"""The figures that are exported are those that docs/metrics.md tells of, under these names and labels."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from console_world import NOW_MS, apply, console_world, ping, violation
from documents import CHECKOUT
from starlette.testclient import TestClient

from console.app import create_app
from sinks.run_metrics import RunMetrics

DOCUMENT = (CHECKOUT / "docs" / "metrics.md").read_text("utf-8")


def documented() -> dict[str, set[str]]:
    """Each metric of the tables with its labels."""
    found = {}
    for line in DOCUMENT.splitlines():
        if line.startswith("| `fencewatch_"):
            name, labels = (cell.strip() for cell in line.split("|")[1:3])
            found[name.strip("`")] = set(
                re.findall(r"`(\w+)`", labels.partition(":")[0])
            )  # values follow a colon
    return found


def exported(directory: Path) -> dict[str, set[str]]:
    """Each metric of a console that has something to say of everything, with its labels."""
    told = RunMetrics(at_ms=NOW_MS, clock_ms=NOW_MS, rows=7, accepted=5, rejected={"duplicate": 2}, writes=1)
    told.save(directory / "run-metrics.json")
    with (
        console_world(directory, run_metrics=directory / "run-metrics.json") as world,
        TestClient(create_app(world.parts)) as client,
    ):
        apply(world, violation(1))
        client.post("/v1/pings", json=[ping(), ping("D9")], headers=world.bearer("operator"))
        assert client.get("/metrics").status_code == 401
        text = client.get("/metrics", headers=world.bearer("operator")).text
    families = re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)
    samples = re.findall(r"^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? ", text, re.MULTILINE)
    labels = {name: set(re.findall(r"(\w+)=", given)) - {"le"} for name, given in samples}
    return {name: labels[name] for name in families if not name.endswith("_created")}


def test_what_is_exported_is_documented(tmp_path: Path) -> None:
    assert exported(tmp_path) == documented()


def test_alarms_ask_for_what_there_is() -> None:
    alarms = DOCUMENT.split("```yaml")[1]
    named = {name.removesuffix("_bucket") for name in re.findall(r"fencewatch_\w+", alarms)}
    assert named <= documented().keys()


def test_a_counter_that_was_told_never_goes_back() -> None:
    """An engine that was killed reads again what it read since its state was kept."""
    before = RunMetrics(at_ms=1, offset=90, rows=100, accepted=97, rejected={"duplicate": 3})
    for rows, accepted, shown in ((80, 78, (100, 97, 3)), (100, 97, (100, 97, 3)), (101, 98, (101, 98, 3))):
        now = RunMetrics(
            at_ms=2, offset=70, rows=rows, accepted=accepted, rejected={"duplicate": rows - accepted}
        )
        told = now.not_behind(before)
        assert (told.rows, told.accepted, told.rejected["duplicate"]) == shown
        assert (told.at_ms, told.offset) == (2, 70), "where it stands is told as it is"
        assert now.not_behind(None) == now


def test_figures_survive_the_way_to_the_file_and_back(tmp_path: Path) -> None:
    told = RunMetrics(at_ms=1, timezone="Asia/Shanghai", offset=2, clock_ms=3, rejected={"too_late": 4})
    told.save(tmp_path / "figures")
    assert RunMetrics.read(tmp_path / "figures") == told
    (tmp_path / "old").write_text(
        '{"at_ms": 1, "alerts": {"zone_entry": 5}}'
    )  # as an earlier version wrote it
    assert RunMetrics.read(tmp_path / "old") == RunMetrics(at_ms=1)
    assert {column.name for column in fields(RunMetrics)} >= {"timezone", "writes"}
