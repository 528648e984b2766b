"""The page's files and the headers that keep it to itself: nothing is ever fetched from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


#: What a fix in an address has. Answered with the page it would count as taken, and be lost.
_OF_A_FIX = frozenset({"id", "deviceid", "lat", "lon", "location", "timestamp"})


#: Files beside the page that say what it is made of, and are none of it.
_NOT_SHOWN = re.compile(
    r"(^|/)(\.[^/]+|package(-lock)?\.json|jsconfig\.json|[^/]*\.(map|ts|md))$", re.IGNORECASE
)


class PageFiles(StaticFiles):
    """Files of a folder that browsers ask about again, so that a new version is seen at once.

    They are read and nothing else: anything sent to them, and a fix in the address, is 404.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file; raises HTTPException with 404 where there is none."""
        sent = Request(scope)
        if scope["method"] not in ("GET", "HEAD") or not _OF_A_FIX.isdisjoint(sent.query_params):
            raise HTTPException(404, "no such route; fixes are taken at /osmand, /owntracks and /v1/pings")
        if _NOT_SHOWN.search(path):
            raise HTTPException(404)
        try:
            return await super().get_response(path, scope)
        except ValueError:  # a path that no file can have
            raise HTTPException(404) from None

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, to be checked before it is used again."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount_page(app: Starlette, web: Path, vendor: Path | None) -> None:
    """The page at ``/`` and the packages it imports at ``/vendor``, as far as they are there."""
    if vendor is not None and vendor.is_dir():
        app.mount("/vendor", PageFiles(directory=vendor), name="vendor")
    if web.is_dir():
        # Not mounted: a mount at the root matches every path, and a known route would never answer 405.
        app.router.default = PageFiles(directory=web, html=True)


def content_policy(web: Path) -> str:
    """Only our own files, and of what stands inside the page only its import map, by its hash."""
    index = web / "index.html"
    text = index.read_text("utf-8") if index.is_file() else ""
    hashes = [_source_hash(found) for found in _IMPORT_MAP.findall(text)]
    directives = ["default-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"]
    if hashes:
        directives.append(f"script-src 'self' {' '.join(hashes)}")
    return "; ".join(directives)


class SafeHeaders:
    """Puts the headers on every answer, errors included."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        is_private = scope["type"] == "http" and scope["path"].startswith("/v1/")
        safe = [*self._headers, (b"cache-control", b"no-store")] if is_private else self._headers
        names = {name for name, _ in safe}

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [header for header in message.get("headers", ()) if header[0] not in names]
                message = {**message, "headers": [*own, *safe]}
            await send(message)

        await self._app(scope, receive, send_safe)


def _source_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
