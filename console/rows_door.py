"""The way to the routes that take rows past the framework's layers, which cost more than the rows do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

#: Answers one request.
Endpoint = Callable[[Request], Awaitable[Response]]


class ConsoleApp(FastAPI):
    """The framework's application with a short way to some endpoints, by method and path.

    These routes stand in the framework's table as well: other methods are refused there.
    """

    short_way: ASGIApp
    endpoints: Mapping[tuple[str, str], Endpoint]

    def __init__(self, **settings: Any) -> None:
        """``settings`` are the framework's."""
        super().__init__(**settings)
        self.endpoints = {}

    def shorten(
        self, endpoints: Mapping[tuple[str, str], Endpoint], wrap: Callable[[ASGIApp], ASGIApp]
    ) -> None:
        """Answers ``endpoints`` on the short way, which ``wrap`` puts its own layers around."""
        self.endpoints = endpoints
        self.short_way = wrap(self._answered)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the application."""
        if scope["type"] == "http" and (scope["method"], scope["path"]) in self.endpoints:
            scope["app"] = self
            await self.short_way(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            said = await self.endpoints[scope["method"], scope["path"]](request)
        except Exception as error:
            handler = self._handler_of(type(error))
            if handler is None:
                raise
            said = await handler(request, error)
        await said(scope, receive, send)

    def _handler_of(self, error: type[Exception]) -> Callable[..., Awaitable[Response]] | None:
        """Who answers such an error: the handler that was registered for it or for what it is a kind of."""
        found = (self.exception_handlers.get(kind) for kind in error.__mro__)
        return next((handler for handler in found if handler is not None), None)  # type: ignore[return-value]
