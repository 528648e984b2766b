"""`fencewatch queue`: the office's side of the loop, on the command line."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import exit_codes
from pipeline.clock import clock_of
from pipeline.errors import InputError
from sinks.alert import instant_text
from sinks.disposal import (
    AlertFilter,
    AlertUnknown,
    DisposalQueue,
    QueueItem,
    State,
    TransitionRefused,
    WrongInput,
    event_json,
    item_json,
)

queue_app = typer.Typer(help="Work the disposal queue off.", no_args_is_help=True, rich_markup_mode=None)

#: Who acts where nobody is named.
MYSELF = getpass.getuser()

Data = Annotated[Path, typer.Option(help="The data directory.")]
Office = Annotated[str | None, typer.Option(help="Only this office and those below it.")]
Actor = Annotated[str, typer.Option(help="Who acts.")]
Key = Annotated[str, typer.Argument(help="The alert's key.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for machines.")]


@contextmanager
def _opened(data: Path) -> Iterator[DisposalQueue]:
    """The queue of a data directory; a refused step is a fault of usage, told in a line."""
    with exit_codes():
        path = data / "queue.sqlite"
        if not path.exists():
            raise InputError(f"{path}: there is no queue; expected the data directory of a running system")
        try:
            with DisposalQueue.open(path) as queue:
                yield queue
        except (AlertUnknown, TransitionRefused, WrongInput) as error:
            raise InputError(str(error)) from None


@queue_app.command("list", epilog="Example: fencewatch queue list --office O1 --state open")
def list_command(
    data: Data = DEFAULT_DATA,
    office: Office = None,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(State)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """Alerts, what wants attention first."""
    with _opened(data) as queue:
        wanted = AlertFilter(scope=office, states=_states(state))
        page = queue.alerts(wanted, now_ms=_now_ms(data), limit=limit)
        _show_list(list(page.items), as_json=as_json)


@queue_app.command("show", epilog="Example: fencewatch queue show 3f2a…")
def show_command(alert_key: Key, data: Data = DEFAULT_DATA, office: Office = None) -> None:
    """One alert with its timeline, as JSON."""
    with _opened(data) as queue:
        item = queue.alert(alert_key, now_ms=_now_ms(data), office=office)
        print(json.dumps(item_json(item), ensure_ascii=False, indent=2))


@queue_app.command("claim", epilog="Example: fencewatch queue claim 3f2a… --actor li")
def claim_command(
    alert_key: Key, data: Data = DEFAULT_DATA, office: Office = None, actor: Actor = MYSELF
) -> None:
    """Take an alert up; exactly one person can."""
    _act(data, lambda queue, now_ms: queue.claim(alert_key, actor=actor, office=office, now_ms=now_ms))


@queue_app.command("release", epilog="Example: fencewatch queue release 3f2a… --actor li")
def release_command(
    alert_key: Key, data: Data = DEFAULT_DATA, office: Office = None, actor: Actor = MYSELF
) -> None:
    """Give an alert back."""
    _act(data, lambda queue, now_ms: queue.release(alert_key, actor=actor, office=office, now_ms=now_ms))


@queue_app.command("verify", epilog="Example: fencewatch queue verify 3f2a… true --actor li")
def verify_command(
    alert_key: Key,
    verdict: Annotated[str, typer.Argument(help="true, false or unverifiable.")],
    reason: Annotated[str | None, typer.Option(help="Why; needed for false.")] = None,
    data: Data = DEFAULT_DATA,
    office: Office = None,
    actor: Actor = MYSELF,
) -> None:
    """Say whether it really happened."""
    said: dict[str, Any] = {"verdict": verdict, "reason": reason}
    _act(
        data, lambda queue, now_ms: queue.verify(alert_key, actor=actor, office=office, now_ms=now_ms, **said)
    )


@queue_app.command(
    "dispose", epilog="Example: fencewatch queue dispose 3f2a… warning --note '...' --actor li"
)
def dispose_command(
    alert_key: Key,
    outcome: Annotated[str, typer.Argument(help="What was done about it.")],
    note: Annotated[str, typer.Option(help="In words.")] = "",
    data: Data = DEFAULT_DATA,
    office: Office = None,
    actor: Actor = MYSELF,
) -> None:
    """Bring an alert to its end."""
    said: dict[str, Any] = {"outcome": outcome, "note": note}
    _act(
        data,
        lambda queue, now_ms: queue.dispose(alert_key, actor=actor, office=office, now_ms=now_ms, **said),
    )


@queue_app.command("watch", epilog="Example: fencewatch queue watch --office O1")
def watch_command(
    data: Data = DEFAULT_DATA,
    office: Office = None,
    after: Annotated[
        int | None, typer.Option(help="Entries after this number; from now on without it.")
    ] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", help="Seconds to watch; for ever without it.")
    ] = None,
) -> None:
    """What happens to alerts, a JSON line each."""
    with _opened(data) as queue:
        seq = queue.last_seq() if after is None else after
        end_s = None if for_s is None else time.monotonic() + for_s
        while end_s is None or time.monotonic() < end_s:
            for event in queue.watch(seq, office=office):
                print(json.dumps(event_json(event), ensure_ascii=False), flush=True)
                seq = event.seq
            time.sleep(0.5)


@queue_app.command("stats", epilog="Example: fencewatch queue stats")
def stats_command(data: Data = DEFAULT_DATA, office: Office = None) -> None:
    """How many alerts stand in each state, as JSON."""
    with _opened(data) as queue:
        counts = queue.counts(now_ms=_now_ms(data), office=office)
        print(json.dumps({str(state): count for state, count in counts.items()}))


def _now_ms(data: Path) -> int:
    return clock_of(data).now_ms()


def _act(data: Path, step: Callable[[DisposalQueue, int], QueueItem]) -> None:
    with _opened(data) as queue:
        item = step(queue, _now_ms(data))
        print(json.dumps(item_json(item), ensure_ascii=False))


def _states(text: str | None) -> tuple[State, ...]:
    if text is None:
        return ()
    try:
        return (State(text),)
    except ValueError:
        raise InputError(f"--state {text!r} is unknown; expected one of {', '.join(State)}") from None


def _show_list(items: list[QueueItem], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([item_json(item) for item in items], ensure_ascii=False))
        return
    table = Table()
    for column in ("key", "severity", "kind", "person", "state", "holder", "raised"):
        table.add_column(column)
    for item in items:
        alert = item.alert
        table.add_row(
            alert.alert_key, str(alert.severity), alert.kind, alert.person_id, str(item.state),
            item.holder or "", instant_text(alert.raised_ms),
        )  # fmt: skip
    Console().print(table)
