"""The one place where it is decided who may ask for what, and about whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from console.caller import Caller as Caller
from console.errors import NotAllowed, NoToken
from console.live_site import LiveSite, SiteNow
from console.parts import ConsoleParts
from console.rights import Right as Right
from console.site_directory import SiteDirectory
from sinks.access import Identity, TokenStore


class Gate:
    """Turns tokens into callers."""

    def __init__(
        self, tokens: TokenStore, directory: Callable[[], SiteDirectory], now_ms: Callable[[], int]
    ) -> None:
        """``directory`` gives the site's as it is now; ``now_ms`` is real time, by which tokens expire."""
        self._tokens = tokens
        self._directory = directory
        self._now_ms = now_ms

    def caller(self, token: str | None, right: Right) -> Caller:
        """Who bears a token; raises NoToken, and NotAllowed with the caller it is about."""
        identity = self._tokens.lookup(token, now_ms=self._now_ms()) if token else None
        return self._admitted(token, identity, right)

    async def admitted(self, token: str | None, right: Right) -> Caller:
        """The same in an event loop; a thread is asked only where the token's file must be read."""
        known = self._tokens.remembered(token, now_ms=self._now_ms()) if token else None
        if known is not None:
            return self._admitted(token, known, right)
        return await run_in_threadpool(self.caller, token, right)

    def _admitted(self, token: str | None, identity: Identity | None, right: Right) -> Caller:
        if identity is None:
            refusal = NoToken("a token that counts is needed: Authorization: Bearer TOKEN")
            refusal.is_given = bool(token)
            refusal.former = self._tokens.former(token) if token else None
            raise refusal
        office_id = identity.office_id
        offices = frozenset[str]() if office_id is None else self._directory().within(office_id)
        caller = Caller(identity, offices)
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


def site_of(request: Request) -> SiteNow:
    """The site as it is while a request is answered: the same however often it is asked for."""
    if not hasattr(request.state, "site"):
        live_site: LiveSite = request.app.state.live_site
        request.state.site = live_site.now
    found: SiteNow = request.state.site
    return found


def site_directory_of(request: Request) -> SiteDirectory:
    """The people and offices of the same."""
    return site_of(request).directory


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
Present = Annotated[SiteNow, Depends(site_of)]
People = Annotated[SiteDirectory, Depends(site_directory_of)]
Reader = Annotated[Caller, Depends(_needs(Right.SEE))]
Worker = Annotated[Caller, Depends(_needs(Right.ACT))]
Changer = Annotated[Caller, Depends(_needs(Right.CHANGE))]
Watcher = Annotated[Caller, Depends(_needs(Right.WATCH))]
