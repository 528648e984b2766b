"""The live system as processes: pings in over HTTP, alerts in the queue, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from minimal_site import WHOLE, write_site

from sinks.alert import alert_line
from sinks.disposal import DisposalQueue

DEVICE_COUNT = 20
PEOPLE = "person_id,name,office_id,class,valid_from,valid_to\n" + "".join(
    f"P{n},Person {n},O1,lenient,,\n" for n in range(DEVICE_COUNT)
)
DEVICES = "device_id,person_id,kind,valid_from,valid_to\n" + "".join(
    f"D{n},P{n},phone,,\n" for n in range(DEVICE_COUNT)
)
POLICY = """\
version = "live"
[boundary]
keep_in = { fixes = 2, dwell_s = 1 }
[silence]
phone = [3, 3600, 7200]
[confirmation]
strict = []
general = []
lenient = []
"""
FENCES = """\
{"type": "FeatureCollection", "features": [{"type": "Feature",
 "properties": {"fence_id": "county", "rule": "keep_in", "applies_to": ["all"]},
 "geometry": {"type": "Polygon", "coordinates": [[[106, 29], [107, 29], [107, 30], [106, 30], [106, 29]]]}}]}
"""
ENDS_IN_S = 60.0
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A site and a configuration; the port is chosen by the machine."""
    site = tmp_path / "site"
    site.mkdir()
    leaves = "leave_id,person_id,valid_from,valid_to,category,module,fence_ids,lon,lat,radius_m,approved_at\n"
    write_site(
        site,
        ("people.csv", WHOLE, PEOPLE),
        ("devices.csv", WHOLE, DEVICES),
        ("policy.toml", WHOLE, POLICY),
        ("fences.geojson", WHOLE, FENCES),
        ("leaves.csv", WHOLE, leaves),
    )
    port = 20_000 + os.getpid() % 20_000
    (tmp_path / "fencewatch.toml").write_text(f'site = "site"\ndata = "data"\n[http]\nport = {port}\n')
    return tmp_path


def command(home: Path, *arguments: str, out: int | None = None) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    called = [sys.executable, "-m", "fencewatch", *arguments]
    return subprocess.Popen(called, cwd=home, env=environment, stdout=out, text=True)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address, while `serve` runs."""
    process = command(home, "serve", "--config", "fencewatch.toml", out=subprocess.PIPE)
    assert process.stdout is not None
    address = process.stdout.readline().split(",")[0].removeprefix("serving on ").strip()
    until_ready(f"{address}/healthz")
    try:
        yield address
    finally:
        process.terminate()
        assert process.wait(30) in (0, -signal.SIGTERM)
        process.stdout.close()


def until_ready(url: str) -> None:
    ends_s = time.monotonic() + ENDS_IN_S
    while time.monotonic() < ends_s:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")


def token(home: Path) -> str:
    arguments = ("token", "create", "--role", "operator", "--data", "data")
    text, _ = command(home, *arguments, out=subprocess.PIPE).communicate(timeout=60)
    return text.strip()


def send(address: str, bearer: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/v1/pings",
        data=json.dumps(rows).encode(),
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    answer: dict[str, Any] = json.loads(urllib.request.urlopen(request, timeout=30).read())
    return answer


def pings(chance: random.Random) -> list[dict[str, Any]]:
    """One fix of half the devices, some of them beyond the county."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
    devices = chance.sample(range(DEVICE_COUNT), 10)
    return [
        {"device_id": f"D{n}", "event_time": now, "lon": chance.choice([106.5, 106.5, 107.5]), "lat": 29.5}
        for n in devices
    ]


def queue_lines(path: Path) -> list[bytes]:
    """The alerts of a queue as an alert file has them."""
    with DisposalQueue.open(path) as queue:
        now_ms, cursor, lines = time.time_ns() // 1_000_000, None, []
        while True:
            page = queue.alerts(now_ms=now_ms, cursor=cursor, limit=200)
            lines += [alert_line(item.alert) for item in page.items]
            if page.next is None:
                return sorted(lines)
            cursor = page.next


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
