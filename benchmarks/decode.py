"""``decode``: rows out of NDJSON a second, beside another's decoder; and single rows that devices post."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
import polars as pl

from benchmarks.fleet import Fleet, fleet
from benchmarks.gateway import body_of, gateway_at_end, lines_of
from benchmarks.ingest_client import acknowledged
from benchmarks.machine import commit, machine
from benchmarks.measurement import Progress, Report
from benchmarks.settings import Settings
from benchmarks.values import Values, figures_of, in_child, of_runs, quantile, quotients
from pipeline.ingest.bodies import received
from pipeline.ping import PING
from pipeline.reading import Challenges, DeviceIds, open_stream

PEOPLE, HOURS, RUNS = 2_000, 1.0, 3
START = "2025-07-14T06:00:00+08:00"
#: Rows of the file and of a body, how often the three decoders take turns, and how long a turn is.
FILE_ROWS, BODY_ROWS, TURNS, TURN_S = 200_000, 10_000, 5, 1.0
#: Connections on which devices post one row a request, and for how long.
CONNECTIONS, POSTING_S = 64, 10.0


class Row(msgspec.Struct):
    """A ping as one would declare it to msgspec, times and numbers checked."""

    device_id: str
    event_time: datetime
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    source: str | None = None
    speed_mps: float | None = None


def decode(settings: Settings, progress: Progress) -> Report:
    """Measure decoders in turn on the same bytes, and a `serve` of its own in each run."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    share = min(1.0, people / PEOPLE)
    whole = fleet("county", people, hours, settings.seed, START)
    work = partial(in_child, _measured, whole, share)
    figures = figures_of(of_runs("decode", runs, progress, work))
    parameters: dict[str, object] = {
        "scenario": "county", "people": people, "hours": hours, "start": START, "seed": settings.seed,
        "file_rows": _rows(FILE_ROWS, share), "body_rows": _rows(BODY_ROWS, share),
        "connections": CONNECTIONS, "posting_s": POSTING_S * share,
    }  # fmt: skip
    ratios = {
        "ndjson_vs_msgspec": ("ndjson_rows_per_s", "msgspec_rows_per_s"),
        "body_vs_msgspec": ("body_rows_per_s", "msgspec_rows_per_s"),
    }
    return Report("decode", machine(), commit(), parameters, figures, quotients(figures, ratios))


def _rows(most: int, share: float) -> int:
    return max(100, round(most * share))


def _measured(whole: Fleet, share: float) -> Values:
    lines, devices = lines_of(whole), _devices(whole)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        text = body_of(lines, _rows(FILE_ROWS, share))
        (home / "rows.ndjson").write_bytes(text)
        body = body_of(lines, _rows(BODY_ROWS, share))
        decoders: dict[str, Callable[[], int]] = {
            "ndjson_rows_per_s": lambda: _from_file(home / "rows.ndjson", devices),
            "body_rows_per_s": lambda: _from_body(body, devices),
            "msgspec_rows_per_s": lambda: len(_DECODER.decode_lines(text)),
        }
        return _in_turn(decoders, TURN_S * share) | _posted(whole, home, lines[0], POSTING_S * share)


def _devices(whole: Fleet) -> DeviceIds:
    return DeviceIds(
        pl.read_csv(whole.site / "devices.csv", infer_schema=False)["device_id"].unique().to_list()
    )


_DECODER = msgspec.json.Decoder(Row)


def _from_file(path: Path, devices: DeviceIds) -> int:
    """As the commands read a file: columns, and for each row what can be said against it."""
    stream = open_stream(path, kind=PING, number=0, devices=devices, challenges=Challenges())
    return sum(len(chunk.rows) for chunk in stream)


def _from_body(body: bytes, devices: DeviceIds) -> int:
    """As the gateway takes rows: the columns of the log, and the lines that a refusal would name."""
    return len(received(body, PING, devices, own=None, is_ndjson=True).reason)


def _in_turn(decoders: dict[str, Callable[[], int]], turn_s: float) -> Values:
    """Rows a second of each, so that all get their part of what else the machine does; one try before."""
    rows, seconds = dict.fromkeys(decoders, 0), dict.fromkeys(decoders, 0.0)
    for work in decoders.values():
        work()
    for name in [*decoders] * TURNS:
        begun = time.perf_counter()
        while (took := time.perf_counter() - begun) < turn_s or not took:
            rows[name] += decoders[name]()
        seconds[name] += took
    return {name: rows[name] / seconds[name] for name in decoders}


def _posted(whole: Fleet, home: Path, line: bytes, seconds: float) -> Values:
    """One row a request, each answered when it is on disk."""
    with gateway_at_end(whole, home) as gateway:
        found = acknowledged(gateway.port, gateway.token, line, CONNECTIONS, seconds)
    return {
        "single_posts_per_s": len(found.latencies_s) / found.seconds,
        "single_p50_s": quantile(found.latencies_s, 50),
        "single_p99_s": quantile(found.latencies_s, 99),
    }
