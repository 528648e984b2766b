"""The demonstration: a made-up fleet judged, and what was raised beside what really happened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from fencewatch import printing
from geofences.instant import instant_ms
from pipeline.replay import ReplayRequest, ReplaySummary, replay
from pipeline.sites.load import load_site
from pipeline.sites.records import Site
from simulators.request import Summary
from simulators.scenario import simulate

#: How many alerts are told in words.
_TOLD = 5

_SENTENCES = {
    "boundary_violation": "{person} was outside {fence} from {onset}, {distance} m beyond it when raised",
    "zone_entry": "{person} was inside {fence}, where they may not be, from {onset}",
    "silent_device": "nothing was heard of {device}, which {person} carries, after {onset} (level {level})",
    "missed_confirmation": "{person} did not confirm in the window that opened at {onset}",
}

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What the demonstration made and found."""

    fleet: Summary
    replayed: ReplaySummary
    site: Site
    truth: list[Record]
    alerts: list[Record]


def run_demo(people: int, hours: float, seed: int, directory: Path) -> Result:
    """Make up a fleet in ``directory`` and judge its streams there."""
    with printing.steps_bar("making up a fleet") as progress:
        fleet = simulate("county", people, hours, seed, directory, progress)
    site = load_site(fleet.site)
    files = [fleet.pings_file], [fleet.confirmations_file]
    alerts = directory / "alerts.ndjson"
    with printing.bytes_bar("judging its pings") as progress:
        replayed = replay(ReplayRequest(site, *files, alerts, directory / "rejects.ndjson"), progress)
    return Result(fleet, replayed, site, _records(fleet.truth_file), _records(alerts))


def show(result: Result, directory: Path, console: Console) -> None:
    """The result as a person reads it."""
    console.print(
        f"{result.fleet.people:,} made-up people, {result.fleet.devices:,} devices, seed and truth known"
    )
    printing.replay_summary(result.replayed, directory / "alerts.ndjson", as_json=False)
    console.print(_compared(result))
    zone = ZoneInfo(result.site.policy.timezone)
    console.print(f"The gravest {_TOLD}, in local time ({zone.key}):")
    gravest = sorted(result.alerts, key=lambda alert: (alert["severity"], alert["raised_at"]))
    for alert in gravest[:_TOLD]:
        console.print(
            f"  severity {alert['severity']}: {_sentence(alert, zone)}", highlight=False, soft_wrap=True
        )
    console.print(
        f"Look next into {directory}: alerts.ndjson, truth.ndjson, rejects.ndjson, site/", highlight=False
    )


def as_json(result: Result) -> Record:
    """The result for a machine."""
    found = {kind: {"truth": t, "found": f, "alerts": a} for kind, t, f, a in _counts(result)}
    replayed = result.replayed
    return {
        "people": result.fleet.people,
        "pings": result.fleet.pings,
        "rejects": sum(replayed.rejected.values()),
        "kinds": found,
        "seconds": round(replayed.seconds, 3),
    }


def _records(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _compared(result: Result) -> Table:
    table = Table(title="What really happened, and what was raised")
    for column in ("kind", "happened", "of them raised", "alerts in all"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind, *counts in _counts(result):
        table.add_row(kind, *(f"{count:,}" for count in counts))
    return table


def _counts(result: Result) -> list[tuple[str, int, int, int]]:
    """By kind: incidents that happened, those that an alert speaks of, and alerts not withdrawn."""
    rows = []
    for kind in _SENTENCES:
        truth = [incident for incident in result.truth if incident["kind"] == kind]
        alerts = [a for a in result.alerts if a["kind"] == kind and a["withdrawn_at"] is None]
        rows.append((kind, len(truth), sum(_is_raised(incident, alerts) for incident in truth), len(alerts)))
    return rows


def _is_raised(incident: Record, alerts: Sequence[Record]) -> bool:
    """Is there an alert of the same person and device that overlaps the incident?"""
    begin, end = instant_ms(incident["from"]), instant_ms(incident["to"])
    return any(
        alert["person_id"] == incident["person_id"]
        and alert["device_id"] == incident["device_id"]
        and alert["group"] == incident["group"]
        and (alert["group"] is not None or alert["fence_id"] == incident["fence_id"])
        and instant_ms(alert["onset_at"]) <= end
        and (alert["cleared_at"] is None or instant_ms(alert["cleared_at"]) >= begin)
        for alert in alerts
    )


def _sentence(alert: Record, zone: ZoneInfo) -> str:
    onset = datetime.fromisoformat(alert["onset_at"]).astimezone(zone)
    return _SENTENCES[alert["kind"]].format(
        person=alert["person_id"],
        fence=alert["fence_id"],
        device=alert["device_id"],
        onset=f"{onset:%Y-%m-%d %H:%M}",
        distance=round(alert["distance_m"] or 0),
        level=alert["level"],
    )
