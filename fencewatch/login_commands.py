"""`fencewatch login`, `logout` and `whoami`: the terminal acts with a token like everybody."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import exit_codes
from fencewatch.options import Data, Json
from pipeline.errors import InputError

login_app = typer.Typer(rich_markup_mode=None)


@login_app.command("login", epilog="Example: fencewatch login --token-file li.token")
def login_command(
    token_file: Annotated[
        Path | None,
        typer.Option(help="The file that holds the token; asked for, or read from a pipe, without."),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Work on a data directory's queue as the bearer of a token; it is kept for this user alone."""
    from fencewatch.terminal_user import TerminalUser, identity_of, keep_token

    with exit_codes():
        token = _asked(token_file)
        identity = identity_of(data, token)
        if identity is None:
            raise InputError(f"the token does not count in {data}; expected one of `fencewatch token create`")
        kept = keep_token(data, token)
        user = TerminalUser(identity.name, identity)
        _print(user.as_json() | {"kept": str(kept)}, f"{user.words()}; kept in {kept}", as_json)


@login_app.command("logout", epilog="Example: fencewatch logout")
def logout_command(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Forget the token that was kept; it still counts elsewhere until it is revoked."""
    from fencewatch.terminal_user import forget_token

    with exit_codes():
        was_kept = forget_token(data)
        words = "the token is forgotten here" if was_kept else "no token was kept"
        _print({"forgotten": was_kept}, words, as_json)


@login_app.command("whoami", epilog="Example: fencewatch whoami")
def whoami_command(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Who the queue's commands act as."""
    from fencewatch.terminal_user import terminal_user

    with exit_codes():
        user = terminal_user(data)
        _print(user.as_json(), user.words(), as_json)


def _asked(token_file: Path | None) -> str:
    if token_file is not None:
        try:
            text = token_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is no text"
            raise InputError(f"--token-file {token_file}: cannot be read: {why}") from None
    elif sys.stdin.isatty():
        text = getpass.getpass("token (not shown): ")
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise InputError("no token was given; expected one of `fencewatch token create`")
    return text.strip()


def _print(report: dict[str, Any], words: str, as_json: bool) -> None:
    print(json.dumps(report, ensure_ascii=False) if as_json else words)
