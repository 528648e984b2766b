"""A live system of real processes over a small county, whose phones are silent after three seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forked import ForkedCommand, run_forked
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


def make_home(directory: Path, *settings: str) -> Path:
    """A site and a configuration with more top-level settings; the port is chosen by the machine."""
    site = directory / "site"
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
    lines = ['site = "site"', 'data = "data"', *settings, "[http]", f"port = {port}", ""]
    (directory / "fencewatch.toml").write_text("\n".join(lines))
    return directory


def command(home: Path, *arguments: str, out: int | None = None, err: int | None = None) -> ForkedCommand:
    return ForkedCommand(*arguments, cwd=home, stdout=out, stderr=err)


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
    text = run_forked(*arguments, cwd=home, timeout=60).stdout
    return text.strip()


def send(address: str, bearer: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/v1/pings",
        data=json.dumps(rows).encode(),
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    answer: dict[str, Any] = json.loads(urllib.request.urlopen(request, timeout=30).read())
    return answer


def queue_lines(path: Path) -> list[bytes]:
    """The alerts of a queue as an alert file has them."""
    with DisposalQueue.open(path) as queue:
        now_ms = time.time_ns() // 1_000_000
        return sorted(alert_line(item.alert) for item in queue.every_alert(now_ms=now_ms))
