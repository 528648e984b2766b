"""The live system as processes: pings in over HTTP, alerts in the queue, whatever is killed on the way."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from live_system import DEVICE_COUNT, ENDS_IN_S, command, make_home, queue_lines, send, served, token


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def pings(chance: random.Random) -> list[dict[str, Any]]:
    """One fix of half the devices, some of them beyond the county."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
    devices = chance.sample(range(DEVICE_COUNT), 10)
    return [
        {"device_id": f"D{n}", "event_time": now, "lon": chance.choice([106.5, 106.5, 107.5]), "lat": 29.5}
        for n in devices
    ]


def until_all_are_silent(queue: Path) -> None:
    """Nobody sends any more: the engine is up to date when it misses every device."""
    ends_s = time.monotonic() + ENDS_IN_S
    while time.monotonic() < ends_s:
        alerts = [json.loads(line) for line in queue_lines(queue)] if queue.exists() else []
        silent = [a for a in alerts if a["kind"] == "silent_device" and a["cleared_at"] is None]
        if len(silent) == DEVICE_COUNT:
            return
        time.sleep(0.5)
    raise AssertionError("the engine did not catch up")


def test_kills_leave_no_trace_in_the_queue(home: Path) -> None:
    """The engine is killed again and again while pings come in; another reads the same log in peace."""
    chance = random.Random(7)
    bearer = token(home)
    with served(home) as address:
        engine = command(home, "run", "--config", "fencewatch.toml")
        for number in range(40):
            answer = send(address, bearer, pings(chance))
            assert answer["rejected"] == []
            time.sleep(0.25)
            if number % 8 == 7:
                engine.kill()
                engine.wait(30)
                engine = command(home, "run", "--config", "fencewatch.toml")
        until_all_are_silent(home / "data" / "queue.sqlite")
        engine.terminate()
        assert engine.wait(30) == 0, "SIGTERM drains and ends well"
    undisturbed = (home / "fencewatch.toml").read_text().replace('"data"', '"peace"')
    (home / "peace.toml").write_text(undisturbed)
    (home / "peace").mkdir()
    (home / "peace" / "journal").symlink_to(home / "data" / "journal")
    engine = command(home, "run", "--config", "peace.toml")
    until_all_are_silent(home / "peace" / "queue.sqlite")
    engine.terminate()
    assert engine.wait(30) == 0
    lines = queue_lines(home / "data" / "queue.sqlite")
    kinds = {json.loads(line)["kind"] for line in lines}
    assert kinds == {"boundary_violation", "silent_device"}
    assert lines == queue_lines(home / "peace" / "queue.sqlite")
