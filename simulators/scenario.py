"""A scenario by its name: a site, its streams and their truth in one directory."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from geofences.instant import instant_ms
from pipeline.host.outputs import whole_directory
from simulators.county_scenario import county
from simulators.errors import ScenarioError
from simulators.ground import Boundary, Place
from simulators.request import TRUTH, WRITTEN, Progress, Request, Summary
from simulators.rest_scenario import rest

#: A Monday at midnight in China.
DEFAULT_START = "2025-07-14T00:00:00+08:00"

SCENARIOS: dict[str, Callable[[Request], Summary]] = {"county": county, "rest": rest}


def simulate(
    scenario: str,
    people: int,
    hours: float,
    seed: int,
    out: Path,
    progress: Progress | None = None,
    *,
    start: str = DEFAULT_START,
    interval_s: float | None = None,
    boundary: Boundary = "auto",
    place: Place | None = None,
) -> Summary:
    """Write ``site/``, ``pings.parquet``, ``confirmations.parquet`` and ``truth.ndjson`` under ``out``.

    The same arguments give the same bytes (``boundary="auto"`` plays on a real county where the
    boundary data are installed, so installing them changes the outcome). ``interval_s`` overrides how
    often phones report. ``progress`` is told (slices done, slices in all). Raises ScenarioError for an
    unknown scenario or a setting that makes no sense, and where ``out`` holds such files that no
    simulation wrote. Files take their places when all are whole.
    """
    if scenario not in SCENARIOS:
        raise ScenarioError(f"unknown scenario {scenario!r}; there are {', '.join(sorted(SCENARIOS))}")
    if people < 1 or not (math.isfinite(hours) and hours > 0) or seed < 0:
        raise ScenarioError(f"{people} people, {hours} hours, seed {seed}: expected >= 1, > 0 and >= 0")
    if interval_s is not None and not 1 <= interval_s <= 86_400:
        raise ScenarioError(f"interval {interval_s} s: expected 1 to 86400")
    start_ms = _start(start)
    _refuse_what_is_not_ours(out)
    with whole_directory(out) as scratch:
        done = SCENARIOS[scenario](
            Request(
                scenario,
                people,
                (start_ms, start_ms + round(hours * 3_600_000)),
                seed,
                scratch,
                progress or (lambda done, total: None),
                None if interval_s is None else round(interval_s * 1_000),
                boundary,
                place or Place(),
            )
        )
    return done.moved(out)


def _refuse_what_is_not_ours(out: Path) -> None:
    """A real site or stream must not be replaced by a made-up one."""
    if out.exists() and not out.is_dir():
        raise ScenarioError(f"{out} is a file; expected a directory to write to")
    found = [name for name in WRITTEN if (out / name).exists()]
    if found and not (out / TRUTH).exists():
        raise ScenarioError(
            f"{out} has {', '.join(found)} but no {TRUTH}, so no simulation wrote it; expected a directory "
            "that is new, or of an earlier simulation"
        )


def _start(text: str) -> int:
    try:
        return instant_ms(text)
    except ValueError as error:
        raise ScenarioError(f"start {text!r}: expected a time with offset such as {DEFAULT_START}") from error
