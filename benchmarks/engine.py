"""``engine``: the bare engine on batches in memory, for a large fleet most of which is at rest."""

from __future__ import annotations

from benchmarks import contestants
from benchmarks.fleet import fleet, part_of
from benchmarks.lookup import decode_and_lookup
from benchmarks.measurement import Contestant, Progress, Report, interleaved, report
from benchmarks.settings import Settings
from pipeline.runtime.replay import BATCH_ROWS

PEOPLE, HOURS, RUNS = 100_000, 1.0, 3
START = "2025-07-14T10:00:00+08:00"
PLAIN_PEOPLE, WARM_PEOPLE = 1_000, 50


def engine(settings: Settings, progress: Progress) -> Report:
    """Measure stepping a shard beside the plain engine on rows in memory, and beside decoding alone."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    whole = fleet("rest", people, hours, settings.seed, START)
    plain = part_of(whole, PLAIN_PEOPLE)
    measured = {
        "engine": Contestant(contestants.bare_engine, whole),
        "one_ping_at_a_time": Contestant(contestants.plain_in_memory, plain),
        "decode_and_lookup": Contestant(decode_and_lookup, whole),
    }
    outcomes = interleaved(measured, part_of(whole, WARM_PEOPLE), runs, progress)
    parameters = {
        "scenario": "rest", "people": people, "hours": hours, "start": START, "seed": settings.seed,
        "interval_s": 60, "rows": whole.rows, "alerts": outcomes["engine"][0].timing.alerts,
        "batch_rows": BATCH_ROWS, "shards": 1,
        "one_ping_at_a_time_people": plain.people, "one_ping_at_a_time_rows": plain.rows,
    }  # fmt: skip
    return report("engine", parameters, outcomes, {
        "vs_one_ping_at_a_time": ("engine", "one_ping_at_a_time"),
        "vs_decode_and_lookup": ("engine", "decode_and_lookup"),
    })  # fmt: skip
