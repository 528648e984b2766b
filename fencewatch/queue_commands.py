"""`fencewatch queue`: the office's side of the loop, on the command line.

Only the options stand here; what they do is in ``queue_desk``, which is imported when a command runs: the
database's libraries take half a second that no other command should wait for.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fencewatch.config import DEFAULT_DATA
from fencewatch.options import Data, Json
from pipeline.rules.catalogue import ZONE_ENTRY
from sinks.reasons import Reason

if TYPE_CHECKING:
    from fencewatch.queue_desk import Desk

queue_app = typer.Typer(help="Work the disposal queue off.", no_args_is_help=True, rich_markup_mode=None)

Office = Annotated[str | None, typer.Option(help="Only this office and those below it.")]
Why = Annotated[
    str | None,
    typer.Option(
        help=f"Why; for false one of {', '.join(Reason)}.",
        autocompletion=lambda: [str(one) for one in Reason],
    ),
]
Key = Annotated[str, typer.Argument(help="The alert's key, or its first digits: at least 6.")]


def _at_desk(data: Path, office: str | None, as_json: bool) -> AbstractContextManager[Desk]:
    from fencewatch.queue_desk import opened_desk

    return opened_desk(data, office, as_json=as_json)


def _add_step(name: str, says: str, *, is_leased: bool = False) -> None:
    """The command of a step of the queue that wants to be told nothing but the alert."""

    def command(
        alert_key: Key,
        data: Data = DEFAULT_DATA,
        office: Office = None,
        as_json: Json = False,
    ) -> None:
        with _at_desk(data, office, as_json) as desk:
            said = {"lease_ms": desk.lease_ms} if is_leased else {}
            desk.run_step(getattr(desk.queue, name), alert_key, **said)

    queue_app.command(name, help=says, epilog=f"Example: fencewatch queue {name} 3f2a9c")(command)


@queue_app.command("list", epilog="Example: fencewatch queue list --office O1 --state open --state claimed")
def list_command(
    data: Data = DEFAULT_DATA,
    office: Office = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="open, self_cleared, claimed, verified, disposed or closed; may repeat."),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"Such as {ZONE_ENTRY.kind}; may repeat.")] = None,
    severity: Annotated[
        list[int] | None, typer.Option(min=1, max=4, help="1 (gravest) to 4; may repeat.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="Only alerts about this person.")] = None,
    withdrawn: Annotated[
        bool | None, typer.Option("--withdrawn/--not-withdrawn", help="Only these; both without it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on behind an earlier page.")] = None,
    as_json: Json = False,
) -> None:
    """Alerts, what wants attention first."""
    with _at_desk(data, office, as_json) as desk:
        wanted = desk.wanted(
            states=state, kinds=kind, severities=severity, person_id=person, withdrawn=withdrawn
        )
        desk.list_alerts(wanted, limit=limit, cursor=cursor)


@queue_app.command("show", epilog="Example: fencewatch queue show 3f2a9c")
def show_command(
    alert_key: Key, data: Data = DEFAULT_DATA, office: Office = None, as_json: Json = False
) -> None:
    """One alert: what happened, how it stands, and its timeline."""
    with _at_desk(data, office, as_json) as desk:
        desk.show(alert_key)


_add_step("claim", "Take an alert up; exactly one person can.", is_leased=True)
_add_step("renew", "Hold on to an alert for another half an hour.", is_leased=True)
_add_step("release", "Give an alert back.")


@queue_app.command("verify", epilog="Example: fencewatch queue verify 3f2a9c true")
def verify_command(
    alert_key: Key,
    verdict: Annotated[str, typer.Argument(help="true, false or unverifiable.")],
    reason: Why = None,
    data: Data = DEFAULT_DATA,
    office: Office = None,
    as_json: Json = False,
) -> None:
    """Say whether it really happened."""
    with _at_desk(data, office, as_json) as desk:
        desk.run_step(desk.queue.verify, alert_key, verdict=verdict, reason=reason)


@queue_app.command(
    "correct", epilog="Example: fencewatch queue correct 3f2a9c true --because 'he was seen there'"
)
def correct_command(
    alert_key: Key,
    verdict: Annotated[str, typer.Argument(help="The right one: true, false or unverifiable.")],
    because: Annotated[str | None, typer.Option(help="Why the verdict before was wrong; needed.")] = None,
    reason: Why = None,
    data: Data = DEFAULT_DATA,
    office: Office = None,
    as_json: Json = False,
) -> None:
    """Replace a verdict before the alert is disposed of."""
    with _at_desk(data, office, as_json) as desk:
        said = {"verdict": verdict, "reason": reason, "because": because}
        desk.run_step(desk.queue.correct, alert_key, **said)


@queue_app.command("dispose", epilog="Example: fencewatch queue dispose 3f2a9c warning --note 'told off'")
def dispose_command(
    alert_key: Key,
    outcome: Annotated[str, typer.Argument(help="What was done; a wrong one lists those there are.")],
    note: Annotated[str | None, typer.Option(help="In words.")] = None,
    data: Data = DEFAULT_DATA,
    office: Office = None,
    as_json: Json = False,
) -> None:
    """Say what was done about it."""
    with _at_desk(data, office, as_json) as desk:
        desk.run_step(desk.queue.dispose, alert_key, outcome=outcome, note=note)


@queue_app.command(
    "settle", epilog="Example: fencewatch queue settle --cleared --reason gps_drift --office O1"
)
def settle_command(
    alert_keys: Annotated[
        list[str] | None, typer.Argument(help="Keys, or their first digits; more than one that cleared.")
    ] = None,
    cleared: Annotated[
        bool, typer.Option("--cleared", help="All alerts that cleared themselves, instead of keys.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before more than one is settled.")] = False,
    verdict: Annotated[str, typer.Option(help="true, false or unverifiable.")] = "false",
    reason: Why = None,
    outcome: Annotated[str, typer.Option(help="reminder, false_alarm, equipment_fault or authorised.")] = (
        "false_alarm"
    ),
    note: Annotated[str | None, typer.Option(help="In words.")] = None,
    data: Data = DEFAULT_DATA,
    office: Office = None,
    as_json: Json = False,
) -> None:
    """Plain cases in one step: claim, verify, dispose of and close."""
    said = {"verdict": verdict, "reason": reason, "outcome": outcome, "note": note}
    with _at_desk(data, office, as_json) as desk:
        desk.settle(alert_keys or [], is_cleared=cleared, is_sure=yes, **said)


_add_step("close", "Put a disposed alert away.")


@queue_app.command("watch", epilog="Example: fencewatch queue watch --office O1")
def watch_command(
    data: Data = DEFAULT_DATA,
    office: Office = None,
    after: Annotated[
        int | None, typer.Option(min=0, help="Entries after this number; from now on without it.")
    ] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", min=0, help="Seconds to watch; until Ctrl-C without it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What happens to alerts as it happens, a line each."""
    with _at_desk(data, office, as_json) as desk:
        desk.watch(after, for_s)


@queue_app.command("stats", epilog="Example: fencewatch queue stats")
def stats_command(data: Data = DEFAULT_DATA, office: Office = None, as_json: Json = False) -> None:
    """How full the queue is, and how long its oldest alert waits."""
    with _at_desk(data, office, as_json) as desk:
        desk.stats()
