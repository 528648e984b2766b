"""What decoding alone costs: the same Parquet read by polars, with each device id looked up by a join."""

from __future__ import annotations

import polars as pl

from benchmarks.fleet import Fleet
from benchmarks.measurement import Stopwatch, Timing


def decode_and_lookup(fleet: Fleet, warm: Fleet) -> Timing:
    """Every column decoded and every id turned into a number, rows in order; polars uses all cores."""
    _decode(warm)
    return _decode(fleet)


def _decode(fleet: Fleet) -> Timing:
    devices = pl.read_csv(fleet.site / "devices.csv", infer_schema=False).select("device_id")
    numbered = devices.unique(maintain_order=True).with_row_index("device")
    watch = Stopwatch()
    rows = pl.read_parquet(fleet.pings).join(numbered, on="device_id", how="left", maintain_order="left")
    return watch.stop(len(rows), {})
