"""`fencewatch backup`: a copy of a data directory that a start goes on from."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import FAILED, exit_codes
from fencewatch.options import Data, Json
from fencewatch.printing import bytes_bar
from fencewatch.terminal_text import moment, zone_of
from sinks.alert import instant_text

if TYPE_CHECKING:  # what a backup needs takes a second to import
    from pipeline.upkeep.backup import BackedUp

backup_app = typer.Typer(rich_markup_mode=None)


@backup_app.command("backup", epilog="Example: fencewatch backup /backup/2025-07-14")
def backup_command(
    target: Annotated[Path, typer.Argument(help="The directory to be made.", show_default=False)],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Copy a data directory while `serve` and `run` go on; exit code 1 where the copy is not sound."""
    from pipeline.upkeep.backup import back_up

    begun_s = time.monotonic()
    with exit_codes(), _cleaning_up(), bytes_bar("copying") as advance:
        made = back_up(data, target, advance)
    seconds = time.monotonic() - begun_s
    if as_json:
        print(json.dumps(_as_object(made, target, seconds), ensure_ascii=False))
    else:
        for line in _lines(made, target, data, seconds):
            print(line)
    if any(found.findings for found in made.stores):
        raise typer.Exit(FAILED)


@contextmanager
def _cleaning_up() -> Iterator[None]:
    """Told to end, it takes away what it has made so far."""
    former = signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _as_object(made: BackedUp, target: Path, seconds: float) -> dict[str, object]:
    return {
        "target": str(target),
        "record": made.record,
        "clock": None if made.clock_ms is None else instant_text(made.clock_ms),
        "files": made.files,
        "bytes": made.bytes,
        "seconds": round(seconds, 3),
        "stores": [found.as_json() for found in made.stores],
    }


def _lines(made: BackedUp, target: Path, data: Path, seconds: float) -> list[str]:
    zone = zone_of(data)
    lines = [line for found in made.stores for line in found.lines()]
    clock = (
        "" if made.clock_ms is None else f", where its clock says {moment(made.clock_ms, zone)} ({zone.key})"
    )
    lines.append(
        f"{target}: {made.files:,} files, {made.bytes / 1e6:,.1f} MB in {seconds:.1f} s; "
        f"the log up to record {made.record}{clock}"
    )
    return lines
