"""Who is at the terminal: the bearer of a token like everybody, or the operator of the machine by name."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.rights import RIGHTS, Right
from fencewatch.config import TOKENS
from fencewatch.opened_tokens import opened_tokens
from pipeline.errors import InputError
from pipeline.host.clock import system_now_ms
from sinks.access import OPERATOR_PREFIX, Identity

#: A token in the environment counts before one that was kept.
VARIABLE = "FENCEWATCH_TOKEN"
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class TerminalUser:
    """``actor`` is what timelines call them; ``identity`` None: the machine's operator, who sees all."""

    actor: str
    identity: Identity | None

    @property
    def office(self) -> str | None:
        """The office whose alerts they reach; None: all."""
        return None if self.identity is None else self.identity.office_id

    def may(self, right: Right) -> bool:
        """Whether they have a right; whoever has the files has them all."""
        return self.identity is None or right in RIGHTS[self.identity.role]

    def require(self, right: Right) -> None:
        """Raises InputError where they have not the right."""
        if not self.may(right):
            assert self.identity is not None
            raise InputError(
                f"{self.actor}: a token of the role {self.identity.role} may not {right}; expected another "
                "token (`fencewatch login`)"
            )

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        identity = self.identity
        return {
            "name": self.actor,
            "role": None if identity is None else identity.role.value,
            "office": self.office,
        }

    def words(self) -> str:
        """For people."""
        if self.identity is None:
            return f"{self.actor}: no token; the operator of this machine, named so in every timeline"
        return f"{self.actor}: {self.identity.role}{f' of {self.office}' if self.office else ''}"


def terminal_user(data: Path) -> TerminalUser:
    """Who works on a data directory. Raises InputError for a token that does not count."""
    from_environment = os.environ.get(VARIABLE)
    token = from_environment or kept_tokens().get(_name(data))
    if not token:
        return TerminalUser(_operator(), None)
    identity = identity_of(data, token)
    if identity is None:
        wrong = f"{VARIABLE}: its token" if from_environment else "the token of this terminal"
        raise InputError(
            f"{wrong} does not count (any more) in {data}; expected `fencewatch login` or `logout`"
        )
    return TerminalUser(identity.name, identity)


def identity_of(data: Path, token: str) -> Identity | None:
    """Who a token stands for in a data directory; None where it does not count, or where there are none."""
    if not (data / TOKENS).exists():
        return None
    with opened_tokens(data) as tokens:
        return tokens.lookup(token, now_ms=system_now_ms())


def keep_token(data: Path, token: str) -> Path:
    """Remembers a token for a data directory, for this user of the machine alone; returns the file."""
    return _write({**kept_tokens(), _name(data): token})


def forget_token(data: Path) -> bool:
    """Whether there was one."""
    kept = kept_tokens()
    if kept.pop(_name(data), None) is None:
        return False
    _write(kept)
    return True


def kept_tokens() -> dict[str, str]:
    """Tokens by the full path of their data directory. Raises InputError where others may read the file."""
    path = login_file()
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise InputError(f"{path}: others may read it; expected mode 600, and another token")
            kept = json.loads(file.read())
    except FileNotFoundError:
        return {}
    except ValueError:
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(token, str) for token in kept.values()):
        raise InputError(f"{path}: cannot be understood; expected what `fencewatch login` writes, or no file")
    return kept


def login_file() -> Path:
    """Where tokens of this user's terminals are kept."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    home = Path(given) if os.path.isabs(given) else Path.home() / ".config"
    return home / "fencewatch" / "logins.json"


def _write(kept: dict[str, str]) -> Path:
    path = login_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        scratch.unlink()
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(kept, file, ensure_ascii=False, indent=1)
    scratch.replace(path)
    return path


def _name(data: Path) -> str:
    return os.path.realpath(data)


def _operator() -> str:
    """By the machine's own word, never by a variable that anybody may set."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"uid{os.getuid()}"
    return f"{OPERATOR_PREFIX}{user}@{socket.gethostname()}"
