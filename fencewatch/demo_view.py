"""The demonstration's opening and outcome as a person reads them."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from fencewatch.demo_result import CHANGES, Opening, Outcome
from geofences.instant import EPOCH
from pipeline.sites.records import Site
from sinks.disposal import State


def show_opening(opening: Opening, console: Console) -> None:
    """Where it is, who may enter and by what link."""
    fleet, site = opening.fleet, opening.site
    offices = {office.office_id: office.name for office in site.offices}
    _say(
        console,
        f"{fleet.people:,} made-up people with {fleet.devices:,} devices in {site.fences[0].name}",
        f"clock      simulated, {opening.speed:g} times as fast as real time, "
        f"from {local(opening.opened_ms, site)} on ({site.policy.timezone})",
        f"{'':<10} the time since {local(fleet.start_ms, site)} has been run through",
        "site       changes while it runs: people are enrolled, leaves granted and ended",
    )
    for role, given in opening.passes.items():
        _say(
            console,
            f"{role:<10} {opening.url}/#token={given.token}",
            f"{'':<10} {given.name}, {offices[given.office_id]} ({given.office_id})",
        )
    _say(console, f"data       {opening.home}")


def show_outcome(result: Outcome, console: Console) -> None:
    """What came in, what came of it, and where to look next."""
    fleet, site, sent = result.opening.fleet, result.opening.site, result.done.sent
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(result.done.rejected.items()))
    span = f"{local(fleet.start_ms, site)} to {local(result.now_ms, site)} ({site.policy.timezone})"
    _say(
        console,
        f"people     {fleet.people:,} made up, with {fleet.devices:,} devices",
        f"rows       {sent.get('pings', 0):,} pings, {sent.get('confirmations', 0):,} confirmations; "
        f"{sum(result.done.rejected.values()):,} rejected{': ' + reasons if reasons else ''}",
        f"site       {_changes(result)}",
        f"clock      simulated, {_speed(result)} as real time, {span}",
    )
    console.print(_truth_table(result))
    console.print(_state_table(result))
    _say(
        console,
        _unraised(result),
        f"Look next: `fencewatch queue list --data {result.opening.home}` shows the queue, "
        f"{fleet.truth_file.name} there",
        "what really happened, tracks/ where people were, serve.log and run.log what the processes said.",
    )


def local(at_ms: int, site: Site) -> str:
    """An instant in the policy's time zone."""
    zone = ZoneInfo(site.policy.timezone)
    return f"{(EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone):%Y-%m-%d %H:%M}"


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _changes(result: Outcome) -> str:
    """What was changed while it ran."""
    done = result.done.changes
    enrolled, granted, ended, refused = (done.get(what, 0) for what in CHANGES)
    said = f"{enrolled:,} people enrolled, {granted:,} leaves granted and {ended:,} ended while it ran"
    return f"{said}; {refused:,} changes refused" if refused else said


def _speed(result: Outcome) -> str:
    """The speed asked for, and the one reached where the machine was too slow."""
    asked = f"{result.opening.speed:g} times as fast"
    return asked if result.speed > 0.9 * result.opening.speed else f"{result.speed:.0f} instead of {asked}"


def _truth_table(result: Outcome) -> Table:
    table = Table(title="What really happened, and the alerts about it", title_justify="left")
    table.add_column("kind", no_wrap=True)
    for column in ("over", "raised", "ongoing", "alerts", "false", "withdrawn"):
        table.add_column(column, justify="right")
    for kind, found in result.kinds.items():
        alerts = sum(found.states.values())
        counts = (found.over, found.raised, found.ongoing, alerts, found.unfounded, found.withdrawn)
        table.add_row(kind, *(f"{count:,}" for count in counts))
    return table


def _state_table(result: Outcome) -> Table:
    states = [s for s in State if any(found.states.get(s) for found in result.kinds.values())]
    table = Table(title="How far people have come with the alerts", title_justify="left")
    table.add_column("kind", no_wrap=True)
    for state in states:
        table.add_column(state.value.replace("_", "-"), justify="right")
    for kind, found in result.kinds.items():
        table.add_row(kind, *(f"{found.states.get(state, 0):,}" for state in states))
    return table


def _unraised(result: Outcome) -> str:
    """What was not raised, and why that may be so."""
    longest_ms = max(found.longest_unraised_ms for found in result.kinds.values())
    if not longest_ms:
        return "All that happened and is over was raised."
    count = sum(found.over - found.raised for found in result.kinds.values())
    minutes = -(-longest_ms // 60_000)
    return (
        f"Of what happened and is over {count} were not raised, none longer than {minutes} min; "
        "phones report every 10."
    )
