"""`fencewatch operations`: local times for people, JSON for machines, a clear word for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from replay.command_line import invoked

from sinks.operations_log import OperationsLog
from sinks.run_metrics import RunMetrics

AT_MS = 1_752_444_000_000  # 2025-07-13T22:00:00Z


@pytest.fixture
def data(tmp_path: Path) -> Path:
    log = OperationsLog(tmp_path / "operations.ndjson")
    log.append(AT_MS, "engine_stalled", {"why": "stopped\x1b[31m", "lag_s": 5.2})
    log.append(AT_MS + 60_000, "engine_recovered", {"stalled_s": 60})
    return tmp_path


def test_people_read_local_times_and_nothing_that_a_terminal_obeys(data: Path) -> None:
    RunMetrics(at_ms=AT_MS, timezone="Asia/Shanghai").save(data / "run-metrics.json")
    result = invoked("operations", "--data", data)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "2025-07-14 06:01:00  engine_recovered  stalled_s 60",
        "2025-07-14 06:00:00  engine_stalled    why stopped [31m, lag_s 5.2",
        "",
        "newest first; times in Asia/Shanghai",
    ]


def test_machines_read_json(data: Path) -> None:
    with (data / "operations.ndjson").open("a") as file:
        file.write("half")
    told = json.loads(invoked("operations", "--data", data, "--limit", "1", "--json").stdout)
    assert told == {
        "items": [
            {"at": "2025-07-13T22:01:00.000Z", "kind": "engine_recovered", "details": {"stalled_s": 60}}
        ],
        "unreadable": 1,
    }


def test_one_kind_can_be_asked_for(data: Path) -> None:
    lines = invoked("operations", "--data", data, "--kind", "engine_stalled").stdout.splitlines()
    assert lines[0].startswith("2025-07-13 22:00:00  engine_stalled")
    assert lines[1:] == ["", "newest first; times in UTC"]


def test_nothing_has_happened_yet(tmp_path: Path) -> None:
    assert invoked("operations", "--data", tmp_path).stdout == "nothing has happened\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "engine_tired"], "expected one of engine_stalled, engine_recovered"),
        (["--data", "nowhere"], "nowhere: there is no such directory"),
    ],
)
def test_what_could_never_be_right_is_exit_code_2(data: Path, words: list[str], said: str) -> None:
    result = invoked("operations", "--data", data, *words)
    assert result.exit_code == 2
    assert said in result.stderr
