"""`fencewatch rejects list`: rows that were refused, and why, newest first."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fencewatch.config import DEFAULT_DATA, REJECTS
from fencewatch.faults import ending_with_the_reader, exit_codes
from fencewatch.options import Data, Json
from fencewatch.terminal_text import aligned, moment, plain, zone_of
from geofences.instant import instant_ms
from pipeline.errors import InputError
from sinks.alert import instant_text
from sinks.rejects import PAGE_MOST, RejectedRow, RejectFilter, RejectStore, without_position

reject_app = typer.Typer(help="Rows that were refused.", no_args_is_help=True, rich_markup_mode=None)

#: So much of a row's text fits on a line of a terminal.
_TEXT_MOST = 100


@reject_app.callback()
def rejects() -> None:
    """Rows that were refused."""


@reject_app.command(
    "list", epilog="Example: fencewatch rejects list --device D17 --since 2025-07-14T00:00:00Z"
)
def rejects_list(
    device: Annotated[str | None, typer.Option(help="Whom the row names, or who sent it.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why it was refused, such as bad_time.")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on (ISO 8601 with offset).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MOST, help="How many at most.")] = 50,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Rows that came in live or by a file and were refused, newest first; digits of positions are hidden."""
    from pipeline.reading.rows import REASONS

    with exit_codes(), ending_with_the_reader():
        known = REASONS[1:]
        if reason is not None and reason not in known:
            raise InputError(f"--reason {reason!r} is unknown; expected one of {', '.join(known)}")
        if not data.is_dir():
            raise InputError(f"{data}: there is no such directory; expected the data directory of a system")
        found: list[RejectedRow] = []
        if (data / REJECTS).exists():
            store = RejectStore.open(data / REJECTS)
            try:
                found = store.rows(RejectFilter(device, reason, _since_ms(since)), limit=limit)
            finally:
                store.close()
        if as_json:
            print(json.dumps({"items": [_item(row) for row in found]}, ensure_ascii=False))
            return
        zone = zone_of(data)
        rows = [
            (moment(row.at_ms, zone), row.reason, plain(row.device_id or "–"), plain(row.sender or "–"),
             plain(f"{row.source} {row.place}"), plain(without_position(row.raw))[:_TEXT_MOST])
            for row in found
        ]  # fmt: skip
        if not rows:
            print("no row was refused that fits")
            return
        heads = ("time", "reason", "device", "sent by", "came by", "row")
        print(*aligned([heads, *rows]), "", f"newest first; times in {zone.key}", sep="\n")


def _item(row: RejectedRow) -> dict[str, Any]:
    report = asdict(row)
    report.pop("once")
    return {
        "id": report.pop("reject_id"),
        "at": instant_text(report.pop("at_ms")),
        **report,
        "raw": without_position(row.raw),
    }


def _since_ms(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return instant_ms(text)
    except (ValueError, OverflowError):
        raise InputError(
            f"--since {text!r}; expected a time with offset such as 2025-07-14T02:00:00Z"
        ) from None
