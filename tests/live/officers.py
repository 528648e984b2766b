"""People at their desks: what an alert gets is decided by its key alone, whenever and by whomever it is seen.

    number of steps   0 none   1 claim   2 and verify   3 and dispose   4 and close

Half of the alerts are taken up at once, the others only when they have cleared by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from live_system import LiveSystem, Unanswered

from sinks.disposal import QueueItem, Reason, State

STEPS = ("claim", "verify", "dispose", "close")
#: The step's name in the timeline, and how many steps have been taken in a state.
PAST = {"claim": "claimed", "verify": "verified", "dispose": "disposed", "close": "closed"}
TAKEN = {"open": 0, "self_cleared": 0, "claimed": 1, "verified": 2, "disposed": 3, "closed": 4}
VERDICTS = (("true", "admonition"), ("false", "false_alarm"), ("unverifiable", "equipment_fault"))
REASONS = tuple(Reason)
OFFICES = {"O1": "li", "O2": "wang"}
COUNTY = "zhao"


@dataclass(frozen=True)
class Life:
    """What people do about one alert in the end."""

    alert_key: str
    office_id: str

    @property
    def steps(self) -> int:
        """How many of STEPS it gets."""
        return int(self.alert_key[0], 16) % 5

    @property
    def waits(self) -> bool:
        """Whether it is left alone until it has cleared by itself."""
        return int(self.alert_key[1], 16) % 2 == 1

    @property
    def actor(self) -> str:
        """Who does all of it."""
        return COUNTY if int(self.alert_key[2], 16) < 4 else OFFICES[self.office_id]

    @property
    def judgement(self) -> tuple[str, str | None, str, str]:
        """Verdict, reason, outcome and note."""
        verdict, outcome = VERDICTS[int(self.alert_key[3], 16) % 3]
        reason = REASONS[int(self.alert_key[4], 16) % len(REASONS)] if verdict == "false" else None
        return verdict, reason, outcome, f"note {self.alert_key[:6]}"

    def body(self, step: str) -> Any:
        """What the step's request says."""
        verdict, reason, outcome, note = self.judgement
        bodies = {
            "verify": {"verdict": verdict, "reason": reason},
            "dispose": {"outcome": outcome, "note": note},
        }
        return bodies.get(step)

    def done(self, steps: int) -> tuple[object, ...]:
        """What stands in the queue after so many steps; see ``standing``."""
        verdict, reason, outcome, note = self.judgement
        judged, settled = steps >= TAKEN["verified"], steps >= TAKEN["disposed"]
        return (
            *((verdict, reason, self.actor) if judged else (None, None, None)),
            *((outcome, note, self.actor) if settled else (None, None, None)),
            self.actor if steps == TAKEN["closed"] else None,
        )


def standing(item: QueueItem) -> tuple[object, ...]:
    """What people have said about an alert and who did."""
    judged = item.verdict, item.reason, item.verified_by
    return (*judged, item.outcome, item.note, item.disposed_by, item.closed_by)


@dataclass(frozen=True)
class Entry:
    """A step as the timeline tells it."""

    past: str
    actor: str | None
    at_ms: int


@dataclass
class Officers:
    """Everybody who works the queue of a system off, and what they remember of it."""

    system: LiveSystem
    acknowledged: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    unanswered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        roles = [(name, "officer", office) for office, name in OFFICES.items()] + [(COUNTY, "county", "C1")]
        self._tokens = {
            name: self.system.token("--role", role, "--office", office, "--name", name)
            for name, role, office in roles
        }

    def work(self, most: int = 1 << 30) -> int:
        """Take the next step of up to so many alerts, by what the queue shows now; how many were taken."""
        taken = 0
        try:
            for item in self._listed():
                life, before = Life(item["alert_key"], item["office_id"]), TAKEN[item["state"]]
                if before < life.steps and (before or not life.waits or item["state"] == State.SELF_CLEARED):
                    self._take(life, STEPS[before])
                    taken += 1
                if taken == most:
                    break
        except Unanswered:
            pass  # the next look at the queue tells whether it took effect
        return taken

    def check(self, item: QueueItem) -> None:
        """What was acknowledged stands, once; beside it only what was asked for and not answered."""
        key = item.alert.alert_key
        life = Life(key, item.alert.office_id)
        entries = [Entry(entry.kind, entry.actor, entry.at_ms) for entry in item.timeline if entry.actor]
        told = self.acknowledged[key]
        assert [entry.past for entry in entries] == [PAST[step] for step in STEPS[: len(entries)]], key
        assert TAKEN[item.state] == len(entries), key
        assert {entry.actor for entry in entries} <= {life.actor}, key
        assert [entry for entry in entries if entry in told] == told, "what was acknowledged is there"
        assert {entry.past for entry in entries if entry not in told} <= self.unanswered[key], key
        assert standing(item) == life.done(len(entries)), key

    def _listed(self) -> list[Any]:
        items, cursor = [], ""
        while True:
            page = self.system.ask(f"/v1/alerts?limit=200{cursor}", self._tokens[COUNTY])
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={page['next']}"

    def _take(self, life: Life, step: str) -> None:
        key, past = life.alert_key, PAST[step]
        at_ms = self.system.clock.now_ms()
        try:
            path = f"/v1/alerts/{key}/{step}"
            self.system.ask(path, self._tokens[life.actor], life.body(step), is_step=True)
        except Unanswered:
            self.unanswered[key].add(past)
            raise
        self.acknowledged[key].append(Entry(past, life.actor, at_ms))
