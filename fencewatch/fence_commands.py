"""`fencewatch site fences`: which fences a place is in, or are within a box."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import exit_codes
from fencewatch.options import Data, Json
from pipeline.errors import InputError

if TYPE_CHECKING:  # what a command needs is imported when it is called
    from fencewatch.fence_finder import Found

_COLUMNS = ("fence", "distance_m", "rule", "for", "name")


def add_commands(site_app: typer.Typer) -> None:
    """The command, beside the others on a site."""
    example = "Example: fencewatch site fences --at 106.51,29.53 --data fencewatch-data"
    site_app.command("fences", epilog=example)(fences_command)


def fences_command(
    directory: Annotated[
        Path | None,
        typer.Argument(help="A site's directory; else the running site of --data.", show_default=False),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="lon,lat: the fences that this place is in.", show_default=False)
    ] = None,
    reach_m: Annotated[float, typer.Option(help="With --at: also those whose edge is so near.")] = 0.0,
    bbox: Annotated[
        str | None,
        typer.Option(help="west,south,east,north: the fences whose box touches it.", show_default=False),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Valid at this time; by default now.", show_default=False)
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Tell which fences a place is in and how far it is from each edge, the deepest first."""
    from fencewatch.fence_finder import fences_at, fences_within

    with exit_codes():
        if (at is None) == (bbox is None):
            raise InputError("give one of --at lon,lat and --bbox west,south,east,north")
        if at is not None:
            lon, lat = _numbers("--at", at, 2)
            if not (abs(lon) <= 180 and abs(lat) <= 90 and 0 <= reach_m <= 20_000):
                raise InputError("--at: expected degrees within ±180 and ±90, and a reach of 0 to 20000 m")
            found = fences_at(directory, data, time, (lon, lat), reach_m)
        else:
            west, south, east, north = _numbers("--bbox", bbox or "", 4)
            if not (abs(west) <= 180 and abs(east) <= 180 and -90 <= south <= north <= 90):
                raise InputError("--bbox: expected degrees, south <= north; west > east reaches over ±180")
            found = fences_within(directory, data, time, (west, south, east, north))
        print(json.dumps([one.as_json() for one in found], ensure_ascii=False) if as_json else _table(found))


def _numbers(option: str, text: str, count: int) -> Sequence[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise InputError(f"{option} {text!r}: expected {count} numbers with commas between them")
    return numbers


def _table(found: Sequence[Found]) -> str:
    from fencewatch.terminal_text import aligned, plain

    if not found:
        return "no fence of yours is here"

    def cells(one: Found) -> tuple[Any, ...]:
        distance = "-" if one.distance_m is None else f"{one.distance_m:.1f}"
        return one.fence_id, distance, one.rule, " ".join(one.applies_to), one.name or "-"

    rows = [tuple(plain(str(cell)) for cell in cells(one)) for one in found]
    return "\n".join(aligned([_COLUMNS, *rows]))
