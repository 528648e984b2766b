"""Figures of `serve` and `run` as processes: each is there, moves with what happens, and comes to rest."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from console_world import DEVICES, OFFICES, PEOPLE
from forked import ForkedCommand, run_forked
from live_system import PATIENCE_S, free_port
from minimal_site import WHOLE, write_site

from geofences.instant import instant_ms
from pipeline.host.clock import system_now_ms
from sinks.alert import instant_text

#: Records that may stand between the log's end and what the engine told last: a mark comes each second.
LAG_OF_NONE = 3

Figures = dict[str, float]

#: What a run of three fixes comes to, with a duplicate and a row of nobody's device.
COUNTED: Figures = {
    'fencewatch_received_rows_total{stream="pings"}': 5,
    'fencewatch_accepted_rows_total{stream="pings"}': 4,
    'fencewatch_rejected_rows_total{reason="unknown_device"}': 1,
    "fencewatch_engine_rows_total": 4,
    'fencewatch_engine_rejected_rows_total{reason="duplicate"}': 1,
    "fencewatch_engine_accepted_rows_total": 3,
    'fencewatch_engine_alerts_total{kind="boundary_violation"}': 1,
    'fencewatch_queue_alerts{kind="boundary_violation",state="open"}': 1,
    "fencewatch_clock_speed": 1,
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A site of two counties and a configuration with a free port."""
    (tmp_path / "site").mkdir()
    files = (("offices.csv", OFFICES), ("people.csv", PEOPLE), ("devices.csv", DEVICES))
    write_site(tmp_path / "site", *((name, WHOLE, text) for name, text in files))
    settings = f'site = "site"\ndata = "data"\n[http]\nport = {free_port()}\n'
    (tmp_path / "fencewatch.toml").write_text(settings)
    return tmp_path


@contextmanager
def running(home: Path, command: str) -> Iterator[ForkedCommand]:
    with ForkedCommand(
        command, "--config", "fencewatch.toml", cwd=home, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


class Console:
    """What is asked of `serve`."""

    def __init__(self, home: Path) -> None:
        port = re.findall(r"port = (\d+)", (home / "fencewatch.toml").read_text())[0]
        self._url = f"http://127.0.0.1:{port}"
        made = run_forked("token", "create", "--role", "operator", "--data", "data", cwd=home)
        self._token = made.stdout.strip()

    def send(self, *rows: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/v1/pings", json.dumps(rows).encode(), headers)
        urllib.request.urlopen(request, timeout=30).read()

    def figures(self) -> Figures:
        """Samples as they are written, labels included; nothing before it answers."""
        try:
            headers = {"Authorization": f"Bearer {self._token}"}
            request = urllib.request.Request(f"{self._url}/metrics", headers=headers)
            text = urllib.request.urlopen(request, timeout=30).read().decode()
        except OSError:
            return {}
        return {
            name: float(value) for name, value in re.findall(r"^(fencewatch\S+) (\S+)$", text, re.MULTILINE)
        }

    def until(self, true: Callable[[Figures], bool]) -> Figures:
        """The first figures of which something is true."""
        ends_s = time.monotonic() + PATIENCE_S
        while True:
            found = self.figures()
            if found and true(found):
                return found
            assert time.monotonic() < ends_s, json.dumps(found, indent=1)
            time.sleep(0.1)


def outside(seconds_ago: float) -> dict[str, Any]:
    """A fix of the first person, one degree beyond the home fence."""
    at_ms = system_now_ms() - round(seconds_ago * 1000)
    return {"device_id": "D1", "event_time": instant_text(at_ms), "lon": 108.0, "lat": 29.5}


def is_caught_up(now: Figures) -> bool:
    return (
        now.get("fencewatch_log_lag_records", 99) <= LAG_OF_NONE
        and now.get("fencewatch_tick_lag_seconds", 99) < LAG_OF_NONE
    )


def test_figures_move_and_come_to_rest(home: Path) -> None:
    console = Console(home)
    with running(home, "serve"), running(home, "run") as engine:
        idle = console.until(is_caught_up)
        assert (idle["fencewatch_engine_rows_total"], idle["fencewatch_queue_depth"]) == (0, 0)

        run_of_fixes = [outside(ago) for ago in (240, 120, 0)]
        console.send(*run_of_fixes, run_of_fixes[0], {**outside(0), "device_id": "D9"})
        raised = console.until(lambda now: now["fencewatch_queue_depth"] == 1)
        # The engine may tell of rows before their alert is written, and of the writing only a second later.
        counted = console.until(
            lambda now: (
                now["fencewatch_engine_rows_total"] >= 4
                and now["fencewatch_sink_write_seconds_count"] >= 1
                and is_caught_up(now)
            )
        )
        assert {name: counted.get(name) for name in COUNTED} == COUNTED
        assert (
            counted["fencewatch_journal_append_seconds_count"]
            > idle["fencewatch_journal_append_seconds_count"]
        )
        assert (
            0 < counted["fencewatch_sink_write_seconds_max"] <= counted["fencewatch_sink_write_seconds_sum"]
        )
        older = "fencewatch_queue_oldest_open_age_seconds"
        console.until(lambda now: now[older] > raised[older] + 1)

        engine.kill()  # nobody takes the marks that go on
        console.until(
            lambda now: (
                now["fencewatch_log_lag_records"] > LAG_OF_NONE
                and now["fencewatch_tick_lag_seconds"] > LAG_OF_NONE
                and now["fencewatch_engine_report_age_seconds"] > LAG_OF_NONE
            )
        )
        with running(home, "run"):
            again = console.until(is_caught_up)
            totals = [name for name in counted if name.startswith("fencewatch_engine") and "_total" in name]
            assert {name: again[name] for name in totals} == {name: counted[name] for name in totals}
    told = json.loads((home / "data" / "run-metrics.json").read_text())
    assert told["timezone"] == "Asia/Shanghai"
    assert instant_ms("2025-01-01T00:00:00Z") < told["clock_ms"] <= told["at_ms"]
