"""A `fencewatch serve` of its own over a site, for rows over HTTP; and lines to send it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import httpx2
import polars as pl
import pyarrow.parquet as pq

from benchmarks.fleet import Fleet
from fencewatch.listening import listening
from pipeline.host.clock import FILE, SimulatedClock, system_now_ms
from simulators.sender import ndjson
from sinks.access import TokenStore

#: Kernels may have to be compiled first, beside other work, and a large site read.
_READY_S = 900.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it listens, a token that may send everybody's rows, and the configuration to run others on."""

    port: int
    token: str
    config: Path


@contextmanager
def gateway_at_end(whole: Fleet, home: Path) -> Iterator[Gateway]:
    """Over a fleet's site, on a clock that stands at the end of its stream."""
    data = home / "data"
    data.mkdir(mode=0o700)
    last_ms = _last_ms(whole)
    SimulatedClock.make(data / FILE, last_ms, 1.0)
    with gateway(whole.site, home, last_ms) as serving:
        yield serving


@contextmanager
def gateway(site: Path, home: Path, now_ms: int | None = None) -> Iterator[Gateway]:
    """Over a site, with its data in ``home``; the machine's clock, or one that stands at ``now_ms``."""
    data = home / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    tokens = TokenStore.open(data / "tokens.sqlite")
    now_ms = system_now_ms() if now_ms is None else now_ms
    token = tokens.create("operator", name="bench", now_ms=now_ms)
    tokens.close()
    (door,) = listening("127.0.0.1", 0)
    port = door.getsockname()[1]
    config = home / "fencewatch.toml"
    config.write_text(f'site = "{site}"\ndata = "data"\n[http]\nport = {port}\n')
    with door, process_of("serve", config, door.fileno()) as process:
        _wait_until_ready(port, process)
        yield Gateway(port, token, config)


@contextmanager
def process_of(command: str, config: Path, door: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the live system, ended in order with the block; ``door``: a socket to take over."""
    words = [sys.executable, "-P", "-m", "fencewatch", command, "--config", str(config)]
    doors = [] if door is None else [door]
    words += [word for each in doors for word in ("--socket-fd", str(each))]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, pass_fds=doors)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def lines_of(whole: Fleet) -> list[bytes]:
    """The pings of a fleet as lines of JSON."""
    return ndjson(pl.DataFrame(pq.read_table(whole.pings))).splitlines(keepends=True)


def body_of(lines: Sequence[bytes], rows: int) -> bytes:
    """So many of the lines, over again where they are fewer."""
    return b"".join(islice(cycle(lines), rows))


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
