"""What a demonstration tells: how to look at it, and what came of it beside what really happened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geofences.instant import instant_ms
from pipeline.rules.catalogue import RULES
from pipeline.rules.rule import Subject
from pipeline.sites.records import Site
from simulators.request import Summary
from sinks.alert import Alert, instant_text
from sinks.disposal import DisposalQueue, QueueItem, State

Incident = Mapping[str, Any]

#: What changes of the site may have been.
CHANGES = ("enrolled", "granted", "ended", "refused")

#: What people can do wrong, which the simulation knows the truth of.
KINDS = tuple(rule.kind for rule in RULES if rule.subject is not Subject.LOG)


@dataclass(frozen=True, slots=True)
class Pass:
    """A token, whose it is, and the office whose alerts it opens."""

    token: str
    name: str
    office_id: str


@dataclass(frozen=True, slots=True)
class Opening:
    """Where the demonstration is and who may enter, by role; ``opened_ms`` is when, by its clock."""

    url: str
    passes: Mapping[str, Pass]
    fleet: Summary
    site: Site
    speed: float
    opened_ms: int
    home: Path

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        return {
            "url": self.url,
            "tokens": {role: given.token for role, given in self.passes.items()},
            "data": str(self.home),
            "clock": f"simulated, x{self.speed:g}",
        }


@dataclass(frozen=True, slots=True)
class Found:
    """One kind. Incidents that are over by the end, those of them that an alert speaks of, the longest that
    none does, and incidents that still go on; alerts by state, those of them without any incident, and
    withdrawn ones, which the others leave out.
    """

    over: int
    raised: int
    longest_unraised_ms: int
    ongoing: int
    states: Mapping[State, int]
    unfounded: int
    withdrawn: int

    def truth(self) -> dict[str, int]:
        """All but the alerts, for a machine."""
        return {
            "over": self.over,
            "raised": self.raised,
            "ongoing": self.ongoing,
            "unfounded": self.unfounded,
            "withdrawn": self.withdrawn,
        }


@dataclass(frozen=True, slots=True)
class Done:
    """Rows ``sent`` by stream, ``rejected`` by reason, and ``changes`` of the site by what they were."""

    sent: Mapping[str, int]
    rejected: Mapping[str, int]
    changes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done and what came of it, by kind.

    ``seconds`` are real ones since the page was there; all else counts from the fleet's beginning.
    """

    opening: Opening
    done: Done
    kinds: Mapping[str, Found]
    now_ms: int
    seconds: float

    @property
    def speed(self) -> float:
        """How much faster than real time it really went, since the page was there."""
        return (self.now_ms - self.opening.opened_ms) / 1000 / max(self.seconds, 1e-3)

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        fleet, home = self.opening.fleet, self.opening.home
        return {
            "people": fleet.people,
            "devices": fleet.devices,
            "pings": self.done.sent.get("pings", 0),
            "confirmations": self.done.sent.get("confirmations", 0),
            "rejects": sum(self.done.rejected.values()),
            "rejected": dict(sorted(self.done.rejected.items())),
            "changes": {what: self.done.changes.get(what, 0) for what in CHANGES},
            "alerts": {
                kind: {s.value: n for s, n in found.states.items()} for kind, found in self.kinds.items()
            },
            "truth": {kind: found.truth() for kind, found in self.kinds.items()},
            "clock": {
                "simulated": True,
                "speed": self.opening.speed,
                "speed_reached": round(self.speed, 1),
                "from": instant_text(fleet.start_ms),
                "opened": instant_text(self.opening.opened_ms),
                "to": instant_text(self.now_ms),
            },
            "seconds": round(self.seconds, 3),
            "look_next": {
                "queue": f"fencewatch queue list --data {home}",
                "tracks": str(home / "tracks"),
                "truth": str(fleet.truth_file),
                "logs": [str(home / "serve.log"), str(home / "run.log")],
            },
        }


def outcome(
    opening: Opening,
    queue: DisposalQueue,
    done: Done,
    now_ms: int,
    seconds: float,
) -> Outcome:
    """Count up what stands in the queue, beside the truth."""
    items = list(queue.every_alert(now_ms=now_ms))
    truth = [json.loads(line) for line in opening.fleet.truth_file.read_text("utf-8").splitlines()]
    begun = [incident for incident in truth if instant_ms(incident["from"]) <= now_ms]
    names = dict.fromkeys([*KINDS, *(item.alert.kind for item in items)])
    kinds = {kind: _found(kind, items, begun, now_ms) for kind in names}
    return Outcome(opening, done, kinds, now_ms, seconds)


def _found(kind: str, items: Sequence[QueueItem], begun: Sequence[Incident], now_ms: int) -> Found:
    of_kind = [item for item in items if item.alert.kind == kind]
    standing = [item for item in of_kind if item.alert.withdrawn_ms is None]
    alerts = [item.alert for item in standing]
    happened = [incident for incident in begun if incident["kind"] == kind]
    over = [incident for incident in happened if instant_ms(incident["to"]) <= now_ms]
    unraised = [incident for incident in over if not any(_speaks_of(alert, incident) for alert in alerts)]
    longest_ms = max((instant_ms(one["to"]) - instant_ms(one["from"]) for one in unraised), default=0)
    return Found(
        over=len(over),
        raised=len(over) - len(unraised),
        longest_unraised_ms=longest_ms,
        ongoing=len(happened) - len(over),
        states=Counter(item.state for item in standing),
        unfounded=sum(not any(_speaks_of(alert, one) for one in happened) for alert in alerts),
        withdrawn=len(of_kind) - len(standing),
    )


def _speaks_of(alert: Alert, incident: Incident) -> bool:
    """Are they of the same person, device and place, and do they overlap?"""
    begin_ms, end_ms = instant_ms(incident["from"]), instant_ms(incident["to"])
    return (
        (alert.person_id, alert.device_id) == (incident["person_id"], incident["device_id"])
        and alert.group == incident["group"]
        and (alert.group is not None or alert.fence_id == incident["fence_id"])
        and alert.onset_ms <= end_ms
        and (alert.cleared_ms is None or alert.cleared_ms >= begin_ms)
    )
