"""`fencewatch token`: access tokens made, listed and revoked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fencewatch.faults import exit_codes
from fencewatch.options import Json

token_app = typer.Typer(help="Access tokens.", no_args_is_help=True, rich_markup_mode=None)

Data = Annotated[
    Path | None, typer.Option(help="The data directory; fencewatch-data where no --config names one.")
]
Config = Annotated[
    Path | None, typer.Option(help="The configuration file, which names data directory and site.")
]


@token_app.command(
    "create", epilog="Example: fencewatch token create --role officer --office O1 --name li --expires 90d"
)
def token_create(
    role: Annotated[str, typer.Option(help="officer, county, prosecutor, operator or device.")],
    office: Annotated[str | None, typer.Option(help="The office whose alerts it may see.")] = None,
    device: Annotated[str | None, typer.Option(help="The device it may send for.")] = None,
    name: Annotated[str | None, typer.Option(help="Whose it is.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="90d, 12h, 30m, a day (its last) or a time with offset; else never.")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make an access token; its text is shown this once."""
    from fencewatch.token_desk import opened_token_desk
    from sinks.alert import instant_text

    with exit_codes(), opened_token_desk(data, config) as desk:
        warnings = desk.check(office, device)
        expires_ms = None if expires is None else desk.expiry_ms(expires)
        given: dict[str, Any] = {"office_id": office, "device_id": device, "name": name}
        text = desk.create(role, expires_ms=expires_ms, **given)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    until = None if expires_ms is None else instant_text(expires_ms)
    report = {
        "token": text,
        "role": role,
        "office": office,
        "device": device,
        "name": name,
        "expires_at": until,
    }
    print(json.dumps(report, ensure_ascii=False) if as_json else text)


@token_app.command("list", epilog="Example: fencewatch token list --config fencewatch.toml")
def token_list(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Every token that was made, and whether it counts; texts are not kept."""
    from fencewatch.token_desk import opened_token_desk

    with exit_codes(), opened_token_desk(data, config) as desk:
        report = desk.listed()
        if as_json:
            print(json.dumps({"items": report}, ensure_ascii=False))
        else:
            print(*desk.table(report), sep="\n")


@token_app.command("revoke", epilog="Example: fencewatch token revoke li")
def token_revoke(
    name: Annotated[str, typer.Argument(help="Whose token, as `token list` names it.")],
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """A token counts no longer, from now on; its open streams end within a second."""
    from fencewatch.token_desk import opened_token_desk

    with exit_codes(), opened_token_desk(data, config) as desk:
        desk.revoke(name)
    print(json.dumps({"revoked": name}, ensure_ascii=False) if as_json else f"{name}: revoked")
