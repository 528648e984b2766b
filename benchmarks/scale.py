"""``scale``: what a fix costs with a hundred or a thousand times as much of everything that may grow."""

from __future__ import annotations

from benchmarks import contestants
from benchmarks.fleet import Fleet
from benchmarks.lookup import decode_and_lookup
from benchmarks.measurement import Contestant, Progress, Report, interleaved, report
from benchmarks.scale_scenes import country
from benchmarks.scene_files import START
from benchmarks.settings import Settings
from benchmarks.worst_scenes import scene
from pipeline.runtime.replay import BATCH_ROWS

PEOPLE, HOURS, RUNS = 1_000_000, 0.1, 1
WARM_PEOPLE = 200
#: One in so many of the people, where there are few devices, few people with a fence of their own, and few
#: or many zones.
FEWER_DEVICES, FEWER_HOMES, FEWER_ZONES, MANY_ZONES = 100, 1_000, 1_000, 10
#: The cost of a row in the one, divided by that in the other. Their names say the sizes without ``--people``.
_COSTS = {
    "devices_1m_vs_10k": ("devices_1m", "devices_10k"),
    "personal_fences_1m_vs_1k": ("personal_fences_1m", "personal_fences_1k"),
    "shared_zones_100k_vs_1k": ("shared_zones_100k", "shared_zones_1k"),
    "outside_vs_inside": ("outside", "devices_10k"),
}


def scale(settings: Settings, progress: Progress) -> Report:
    """Measure stepping a shard through fleets that differ in one thing each; as many rows in all."""
    people, hours, runs = settings.or_default(PEOPLE, HOURS, RUNS)
    minutes = max(3, round(hours * 60))
    fleets = _fleets(people, minutes, settings.seed)
    measured = {name: Contestant(contestants.settled_engine, fleet) for name, fleet in fleets.items()}
    measured["decode_and_lookup"] = Contestant(decode_and_lookup, fleets["devices_1m"])
    warm = country(WARM_PEOPLE, 30, settings.seed, homes=WARM_PEOPLE, zones=WARM_PEOPLE // 2)
    outcomes = interleaved(measured, warm, runs, progress)
    parameters = {
        "people": people, "hours": hours, "start": START, "seed": settings.seed, "interval_s": 60,
        "devices": {name: fleet.people for name, fleet in fleets.items()},
        "personal_fences": {"personal_fences_1m": people, "personal_fences_1k": _one_in(FEWER_HOMES, people)},
        "shared_zones": {
            "shared_zones_100k": _one_in(MANY_ZONES, people), "shared_zones_1k": _one_in(FEWER_ZONES, people)
        },
        "rows": {name: fleet.rows for name, fleet in fleets.items()},
        "alerts": {name: outcomes[name][0].timing.alerts for name in fleets},
        "batch_rows": BATCH_ROWS, "shards": 1,
    }  # fmt: skip
    # What costs more has the lower rate.
    ratios = {ratio: (few, many) for ratio, (many, few) in _COSTS.items()}
    return report(
        "scale", parameters, outcomes, ratios | {"vs_decode_and_lookup": ("devices_1m", "decode_and_lookup")}
    )


def _fleets(people: int, minutes: int, seed: int) -> dict[str, Fleet]:
    few, long = _one_in(FEWER_DEVICES, people), minutes * FEWER_DEVICES
    return {
        "devices_1m": scene("inside", people, minutes, seed),
        "devices_10k": scene("inside", few, long, seed),
        "personal_fences_1m": country(people, minutes, seed, homes=people),
        "personal_fences_1k": country(people, minutes, seed, homes=_one_in(FEWER_HOMES, people)),
        "shared_zones_100k": country(people, minutes, seed, zones=_one_in(MANY_ZONES, people)),
        "shared_zones_1k": country(people, minutes, seed, zones=_one_in(FEWER_ZONES, people)),
        # A million who are to be alerted at once would be followed one by one for the few minutes there are.
        "outside": scene("outside", few, long, seed),
    }


def _one_in(share: int, people: int) -> int:
    return max(1, people // share)
