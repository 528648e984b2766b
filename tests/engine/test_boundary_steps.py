"""Runs, streaks and incidents as pictures of a timeline, one sign a minute.

``X`` wrong side, ``i`` right side, ``?`` unsure, ``C`` a wrong-side and ``c`` a right-side confirmation,
``|`` an end, ``o`` an opening that looks at the last fix again, a space nothing.
"""

from __future__ import annotations

import random

import pytest

from pipeline.engine.boundary.fix import Fix
from pipeline.engine.boundary.incidents import Incident, RunRule, RunRules, Verdict
from pipeline.engine.boundary.machine import END, OPENING, Entry, Machine, fix_entry, moment_entry
from pipeline.sites.policies import Policies
from pipeline.sites.policy import BoundaryRule, Policy

MINUTE_MS = 60_000
VERDICTS = {
    "X": Verdict.WRONG,
    "C": Verdict.WRONG,
    "i": Verdict.RIGHT,
    "c": Verdict.RIGHT,
    "?": Verdict.UNSURE,
}

#: What is to be seen of an incident, in minutes: onset, raised, cleared (by streak or end), fixes shown.
Seen = tuple[int, int, int | None, int]


def drawn(picture: str) -> list[Entry]:
    return [entry_of(sign, minute) for minute, sign in enumerate(picture) if sign != " "]


def entry_of(sign: str, minute: int) -> Entry:
    at_ms = minute * MINUTE_MS
    if sign in "|o":
        return moment_entry(at_ms, END if sign == "|" else OPENING)
    confirmed = sign in "Cc"
    key = (at_ms, int(confirmed), 0.0, 0.0, 0, -1.0, False, b"")
    fix = Fix(key, at_ms, at_ms, 0.0, 0.0, None, 20.0, confirmed)
    fix.distances[0] = ({"X": 1.0, "C": 1.0, "i": -1.0, "c": -1.0, "?": 0.0}[sign], 0.0)
    return fix_entry(fix, VERDICTS[sign])


def look_again(at_ms: int, fix: Fix) -> Verdict:
    """An opening sees what the fix saw."""
    return {1.0: Verdict.WRONG, -1.0: Verdict.RIGHT, 0.0: Verdict.UNSURE}[fix.distances[0][0]]


def seen(incident: Incident) -> Seen:
    def minute(ms: int) -> int:
        return ms // MINUTE_MS

    cleared = incident.cleared_ms if incident.cleared_ms is not None else incident.ended_ms
    shown = len(incident.evidence)
    onset, raised = minute(incident.onset_ms), minute(incident.raised.at_ms)
    return onset, raised, None if cleared is None else minute(cleared), shown


def told(machine: Machine) -> list[Seen]:
    return [seen(machine.incidents[onset]) for onset in sorted(machine.incidents)]


def by(rule: RunRule) -> RunRules:
    """A rule that is in force at all times."""
    keep_in = BoundaryRule(0.0, rule.fixes, rule.dwell_ms)
    return RunRules(Policies(Policy(keep_in=keep_in, clear_fixes=rule.clear_fixes)), keep_in=True)


def judged(entries: list[Entry], rule: RunRule) -> list[Seen]:
    machine = Machine(by(rule), look_again)
    for entry in entries:
        machine.insert(entry)
    return told(machine)


#: Three fixes and two minutes raise; two right-side fixes in a row clear.
RULE = RunRule(fixes=3, dwell_ms=2 * MINUTE_MS, clear_fixes=2)

