"""The benchmarks there are, by name."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.board import board
from benchmarks.checkpoint import checkpoint
from benchmarks.decode import decode
from benchmarks.engine import engine
from benchmarks.ingest import ingest
from benchmarks.live import live
from benchmarks.measurement import Progress, Report
from benchmarks.memory import memory
from benchmarks.replay import replay
from benchmarks.restart import restart
from benchmarks.scale import scale
from benchmarks.settings import Settings
from benchmarks.site_change import site_change
from benchmarks.tick import tick
from benchmarks.worst import worst

BENCHMARKS: dict[str, Callable[[Settings, Progress], Report]] = {
    "engine": engine,
    "replay": replay,
    "worst": worst,
    "scale": scale,
    "checkpoint": checkpoint,
    "restart": restart,
    "tick": tick,
    "memory": memory,
    "ingest": ingest,
    "decode": decode,
    "live": live,
    "board": board,
    "site_change": site_change,
}
