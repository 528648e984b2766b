"""`fencewatch audit`: the evidence chain of who looked at whom and of what people did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import FAILED
from fencewatch.options import Data, Json

audit_app = typer.Typer(
    help="Who looked at whom, and whether any record was changed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@audit_app.command("verify", epilog="Example: fencewatch audit verify --head timeline:1042:9f2c…")
def verify_command(
    head: Annotated[
        list[str] | None,
        typer.Option(help="CHAIN:NUMBER:LINK as an earlier run printed it and you kept it; may repeat."),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Go through both chains; names the first record of each that is not as it was written."""
    from fencewatch.audit_desk import opened_audit

    with opened_audit(data) as desk:
        is_whole = desk.verify(head or [], as_json=as_json)
    if not is_whole:
        sys.exit(FAILED)


@audit_app.command("list", epilog="Example: fencewatch audit list --person P17")
def list_command(
    person: Annotated[str | None, typer.Option(help="Only looks at this person.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only records after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    config: Annotated[
        Path | None, typer.Option(help="The configuration file; its site says which words are names.")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Who looked at whom, when and what for; that somebody asked is put on record as well."""
    from fencewatch.audit_desk import opened_audit

    with opened_audit(data) as desk:
        desk.list_looks(person, after=after, limit=limit, config=config, as_json=as_json)


@audit_app.command("export", epilog="Example: fencewatch audit export --out audit.ndjson")
def export_command(
    out: Annotated[Path, typer.Option(help="The file to write (NDJSON); it must not be there yet.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Both chains as they are kept, for somebody who verifies them elsewhere."""
    from fencewatch.audit_desk import opened_audit

    with opened_audit(data) as desk:
        desk.export(out, as_json=as_json)