PICTURES: list[tuple[str, list[Seen], str]] = [
    ("XX", [], "two are not three"),
    ("XXX", [(0, 2, None, 3)], "three within two minutes exactly"),
    ("XX   X", [(0, 5, None, 3)], "no gap in time ends a run"),
    ("X?X?X", [(0, 4, None, 3)], "unsure neither counts nor breaks"),
    ("X X i X", [], "a right-side fix ends the run"),
    ("XXiXXX", [(3, 5, None, 3)], "the next run starts afresh"),
    ("XXXXX", [(0, 2, None, 3)], "while open nothing raises"),
    ("XXXi", [(0, 2, None, 3)], "one is not two"),
    ("XXXii", [(0, 2, 3, 3)], "cleared when the streak began"),
    ("XXXi?i", [(0, 2, 3, 3)], "unsure does not break a streak"),
    ("XXXiXii", [(0, 2, 5, 3)], "a wrong-side fix does"),
    ("XXXiXXXXii", [(0, 2, 8, 3)], "an open alert and a new run are one incident"),
    ("XXXiiXXX", [(0, 2, 3, 3), (5, 7, None, 3)], "two incidents"),
    ("C", [(0, 0, None, 1)], "a wrong-side confirmation raises at once"),
    ("X C", [(0, 2, None, 2)], "with the onset of the going run"),
    ("XXXC", [(0, 2, None, 3)], "but not while open"),
    ("XXXcc", [(0, 2, 3, 3)], "right-side confirmations clear like others"),
    ("XXX|", [(0, 2, 3, 3)], "an end clears"),
    ("XX|X", [], "an end forgets the run"),
    ("XXXi|i", [(0, 2, 4, 3)], "an end clears though a streak was going"),
    ("XXX|XXX", [(0, 2, 3, 3), (4, 6, None, 3)], "after an end all starts afresh"),
    ("Xo o", [(0, 3, None, 3)], "openings see the last fix again and again"),
    ("o", [], "an opening without a fix sees nothing"),
    ("Ci o", [(0, 0, 1, 1)], "an opening clears too"),
    ("C  |o", [(0, 0, 3, 1)], "at an opening a confirmation is a plain fix"),
    ("?XXX", [(1, 3, None, 3)], "an unsure fix starts no run"),
    ("X" * 25, [(0, 2, None, 3)], "evidence ends with the raising fix"),
]


@pytest.mark.parametrize(("picture", "incidents", "why"), PICTURES, ids=[row[2] for row in PICTURES])
def test_a_timeline(picture: str, incidents: list[Seen], why: str) -> None:
    assert judged(drawn(picture), RULE) == incidents, why


@pytest.mark.parametrize("row", PICTURES, ids=[row[2] for row in PICTURES])
def test_a_timeline_put_together_in_any_order(row: tuple[str, list[Seen], str]) -> None:
    picture, incidents, _ = row
    for seed in range(8):
        entries = drawn(picture)
        random.Random(seed).shuffle(entries)
        assert judged(entries, RULE) == incidents, f"order {seed}"


def test_long_evidence_keeps_its_ends() -> None:
    """Thirty fixes at a dwell of half an hour: the first ten and the last ten are shown."""
    rule = RunRule(fixes=1, dwell_ms=29 * MINUTE_MS, clear_fixes=1)
    machine = Machine(by(rule), look_again)
    for entry in drawn("X" * 30):
        machine.insert(entry)
    shown = [sighting.at_ms // MINUTE_MS for sighting in machine.incidents[0].evidence]
    assert shown == [*range(10), *range(20, 30)]


@pytest.mark.parametrize("seed", range(60))
def test_settling_what_is_old_changes_nothing(seed: int) -> None:
    """Entries come up to five minutes late; what is older is settled as one goes on."""
    chance = random.Random(seed)
    picture = "".join(chance.choices("XXXii?Cc|o ", k=60))
    rule = RunRule(chance.randint(1, 4), chance.choice([0, MINUTE_MS, 4 * MINUTE_MS]), chance.randint(1, 3))
    whole = Machine(by(rule), look_again)
    pruned = Machine(by(rule), look_again)
    kept: dict[int, Incident | None] = {}
    entries = sorted(drawn(picture), key=lambda entry: entry.key[0] + chance.randint(0, 5) * MINUTE_MS)
    newest_ms = 0
    for entry in entries:
        newest_ms = max(newest_ms, entry.key[0])
        changed = whole.insert(entry), pruned.insert(entry)
        assert changed[0] == changed[1], f"seed {seed}: the same changes are told"
        kept |= changed[1]
        pruned.prune(newest_ms - 5 * MINUTE_MS, keep=())
    last = [seen(incident) for _, incident in sorted(kept.items()) if incident is not None]
    assert last == told(whole) == judged(drawn(picture), rule), f"seed {seed}"
