"""``replay``: a county's morning from Parquet files to the alert file, under all four rules."""

from __future__ import annotations

from benchmarks import contestants
from benchmarks.fleet import fleet, part_of
from benchmarks.measurement import Contestant, Progress, Report, interleaved, report
from benchmarks.settings import Settings
from pipeline.runtime.replay import BATCH_ROWS
from pipeline.stream.division import SHARDS

PEOPLE, HOURS, RUNS = 100_000, 3.75, 3

#: Half an hour of curfew, then schools and routes open, and the first confirmation windows end.
START = "2025-07-14T05:30:00+08:00"

#: As many as judge their rows in some ten seconds.
PLAIN_PEOPLE, REFERENCE_PEOPLE, WARM_PEOPLE = 2_500, 500, 50


def replay(settings: Settings, progress: Progress) -> Report:
    """Measure the whole of ``fleet replay`` beside the bare engine, the plain engine and the reference."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    whole = fleet("county", people, hours, settings.seed, START)
    plain, reference = part_of(whole, PLAIN_PEOPLE), part_of(whole, REFERENCE_PEOPLE)
    measured = {
        "replay": Contestant(contestants.whole_replay, whole),
        "engine": Contestant(contestants.bare_engine, whole),
        "one_ping_at_a_time": Contestant(contestants.plain_from_files, plain),
        "reference": Contestant(contestants.reference, reference),
    }
    outcomes = interleaved(measured, part_of(whole, WARM_PEOPLE), runs, progress)
    parameters = {
        "scenario": "county", "people": people, "hours": hours, "start": START, "seed": settings.seed,
        "rows": whole.rows, "alerts": outcomes["replay"][0].timing.alerts,
        "batch_rows": BATCH_ROWS, "shards": SHARDS, "workers": 1,
        "one_ping_at_a_time_people": plain.people, "one_ping_at_a_time_rows": plain.rows,
        "reference_people": reference.people, "reference_rows": reference.rows,
    }  # fmt: skip
    return report("replay", parameters, outcomes, {
        "vs_one_ping_at_a_time": ("replay", "one_ping_at_a_time"),
        "vs_engine": ("replay", "engine"),
        "vs_reference": ("replay", "reference"),
    })  # fmt: skip
