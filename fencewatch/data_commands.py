"""`fencewatch data`: what is kept looked through, repaired and made anew from the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fencewatch.config import DEFAULT_DATA, FIGURES
from fencewatch.faults import exit_codes
from fencewatch.options import Data, Json
from pipeline.errors import InputError

data_app = typer.Typer(
    help="Look after what a data directory keeps.", no_args_is_help=True, rich_markup_mode=None
)


@data_app.command("verify", epilog="Example: fencewatch data verify --data fencewatch-data")
def data_verify(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Read all that is kept, also while it is in use; exit code 1 where something is wrong."""
    from pipeline.upkeep.verify import verify

    with exit_codes():
        stores = verify(_there(data))
    if as_json:
        print(json.dumps({"stores": [found.as_json() for found in stores]}, ensure_ascii=False))
    else:
        for found in stores:
            print(*found.lines(), sep="\n")
    if any(found.findings for found in stores):
        raise typer.Exit(1)


@data_app.command("repair", epilog="Example: fencewatch data repair --data fencewatch-data")
def data_repair(data: Data = DEFAULT_DATA) -> None:
    """Set aside what is damaged or does not belong, say what is lost, and let the rest go on."""
    from fencewatch.entrance import report_done
    from pipeline.upkeep.repair import last_clock_ms, repair

    with exit_codes():
        done = 0
        for line in repair(_there(data), last_clock_ms(data / FIGURES)):
            done += 1
            report_done(data, "store_repaired", line)
        if not done:
            print("nothing to repair")


@data_app.command("rebuild", epilog="Example: fencewatch data rebuild --data fencewatch-data")
def data_rebuild(data: Data = DEFAULT_DATA) -> None:
    """Have `run` judge again all that the log still has, and fill the stores from it."""
    from fencewatch.entrance import report_done
    from pipeline.upkeep.rebuild import rebuild

    with exit_codes():
        for line in rebuild(_there(data)):
            report_done(data, "store_rebuilt", line)
        print("now start `fencewatch run`")


@data_app.command(
    "copy", epilog="Example: fencewatch data copy fencewatch-data/queue.sqlite /backup/queue.sqlite"
)
def data_copy(
    source: Annotated[Path, typer.Argument(help="A database of a data directory.", show_default=False)],
    target: Annotated[Path, typer.Argument(help="The file to be made of it.", show_default=False)],
) -> None:
    """Copy a database as it is at this moment, also while it is in use, with checksums that hold."""
    from sinks.page_checksums import copy_checked

    with exit_codes():
        if not source.is_file():
            raise InputError(f"{source}: is no file; expected a database of a data directory")
        if target.exists():
            raise InputError(f"{target}: exists; expected the name of a file to be made")
        copy_checked(source, target)


def _there(data: Path) -> Path:
    if not data.is_dir():
        raise InputError(f"{data}: is no directory; expected a data directory")
    return data
