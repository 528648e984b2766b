"""``board``: what the map costs the line, each second and viewer, beside asking for all positions anew."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq

from benchmarks.fleet import Fleet, fleet
from benchmarks.machine import commit, machine
from benchmarks.measurement import Figure, Progress, Report
from benchmarks.settings import Settings
from console.current_places import CurrentPlaces
from console.position_feed import Written, changes_json
from console.site_directory import SiteDirectory
from pipeline.sites.load import load_site
from sinks.positions import Position

PEOPLE, HOURS, RUNS = 2_000, 1.0, 3
START = "2025-07-14T08:00:00+08:00"
#: How fast the clock runs, as in the demonstration; a viewer is told once a real second.
SPEED = 60

_TIMES = ("event_time", "arrival_time")
_UNITS = {"stream": "bytes/s", "first": "bytes", "poll": "bytes/s", "tick": "s"}


def board(settings: Settings, progress: Progress) -> Report:
    """Measure a stream of changes to one viewer who sees a whole county, second by second."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    whole = fleet("county", people, hours, settings.seed, START)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for run in range(1, runs + 1):
        progress(run, runs, "board")
        for name, value in _measured(whole).items():
            found[name].append(value)
    figures = {name: Figure.of(values, _UNITS[name.partition("_")[0]]) for name, values in found.items()}
    parameters: dict[str, object] = {
        "scenario": "county", "people": people, "hours": hours, "start": START, "seed": settings.seed,
        "speed": SPEED, "rows": whole.rows,
    }  # fmt: skip
    ratio = figures["poll_bytes_per_s"].value / figures["stream_bytes_per_s"].value
    return Report("board", machine(), commit(), parameters, figures, {"vs_polling": float(f"{ratio:.3g}")})


def _measured(whole: Fleet) -> dict[str, float]:
    site_directory = SiteDirectory(load_site(whole.site))
    offices, places = frozenset(site_directory.offices), CurrentPlaces(site_directory)
    first = sent = polled = ticks = 0
    seconds = 0.0
    for now_ms, rows in _ticks(whole, site_directory):
        begun = time.perf_counter()
        before = places.tick
        places.update(rows, now_ms, is_all=False)
        changes = places.since(before or None, offices)
        content = changes_json(changes, now_ms, site_directory, may_name=True)
        size = len(Written.event("positions", f"0.{places.tick}", content).deflated)
        if before:
            seconds += time.perf_counter() - begun
            ticks += 1
            sent += size
            everything = places.since(None, offices)
            polled += len(
                msgspec.json.encode(changes_json(everything, now_ms, site_directory, may_name=True))
            )
        else:
            first = size
    return {
        "stream_bytes_per_s": sent / ticks,
        "poll_bytes_per_s": polled / ticks,
        "first_bytes": float(first),
        "tick_s": seconds / ticks,
    }


def _ticks(whole: Fleet, site_directory: SiteDirectory) -> Iterator[tuple[int, list[Position]]]:
    """The stream's positions by real seconds, with the clock's time at their ends; half of it at once."""
    plain = ["device_id", "lon", "lat", "accuracy_m", "source"]
    table = pq.read_table(whole.pings, columns=[*plain, *_TIMES]).sort_by("arrival_time")
    event, arrival = (
        table[name].cast("int64").to_numpy() // _per_ms(table.schema.field(name).type) for name in _TIMES
    )
    columns = [table[name].to_pylist() for name in plain]
    middle, last = (int(arrival[0]) + int(arrival[-1])) // 2, int(arrival[-1])
    ends = [middle, *range(middle + 1000 * SPEED, last, 1000 * SPEED)]
    begin = 0
    for end_ms in ends:
        stop = int(np.searchsorted(arrival, end_ms))
        newest: dict[str, Position] = {}
        for row in range(begin, stop):
            device, lon, lat, accuracy, source = (column[row] for column in columns)
            person = site_directory.bound_to(device, int(event[row]))
            bearer = None if person is None else site_directory.person(person, int(event[row]))
            if bearer is None or lon is None:
                continue
            times = int(event[row]), int(arrival[row])
            position = Position(
                device, bearer.person_id, bearer.office_id, *times, lon, lat, accuracy, source
            )
            known = newest.get(device)
            if known is None or (known.event_ms, known.arrival_ms) <= times:
                newest[device] = position
        begin = stop
        yield end_ms, list(newest.values())


def _per_ms(kind: Any) -> int:
    """How many of a timestamp's units are a millisecond."""
    return {"ms": 1, "us": 1_000, "ns": 1_000_000}[kind.unit]
