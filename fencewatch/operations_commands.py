"""`fencewatch operations`: what happened to the system itself, newest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import ending_with_the_reader, exit_codes
from fencewatch.options import Data, Json
from fencewatch.terminal_text import aligned, moment, plain, zone_of
from pipeline.errors import InputError
from sinks.operations_log import KINDS, OPERATIONS, Operation, Operations, OperationsLog

operations_app = typer.Typer(rich_markup_mode=None)


@operations_app.command("operations", epilog="Example: fencewatch operations --limit 20")
def operations_command(
    data: Data = DEFAULT_DATA,
    kind: Annotated[str | None, typer.Option(help="Only events of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """What happened to the system itself, newest first: an engine that stalled, say."""
    with exit_codes(), ending_with_the_reader():
        if not data.is_dir():
            raise InputError(f"{data}: there is no such directory; expected the data directory of a system")
        if kind is not None and kind not in KINDS:
            raise InputError(f"--kind {kind!r} is unknown; expected one of {', '.join(KINDS)}")
        found = OperationsLog(data / OPERATIONS).read(limit=limit, kind=kind)
        if as_json:
            items = [event.as_json() for event in found.items]
            print(json.dumps({"items": items, "unreadable": found.unreadable}, ensure_ascii=False))
        else:
            print(*_lines(found, zone_of(data)), sep="\n")


def _lines(found: Operations, zone: ZoneInfo) -> Sequence[str]:
    rows = [(moment(event.at_ms, zone), event.kind, _details(event)) for event in found.items]
    unreadable = f"; {found.unreadable:,} lines cannot be read" if found.unreadable else ""
    if not rows:
        return [f"nothing has happened{unreadable}"]
    return [*aligned(rows), "", f"newest first; times in {zone.key}{unreadable}"]


def _details(event: Operation) -> str:
    return plain(", ".join(f"{name} {_cell(value)}" for name, value in event.details.items()))


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
