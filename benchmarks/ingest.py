"""``ingest``: rows a second that a gateway acknowledges, by rows of a request and by connections.

A row is acknowledged when it is on disk. So each figure has its limit beside it: what decoding alone would
take, and what the disk takes for one write.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

import httpx2
import msgspec
import polars as pl
import pyarrow.parquet as pq

from benchmarks.fleet import Fleet, fleet
from benchmarks.ingest_client import Acknowledged, acknowledged
from benchmarks.machine import commit, machine
from benchmarks.measurement import Figure, Progress, Report
from benchmarks.settings import Settings
from fencewatch.listening import listening
from pipeline.host.clock import FILE, SimulatedClock
from simulators.sender import ndjson
from sinks.access import TokenStore

PEOPLE, HOURS, RUNS = 2_000, 1.0, 3
START = "2025-07-14T06:00:00+08:00"
#: Rows of a request, connections, and how long each of the six is measured, the county's size given.
REQUEST_ROWS, CONNECTIONS, SECONDS = (1, 100, 10_000), (1, 64), 4.0
#: Kernels may have to be compiled first, beside other work.
_READY_S = 300.0

#: Values of one run by the name of their figure.
Values = dict[str, float]


def ingest(settings: Settings, progress: Progress) -> Report:
    """Measure a `serve` of its own in each run, over HTTP on this machine."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    seconds = SECONDS * min(1.0, people / PEOPLE)
    whole = fleet("county", people, hours, settings.seed, START)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for run in range(1, runs + 1):
        progress(run, runs, "ingest")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            values = pool.submit(_measured, whole, seconds, REQUEST_ROWS, CONNECTIONS).result()
            for name, value in values.items():
                found[name].append(value)
    figures = {name: Figure.of(values, _unit(name)) for name, values in found.items()}
    parameters: dict[str, object] = {
        "scenario": "county", "people": people, "hours": hours, "start": START, "seed": settings.seed,
        "request_rows": list(REQUEST_ROWS), "connections": list(CONNECTIONS), "seconds": seconds,
    }  # fmt: skip
    return Report("ingest", machine(), commit(), parameters, figures, _ratios(figures))


def _ratios(figures: dict[str, Figure]) -> dict[str, float]:
    most = max(figures[f"rows_{REQUEST_ROWS[-1]}_on_{count}_per_s"].value for count in CONNECTIONS)
    one = figures["rows_1_on_1_per_s"].value
    ratios = {
        "ndjson_vs_decode": most / figures["decode_rows_per_s"].value,
        "single_vs_disk": one / figures["disk_writes_per_s"].value,
    }
    return {name: float(f"{value:.3g}") for name, value in ratios.items()}


def _unit(name: str) -> str:
    if name.endswith("_s") and not name.endswith("_per_s"):
        return "s"
    return "writes/s" if "writes" in name else "rows/s"


def _measured(
    whole: Fleet, seconds: float, request_rows: Sequence[int], connection_counts: Sequence[int]
) -> Values:
    lines = _lines(whole)
    values: Values = {}
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        values["decode_rows_per_s"] = _decoded_per_s(_body(lines, request_rows[-1]), seconds)
        values["disk_writes_per_s"] = _writes_per_s(home / "written", len(lines[0]) + 100, seconds)
        with _gateway(whole, home) as gateway:
            for rows in request_rows:
                for connections in connection_counts:
                    body = _body(lines, rows)
                    found = acknowledged(gateway.port, gateway.token, body, connections, seconds)
                    values |= _figures(f"rows_{rows}_on_{connections}", found, rows)
    return values


def _figures(name: str, found: Acknowledged, rows: int) -> Values:
    latencies = sorted(found.latencies_s)
    return {
        f"{name}_per_s": rows * len(latencies) / found.seconds,
        f"{name}_p50_s": latencies[len(latencies) // 2],
        f"{name}_p99_s": latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)],
    }


def _lines(whole: Fleet) -> list[bytes]:
    frame = pl.DataFrame(pq.read_table(whole.pings))
    return ndjson(frame).splitlines(keepends=True)


def _body(lines: list[bytes], rows: int) -> bytes:
    return b"".join(islice(cycle(lines), rows))


def _decoded_per_s(body: bytes, seconds: float) -> float:
    """The limit: lines to objects, by the fastest decoder there is for Python, and nothing else."""
    decoder, rows = msgspec.json.Decoder(), 0
    begun = time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds or not rows:
        rows += len(decoder.decode_lines(body))
    return rows / took


def _writes_per_s(path: Path, size: int, seconds: float) -> float:
    """The limit of one row a request on one connection: as many bytes to the same disk, each time synced."""
    content, writes = bytes(size), 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        begun = time.perf_counter()
        while (took := time.perf_counter() - begun) < seconds or not writes:
            os.write(handle, content)
            os.fsync(handle)
            writes += 1
        return writes / took
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class _Gateway:
    port: int
    token: str


@contextmanager
def _gateway(whole: Fleet, home: Path) -> Iterator[_Gateway]:
    """`fencewatch serve` over the fleet's site, on a clock that stands at the stream's end."""
    data = home / "data"
    data.mkdir(mode=0o700)
    last_ms = _last_ms(whole)
    SimulatedClock.make(data / FILE, last_ms, 1.0)
    tokens = TokenStore.open(data / "tokens.sqlite")
    token = tokens.create("operator", name="bench", now_ms=last_ms)
    tokens.close()
    (door,) = listening("127.0.0.1", 0)
    port = door.getsockname()[1]
    config = home / "fencewatch.toml"
    config.write_text(f'site = "{whole.site}"\ndata = "data"\n[http]\nport = {port}\n')
    command = [sys.executable, "-P", "-m", "fencewatch", "serve", "--config", str(config)]
    command += ["--socket-fd", str(door.fileno())]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, pass_fds=[door.fileno()])
    try:
        _wait_until_ready(port, process)
        yield _Gateway(port, token)
    finally:
        process.terminate()
        process.wait()
        door.close()


def _last_ms(whole: Fleet) -> int:
    frame = pl.DataFrame(pq.read_table(whole.pings, columns=["arrival_time"]))
    return int(frame["arrival_time"].dt.epoch("ms").max())  # type: ignore[arg-type]


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    ends_s = time.monotonic() + _READY_S
    while time.monotonic() < ends_s:
        if process.poll() is not None:
            raise RuntimeError(f"serve ended with {process.returncode}")
        try:
            httpx2.get(f"http://127.0.0.1:{port}/healthz")
            return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise RuntimeError("serve did not become ready")
