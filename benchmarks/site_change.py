"""``site_change``: when a change of a running site is in force, and what the stream notices of it."""

from __future__ import annotations

import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.changing_system import Process, Served, data_settings, engine, gateway, running_process
from benchmarks.machine import commit, machine
from benchmarks.measurement import Figure, Progress, Report
from benchmarks.nation import Nation, nation_site
from benchmarks.settings import Settings
from fencewatch.config import Settings as SystemSettings
from fencewatch.site_desk import import_site
from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.host.clock import system_now_ms
from pipeline.sites.load import load_site
from pipeline.stream.division import SHARDS
from sinks.alert import instant_text

PEOPLE, RUNS = 1_000_000, 1
#: Every device sends a row so often: 50,000 rows a second of a million.
EVERY_S = 20
#: Changes of one row that are measured, one after the other, each behind a change of another kind; no further
#: ones are begun after so many seconds.
CHANGES, CHANGING_S = 100, 240.0
#: Rows that an import changes.
IMPORTED_ROWS = 10_000
#: How long a change is looked for in what comes out, and the stream is watched before and after it.
_FOUND_WITHIN_S, _WATCHED_S = 600.0, 0.5

#: Values of one run by the name of their figure.
Values = dict[str, float]


def site_change(settings: Settings, progress: Progress) -> Report:
    """Measure a gateway and an engine of their own in each run."""
    people, _, runs = settings.or_default(PEOPLE, 0.0, RUNS)
    nation = Nation(people)
    _warm_up()
    imported = min(IMPORTED_ROWS, people // 10)
    rate = max(20, people // EVERY_S)
    sites = nation_site(nation), nation_site(nation, imported)
    found: defaultdict[str, list[float]] = defaultdict(list)
    for run in range(1, runs + 1):
        progress(run, runs, "site_change")
        with tempfile.TemporaryDirectory() as scratch:
            for name, value in _measured(nation, sites, Path(scratch), rate, settings.seed).items():
                found[name].append(value)
    figures = {name: Figure.of(values, _unit(name)) for name, values in found.items()}
    parameters: dict[str, object] = {
        "people": people, "rows_per_s": rate, "changes": _changes_of(nation), "imported_rows": imported,
        "seed": settings.seed, "hours": settings.hours or 0.0,
    }  # fmt: skip
    ratio = figures["compile_s"].value / figures["in_force_p50_s"].value
    return Report(
        "site_change", machine(), commit(), parameters, figures, {"vs_compiling_anew": float(f"{ratio:.3g}")}
    )


def _warm_up() -> None:
    """An import of a few rows, so that what it runs is compiled before anything is measured."""
    with tempfile.TemporaryDirectory() as scratch:
        for changed in range(2):
            site = Path(scratch) / str(changed)
            site.mkdir()
            Nation(20).write(site, changed)
            import_site(site, Path(scratch) / "data", "to warm up")


def _unit(name: str) -> str:
    return {"s": "s", "rows": "rows", "share": "of the rows"}[name.rpartition("_")[2]]


def _measured(nation: Nation, sites: tuple[Path, Path], data: Path, rate: int, seed: int) -> Values:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        values: Values = {"compile_s": pool.submit(_compile_s, sites[0]).result()}
    values["first_import_s"] = _seconds(lambda: import_site(sites[0], data, "the beginning"))
    settings = data_settings(sites[0], data)
    with running_process(gateway, settings, nation, rate, seed) as desk:
        values["gateway_start_s"] = time.monotonic() - desk.begun_s
        desk.ask("feed")
        with running_process(engine, settings) as judge:
            _everybody_is_heard(judge, nation)
            count = _changes_of(nation)
            quiet = _quiet(judge, count)
            changes = _changed(desk, judge, nation, count, random.Random(seed))
            values |= _figures(changes, quiet)
            values |= _imported(sites[1], data, judge)
        values |= _restarted(data_settings(sites[1], data))
    return values


def _compile_s(site: Path) -> float:
    """The baseline: what a change costs where all is compiled anew, its documents read already."""
    loaded = load_site(site)

    def compile_all() -> None:
        compiled = CompiledSite.of(loaded, SHARDS)
        for number in range(SHARDS):
            Shard(compiled, number)

    return _seconds(compile_all)


def _seconds(work: Callable[[], object]) -> float:
    begun_s = time.monotonic()
    work()
    return time.monotonic() - begun_s


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came out of the engine so far: rows judged and alerts, with their instants.

    ``moved`` has when each shard came to judge by a change, with the change's instant of the log's clock.
    """

    delivered: Sequence[tuple[float, int]]
    alerts: Mapping[str, float]
    moved: Sequence[tuple[float, int]]

    def in_force_s(self, at_ms: int) -> float:
        """When the last shard judged by a change."""
        return max(at_s for at_s, change_ms in self.moved if change_ms == at_ms)

    def pause_s(self, from_s: float, to_s: float) -> float:
        """The longest time without rows between two instants."""
        inside = [at_s for at_s, _ in self.delivered if from_s <= at_s <= to_s]
        instants = [from_s, *inside, to_s]
        return max(after - before for before, after in pairwise(instants))


def _heard(judge: Process) -> _Heard:
    delivered, alerts, moved = judge.ask("heard")
    first: dict[str, float] = {}
    for at_s, name in alerts:
        first.setdefault(name, at_s)
    return _Heard(delivered, first, moved)


def _everybody_is_heard(judge: Process, nation: Nation) -> None:
    """Each device has sent a row, and the engine keeps up."""
    ends_s = time.monotonic() + _FOUND_WITHIN_S
    while time.monotonic() < ends_s:
        delivered = _heard(judge).delivered
        if delivered and delivered[-1][1] > nation.people and time.monotonic() - delivered[-1][0] < 1.0:
            return
        time.sleep(1.0)
    raise RuntimeError("the engine does not keep up with the rows")


def _quiet(judge: Process, windows: int) -> list[float]:
    """The longest times without rows where nothing changes, each over as long as a change is watched for."""
    begun_s = time.monotonic()
    time.sleep(min(windows, 40) * 2 * _WATCHED_S + _WATCHED_S)
    heard = _heard(judge)
    starts = [begun_s + 2 * _WATCHED_S * number for number in range(min(windows, 40))]
    return [heard.pause_s(start, start + 2 * _WATCHED_S) for start in starts]


@dataclass(frozen=True, slots=True)
class _Measured:
    """How long a change took to be answered, and then to be in force and until its alert was written.

    ``pause_s`` is the longest pause of the stream around it.
    """

    answered_s: float
    in_force_s: float
    alert_s: float
    pause_s: float


def _changes_of(nation: Nation) -> int:
    return min(CHANGES, max(2, nation.people // 50))


def _changed(
    desk: Process, judge: Process, nation: Nation, count: int, dice: random.Random
) -> list[_Measured]:
    begun_s = time.monotonic()
    served: list[tuple[str, Served]] = []
    others = _others(nation, dice)
    for number, person in enumerate(dice.sample(range(nation.people), count)):
        if time.monotonic() - begun_s > CHANGING_S:
            break
        desk.ask("change", [next(others)])
        zone = f"zone-{number}"
        served.append((zone, desk.ask("change", [_put("fences", nation.zone(zone, person))])))
        _wait_for(judge, zone)
        time.sleep(_WATCHED_S)
    heard = _heard(judge)
    return [_measure(one, heard.alerts[zone], heard) for zone, one in served]


def _measure(served: Served, alert_s: float, heard: _Heard) -> _Measured:
    pause_s = heard.pause_s(served.asked_s - _WATCHED_S, max(alert_s, served.answered_s) + _WATCHED_S)
    # It may be in force before whoever asked has heard the answer.
    in_force_s = max(heard.in_force_s(served.at_ms) - served.answered_s, 0.0)
    return _Measured(
        served.answered_s - served.asked_s, in_force_s, max(alert_s - served.answered_s, 0.0), pause_s
    )


def _wait_for(judge: Process, name: str) -> None:
    ends_s = time.monotonic() + _FOUND_WITHIN_S
    while time.monotonic() < ends_s:
        if name in _heard(judge).alerts:
            return
        time.sleep(0.25)
    raise RuntimeError(f"{name} is not in force after {_FOUND_WITHIN_S:.0f} s")


def _others(nation: Nation, dice: random.Random) -> Iterator[dict[str, Any]]:
    """Changes of one row each, of all kinds in turn."""
    while True:
        person = dice.randrange(nation.people)
        from_ms = system_now_ms() + 3_600_000
        yield _put("leaves", {
            "leave_id": f"L{from_ms}", "person_id": f"P{person}", "valid_from": instant_text(from_ms),
            "valid_to": instant_text(from_ms + 86_400_000), "category": "medical", "module": "",
            "fence_ids": "", "lon": "106.5", "lat": "29.5", "radius_m": "2000", "approved_at": "",
        })  # fmt: skip
        person = dice.randrange(nation.people)
        yield _put("people", {**nation.person(person), "class": "strict"})
        yield _put("fences", nation.home(dice.randrange(nation.people), radius_m=450))
        person = dice.randrange(nation.people)
        yield _put("devices", {**nation.device(person), "kind": "phone"})
        yield _put("devices", {**nation.device(person), "device_id": f"N{from_ms}"})


def _put(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": "put", "table": table, "row": dict(row), "effective_at": None}


def _figures(changes: Sequence[_Measured], quiet: Sequence[float]) -> Values:
    columns = {
        "answer": [change.answered_s for change in changes],
        "in_force": [change.in_force_s for change in changes],
        "alert": [change.alert_s for change in changes],
        "pause": [change.pause_s for change in changes],
        "quiet_pause": quiet,
    }
    values: Values = {}
    for name, column in columns.items():
        values[f"{name}_p50_s"], values[f"{name}_p99_s"] = _quantile(column, 50), _quantile(column, 99)
    return values


def _quantile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return max(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 1e-6)


def _imported(site: Path, data: Path, judge: Process) -> Values:
    """A whole directory of files in which some rows are others, by the command."""
    begun_s = time.monotonic()
    took_s = _seconds(lambda: import_site(site, data, "larger homes"))
    answered_s = time.monotonic()
    time.sleep(_WATCHED_S)
    # Rows that came in after the answer come out behind the change.
    _caught_up(judge)
    heard = _heard(judge)
    pause_s = heard.pause_s(begun_s, heard.delivered[-1][0])
    return {
        "import_s": took_s,
        "import_pause_s": pause_s,
        "import_caught_up_s": time.monotonic() - answered_s,
    }


def _caught_up(judge: Process) -> None:
    """Until rows come out again as often as they come in."""
    ends_s = time.monotonic() + _FOUND_WITHIN_S
    while time.monotonic() < ends_s:
        delivered = _heard(judge).delivered
        recent = [at_s for at_s, _ in delivered if at_s > time.monotonic() - 1.0]
        if len(recent) >= 5:
            return
        time.sleep(0.5)
    raise RuntimeError("the engine does not go on after an import")


def _restarted(settings: SystemSettings) -> Values:
    """The engine once more: from the start of its process until it has judged a row."""
    with running_process(engine, settings) as judge:
        return {"start_s": time.monotonic() - judge.begun_s}
