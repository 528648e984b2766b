"""Machines in columns do what a single machine does, and their sides are those of the classifier."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from engine.engine_run import engine_lines
from engine.harsh_world import harsh_world
from engine.random_world import random_world
from engine.resting_world import orderly
from engine.test_boundary_steps import MINUTE_MS, PICTURES, RULE, Seen, drawn, entry_of, judged
from engine.test_safe_region import Terrain

from pipeline.engine.boundary.binding_tracker import BindingTracker
from pipeline.engine.boundary.column_judge import ColumnJudge
from pipeline.engine.boundary.column_machines import ColumnMachines, Standing
from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.incidents import RunRule, Verdict
from pipeline.engine.boundary.machine_columns import IDLE, MACHINE, NONE, OPEN, RAISED, RUN, add, step
from pipeline.engine.boundary.pair_sides import PairSides
from pipeline.engine.record_columns import grown
from sinks.alert import EVIDENCE_MOST

IN_ORDER = [row for row in PICTURES if not set(row[0]) & set("|o")]


#: The sides that were met.
everywhere: Counter[Verdict] = Counter()


class Columns:
    """One machine of one scope, stepped through parts of a picture."""

    def __init__(self, rule: RunRule) -> None:
        self.rule = rule
        self.head = np.full(1, NONE, np.int64)
        self.machines = grown(np.empty(0, MACHINE), 1)
        add(self.machines, 0, self.head, np.array([0]), np.array([0]), np.array([0]))
        self.incidents: dict[int, Seen] = {}
        self.shown: dict[int, list[int]] = {}

    def take(self, picture: str, first: int = 0) -> None:
        entries = [entry_of(sign, minute) for minute, sign in enumerate(picture, first) if sign != " "]
        fixes = [entry.fix for entry in entries if entry.fix is not None]
        side = np.array([entry.verdict.value for entry in entries], np.int8)
        event_ms = np.array([fix.event_ms for fix in fixes], np.int64)
        confirmed = np.array([fix.confirmed for fix in fixes], np.bool_)
        fixes_n, dwell_ms, clear_n = (
            np.full(len(fixes), value)
            for value in (self.rule.fixes, self.rule.dwell_ms, self.rule.clear_fixes)
        )
        whole = np.array([0, len(fixes)])
        made, shown_ms, shown = step(
            self.machines,
            np.array([0]),
            whole,
            side,
            event_ms,
            confirmed,
            fixes_n,
            dwell_ms,
            clear_n,
            np.array([0]),
        )
        for number, (_, fix, what, onset_ms, streak_ms) in enumerate(made.T.tolist()):
            onset = onset_ms // MINUTE_MS
            if what == RAISED:
                self.incidents[onset] = onset, int(event_ms[fix]) // MINUTE_MS, None, int(shown[number])
                self.shown[onset] = (shown_ms[number, : shown[number]] // MINUTE_MS).tolist()
            else:
                since, raised, _, count = self.incidents[onset]
                self.incidents[onset] = since, raised, streak_ms // MINUTE_MS, count

    def told(self) -> list[Seen]:
        return [self.incidents[onset] for onset in sorted(self.incidents)]


@pytest.mark.parametrize(("picture", "incidents", "why"), IN_ORDER, ids=[row[2] for row in IN_ORDER])
def test_a_timeline_in_columns(picture: str, incidents: list[Seen], why: str) -> None:
    for cut in range(len(picture) + 1):
        columns = Columns(RULE)
        columns.take(picture[:cut])
        columns.take(picture[cut:], cut)
        assert columns.told() == incidents, f"{why}, cut at {cut}"


@pytest.mark.parametrize("seed", range(40))
def test_a_random_timeline_in_columns(seed: int) -> None:
    chance = random.Random(seed)
    rule = RunRule(chance.choice([1, 2, 5]), chance.choice([0, 3, 40]) * MINUTE_MS, chance.choice([1, 2, 4]))
    picture = "".join(chance.choices("XCi?c ", (12, chance.choice([0, 1]), 2, 4, 1, 2), k=120))
    columns, cuts = Columns(rule), sorted(chance.sample(range(120), 6))
    for begin, end in zip([0, *cuts], [*cuts, 120], strict=True):
        columns.take(picture[begin:end], begin)
    assert columns.told() == judged(drawn(picture), rule)


def test_long_evidence_keeps_its_ends() -> None:
    """As in ``test_boundary_steps``, at each length round the one from which on fixes are left out."""
    for length in range(EVIDENCE_MOST - 2, 2 * EVIDENCE_MOST + 3):
        columns = Columns(RunRule(fixes=1, dwell_ms=(length - 1) * MINUTE_MS, clear_fixes=1))
        columns.take("X" * length)
        ends = [*range(10), *range(length - 10, length)]
        assert columns.shown == {0: list(range(length)) if length <= EVIDENCE_MOST else ends}


@pytest.mark.parametrize("seed", range(24))
def test_sides_of_many_fixes_are_those_of_each(seed: int) -> None:
    """Also where distances have to be exact: right at a tolerance, and without any active fence."""
    terrain = Terrain(seed)
    of = terrain.candidates()
    scopes = len(terrain.fences.scopes)
    candidate, scope = np.divmod(np.arange(len(of.row) * scopes), scopes)
    leaves = terrain.assignment.leaves_of
    person = terrain.subjects.rows.owner[of.row[candidate]]
    plain = np.array([not leaves(one) for one in person.tolist()])
    candidate, scope, person = candidate[plain], scope[plain], person[plain]
    columns = (column[candidate] for column in (of.at_ms, of.lon, of.lat, of.radius_m))
    found = PairSides(terrain.assignment, terrain.judge).of(of.row[candidate], scope, *columns)
    met: Counter[Verdict] = Counter()
    for n, judged_scope, one, side in zip(
        candidate.tolist(), scope.tolist(), person.tolist(), found.tolist(), strict=True
    ):
        fix = Fix(
            (0, 0, 0.0, 0.0, 0, 0.0, False, b""), int(of.at_ms[n]), int(of.arrival_ms[n]), float(of.lon[n]),
            float(of.lat[n]), None, float(of.radius_m[n]), False,
        )  # fmt: skip
        expected = terrain.judge.verdict(judged_scope, one, fix, fix.event_ms, fix.arrival_ms)
        assert Verdict(side) is expected, f"seed {seed}, look {n}, scope {judged_scope}"
        met[expected] += 1
    everywhere.update(met)


def test_all_sides_are_met() -> None:
    """Else the test before would show nothing."""
    for seed in range(3):
        test_sides_of_many_fixes_are_those_of_each(seed)
    assert min(everywhere[verdict] for verdict in Verdict) > 50


def test_the_worlds_of_other_tests_are_judged_in_columns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stepped there, and taken over from there in every state; else the reference would say nothing of it."""
    met: Counter[str] = Counter()
    judge, take_over, standing = ColumnJudge.judge, BindingTracker.take_over, ColumnMachines._standing

    def counted(self: ColumnJudge, *given: Any) -> Any:
        found = judge(self, *given)
        met["pairs"] += len(given[3].binding)
        met["alerts"] += len(found.alerts)
        return found

    def taken(self: BindingTracker, standings: list[Standing], clock_ms: int) -> None:
        met["taken over"] += len(standings)
        met["with an incident"] += sum(each.incident is not None for each in standings)
        take_over(self, standings, clock_ms)

    def seen(self: ColumnMachines, number: int, settled_ms: int) -> Standing:
        machine = self._machines[number]
        phase = {IDLE: "idle", RUN: "run", OPEN: "open"}[int(machine["phase"])]
        met[phase + (" streak" if machine["streak"] else "")] += 1
        return standing(self, number, settled_ms)

    monkeypatch.setattr(ColumnJudge, "judge", counted)
    monkeypatch.setattr(BindingTracker, "take_over", taken)
    monkeypatch.setattr(ColumnMachines, "_standing", seen)
    for seed in range(14):
        for world in map(orderly, (random_world(seed), harsh_world(seed))):
            engine_lines(world.site, world.rows, world.until_ms, size=50)
    assert met["pairs"] > 60, met
    assert met["alerts"] > 60, met
    assert all(met[state] for state in ("idle", "run", "open", "open streak", "with an incident")), met
