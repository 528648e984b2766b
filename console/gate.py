"""The one place where it is decided who may ask for what, and about whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from console.errors import NotAllowed, NoToken
from console.parts import ConsoleParts
from console.rights import RIGHTS as RIGHTS
from console.rights import Right as Right
from console.roll import Roll
from sinks.access import Identity, TokenStore


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``offices`` are the caller's own and all below; empty where the role sees nobody."""

    identity: Identity
    offices: frozenset[str]

    @property
    def name(self) -> str:
        """What the caller is called in timelines and logs."""
        return self.identity.name

    @property
    def office(self) -> str:
        """The office whose alerts the caller reaches; never none, for that would mean all of them."""
        assert self.identity.office_id is not None, "whoever sees people belongs to an office"
        return self.identity.office_id

    def may(self, right: Right) -> bool:
        """Whether the caller's role has a right."""
        return right in RIGHTS[self.identity.role]

    def shown_name(self, name: str | None) -> str | None:
        """A person's name as far as the caller may know it."""
        return name if self.may(Right.NAME) else None


class Gate:
    """Turns tokens into callers."""

    def __init__(self, tokens: TokenStore, roll: Roll, now_ms: Callable[[], int]) -> None:
        """``now_ms`` is real time, by which tokens expire."""
        self._tokens = tokens
        self._roll = roll
        self._now_ms = now_ms

    def caller(self, token: str | None, right: Right) -> Caller:
        """Who bears a token; raises NoToken, and NotAllowed with the caller it is about."""
        identity = self._tokens.lookup(token, now_ms=self._now_ms()) if token else None
        if identity is None:
            refusal = NoToken("a token that counts is needed: Authorization: Bearer TOKEN")
            refusal.is_given = bool(token)
            refusal.former = self._tokens.former(token) if token else None
            raise refusal
        office_id = identity.office_id
        caller = Caller(identity, frozenset() if office_id is None else self._roll.within(office_id))
        if not caller.may(right):
            forbidden = NotAllowed(f"a token of the role {identity.role} may not {right}")
            forbidden.caller = caller
            raise forbidden
        return caller

    def in_force(self) -> frozenset[str]:
        """The names of all tokens that count now."""
        return frozenset(identity.name for identity in self._tokens.identities(now_ms=self._now_ms()))


_bearer = HTTPBearer(auto_error=False, description="`fencewatch token create`")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def parts_of(request: Request) -> ConsoleParts:
    """What the console is put together from."""
    parts: ConsoleParts = request.app.state.parts
    return parts


def roll_of(request: Request) -> Roll:
    """The people and offices of the site."""
    roll: Roll = request.app.state.roll
    return roll


def caller_of(request: Request) -> Caller:
    """Who was let in with a request, for an answer that is made after the route."""
    caller: Caller = request.state.caller
    return caller


def _needs(right: Right) -> Callable[[Request, HTTPAuthorizationCredentials | None], Caller]:
    def caller(request: Request, credentials: _Credentials) -> Caller:
        gate: Gate = request.app.state.gate
        found = gate.caller(None if credentials is None else credentials.credentials, right)
        request.state.caller = found
        return found

    return caller


Parts = Annotated[ConsoleParts, Depends(parts_of)]
People = Annotated[Roll, Depends(roll_of)]
Reader = Annotated[Caller, Depends(_needs(Right.SEE))]
Worker = Annotated[Caller, Depends(_needs(Right.ACT))]
Watcher = Annotated[Caller, Depends(_needs(Right.WATCH))]
