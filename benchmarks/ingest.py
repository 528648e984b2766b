"""``ingest``: rows a second that a gateway acknowledges, by rows of a request and by connections.

A row is acknowledged when it is on disk. So each figure has its limit beside it: what decoding alone would
take, and what the disk takes for one write.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.fleet import Fleet, fleet
from benchmarks.gateway import body_of, gateway_at_end, lines_of
from benchmarks.ingest_client import Acknowledged, acknowledged
from benchmarks.machine import commit, machine
from benchmarks.measurement import Figure, Progress, Report
from benchmarks.settings import Settings
from benchmarks.values import Values, figures_of, in_child, of_runs, quantile, quotients

PEOPLE, HOURS, RUNS = 2_000, 1.0, 3
START = "2025-07-14T06:00:00+08:00"
#: Rows of a request, connections, and how long each of the six is measured, the county's size given.
REQUEST_ROWS, CONNECTIONS, SECONDS = (1, 100, 10_000), (1, 64), 4.0


def ingest(settings: Settings, progress: Progress) -> Report:
    """Measure a `serve` of its own in each run, over HTTP on this machine."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    seconds = SECONDS * min(1.0, people / PEOPLE)
    whole = fleet("county", people, hours, settings.seed, START)
    work = partial(in_child, _measured, whole, seconds, REQUEST_ROWS, CONNECTIONS)
    figures = figures_of(of_runs("ingest", runs, progress, work))
    parameters: dict[str, object] = {
        "scenario": "county", "people": people, "hours": hours, "start": START, "seed": settings.seed,
        "request_rows": list(REQUEST_ROWS), "connections": list(CONNECTIONS), "seconds": seconds,
    }  # fmt: skip
    return Report("ingest", machine(), commit(), parameters, figures, _ratios(figures))


def _ratios(figures: dict[str, Figure]) -> dict[str, float]:
    most = max(
        (f"rows_{REQUEST_ROWS[-1]}_on_{count}_per_s" for count in CONNECTIONS),
        key=lambda name: figures[name].value,
    )
    ratios = {
        "ndjson_vs_decode": (most, "decode_rows_per_s"),
        "single_vs_disk": ("rows_1_on_1_per_s", "disk_writes_per_s"),
    }
    return quotients(figures, ratios)


def _measured(
    whole: Fleet, seconds: float, request_rows: Sequence[int], connection_counts: Sequence[int]
) -> Values:
    lines = lines_of(whole)
    values: Values = {}
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        values["decode_rows_per_s"] = _decoded_per_s(body_of(lines, request_rows[-1]), seconds)
        values["disk_writes_per_s"] = _writes_per_s(home / "written", len(lines[0]) + 100, seconds)
        with gateway_at_end(whole, home) as gateway:
            for rows in request_rows:
                for connections in connection_counts:
                    body = body_of(lines, rows)
                    found = acknowledged(gateway.port, gateway.token, body, connections, seconds)
                    values |= _figures(f"rows_{rows}_on_{connections}", found, rows)
    return values


def _figures(name: str, found: Acknowledged, rows: int) -> Values:
    return {
        f"{name}_per_s": rows * len(found.latencies_s) / found.seconds,
        f"{name}_p50_s": quantile(found.latencies_s, 50),
        f"{name}_p99_s": quantile(found.latencies_s, 99),
    }


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
