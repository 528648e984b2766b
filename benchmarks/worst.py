"""``worst``: the engine where nobody is where they should be, beside the same people where all is well."""

from __future__ import annotations

from benchmarks import contestants
from benchmarks.measurement import Contestant, Progress, Report, interleaved, report
from benchmarks.scene_files import START
from benchmarks.settings import Settings
from benchmarks.worst_scenes import SCENES, ZONES, ZONES_ROUND_EACH, scene
from pipeline.runtime.replay import BATCH_ROWS

PEOPLE, HOURS, RUNS = 5_000, 1.0, 3
PLAIN_PEOPLE, WARM_PEOPLE = 200, 200


def worst(settings: Settings, progress: Progress) -> Report:
    """Measure stepping a shard through each scene, rows in memory; the first third is not timed."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    minutes = round(hours * 60)
    fleets = {name: scene(name, people, minutes, settings.seed) for name in SCENES}
    plain = scene("seven_zones", min(people, PLAIN_PEOPLE), minutes, settings.seed)
    measured = {name: Contestant(contestants.settled_engine, fleets[name]) for name in SCENES}
    measured["seven_zones_one_ping_at_a_time"] = Contestant(contestants.plain_in_memory, plain)
    outcomes = interleaved(measured, scene("crossing", WARM_PEOPLE, minutes, settings.seed), runs, progress)
    parameters = {
        "people": people, "hours": hours, "start": START, "seed": settings.seed, "interval_s": 60,
        "rows": fleets["inside"].rows, "timed_from": f"minute {minutes // 3}", "batch_rows": BATCH_ROWS,
        "shards": 1, "zones": ZONES, "zones_round_each": ZONES_ROUND_EACH,
        "one_ping_at_a_time_people": plain.people, "one_ping_at_a_time_rows": plain.rows,
        "alerts": {name: outcomes[name][0].timing.alerts for name in SCENES},
    }  # fmt: skip
    return report(
        "worst", parameters, outcomes,
        {f"{name}_vs_inside": (name, "inside") for name in SCENES[1:]}
        | {"seven_zones_vs_one_ping_at_a_time": ("seven_zones", "seven_zones_one_ping_at_a_time")},
    )  # fmt: skip
