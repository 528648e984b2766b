"""What is done about those who are refused at the door: counted, slowed down, and told to the operator."""

from __future__ import annotations

import math
import time
from typing import Any

from starlette.requests import Request

from console.errors import NotAllowed, NoToken, Refused
from console.metrics import Figures
from console.parts import ConsoleParts
from console.throttle import Throttle
from sinks.security_log import SecurityLog

#: Texts of a request are told only so far.
_TOLD_MOST = 200


class Guard:
    """Its log is written as often as an address has patience left; the figures count everything."""

    def __init__(self, parts: ConsoleParts, figures: Figures) -> None:
        self._log = None if parts.security_log is None else SecurityLog(parts.security_log)
        self._now_ms = parts.real_now_ms
        self._figures = figures
        self._wrong, self._reported = Throttle(), Throttle()

    def refused(self, request: Request, error: Refused) -> int:
        """Somebody was refused; the seconds to wait where their address came with too many wrong tokens.

        May block for a write to the disk.
        """
        if isinstance(error, NoToken):
            return self._without_key(request, error)
        if isinstance(error, NotAllowed) and error.caller is not None:
            self._figures.refused("not_allowed")
            identity = error.caller.identity
            self._report(request, "not_allowed", {"token": identity.name, "role": identity.role.value})
        return 0

    def _without_key(self, request: Request, error: NoToken) -> int:
        if not error.is_given:
            self._figures.refused("no_token")
            self._report(request, "no_token", {})
            return 0
        wait_s = self._wrong.wait_s(_address(request), time.monotonic())
        if wait_s:
            self._figures.refused("throttled")
            self._report(request, "throttled", {})
            return max(1, math.ceil(wait_s))
        self._figures.refused("wrong_token")
        self._report(request, "wrong_token", {"token": error.former})
        return 0

    def _report(self, request: Request, kind: str, details: dict[str, Any]) -> None:
        address = _address(request)
        # Each kind has a patience of its own: a flood of one hides no other.
        if self._log is None or self._reported.wait_s(f"{kind} {address}", time.monotonic()):
            return
        route = f"{request.method} {request.url.path}"[:_TOLD_MOST]
        self._log.append(self._now_ms(), kind, {"address": address, "route": route, **details})


def _address(request: Request) -> str:
    """Where a request comes from; that of whoever stands behind a trusted proxy."""
    return "unknown" if request.client is None else request.client.host
