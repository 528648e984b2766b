"""``scale``: what a fix costs when there are a hundred times as many devices."""

from __future__ import annotations

from benchmarks import contestants
from benchmarks.lookup import decode_and_lookup
from benchmarks.measurement import Contestant, Progress, Report, interleaved, report
from benchmarks.settings import Settings
from benchmarks.worst_scenes import START, scene
from pipeline.runtime.replay import BATCH_ROWS

PEOPLE, HOURS, RUNS = 1_000_000, 0.1, 3
WARM_PEOPLE = 200


def scale(settings: Settings, progress: Progress) -> Report:
    """Measure stepping a shard for some people, a tenth and a hundredth of them, as many rows each."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    minutes = max(3, round(hours * 60))
    shares = {"engine": 1, "engine_tenth": 10, "engine_hundredth": 100}
    fleets = {
        name: scene("inside", max(1, people // share), minutes * share, settings.seed)
        for name, share in shares.items()
    }
    measured = {name: Contestant(contestants.settled_engine, fleets[name]) for name in shares}
    measured["decode_and_lookup"] = Contestant(decode_and_lookup, fleets["engine"])
    outcomes = interleaved(measured, scene("inside", WARM_PEOPLE, 30, settings.seed), runs, progress)
    parameters = {
        "people": people, "hours": hours, "start": START, "seed": settings.seed, "interval_s": 60,
        "rows": {name: fleet.rows for name, fleet in fleets.items()}, "batch_rows": BATCH_ROWS, "shards": 1,
    }  # fmt: skip
    return report("scale", parameters, outcomes, {
        "vs_tenth": ("engine", "engine_tenth"),
        "vs_hundredth": ("engine", "engine_hundredth"),
        "vs_decode_and_lookup": ("engine", "decode_and_lookup"),
    })  # fmt: skip
