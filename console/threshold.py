"""What a request must be before its body is read: nobody without a token makes us hold anything."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.errors import BadBody, Refused
from console.gate import Gate, Right
from console.ingest_routes import PATHS
from console.refusals import STORE_FAULTS, refusal_answer, store_fault_answer

#: Bodies of all routes but those that take rows, which have a limit of their own: steps, changes, settings.
BODY_BYTES_MOST = 1 << 20


class Threshold:
    """Asks for the token, and for a body of bounded size, before anything else sees the request.

    The framework would read a body whole before it looks for a token. Routes that take rows look for it
    first by themselves, and read no more than they take; routes outside of ``/v1`` read no body at all.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            taken = await self._taken(scope, receive)
        except Refused as error:
            said = await refusal_answer(Request(scope), error)
            if isinstance(error, BadBody):
                # Nobody knows where such a body ends: what comes behind it is no request of this sender's.
                said.headers["Connection"] = "close"
            await said(scope, receive, send)
        except STORE_FAULTS as error:
            await store_fault_answer(error)(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is there to be answered
        else:
            await self._app(scope, taken, send)

    async def _taken(self, scope: Scope, receive: Receive) -> Receive:
        """Where the rest of the request is to be had from."""
        headers = Headers(scope=scope)
        is_chunked = "transfer-encoding" in headers
        if is_chunked and "content-length" in headers:
            # Where what lies between us and the sender reads one and we the other, a body hides a request.
            raise BadBody("both Content-Length and Transfer-Encoding are given; expected one of them")
        path: str = scope["path"]
        has_body = is_chunked or headers.get("content-length", "0").strip("0") != ""
        if not has_body or path in PATHS or not path.startswith("/v1/"):
            return receive
        scheme, _, token = headers.get("authorization", "").partition(" ")
        own = token.strip() if scheme.lower() == "bearer" else None
        # Every role but a device's may watch, and those that may not have no business with these routes.
        await self._gate.admitted(own, Right.WATCH)
        return _again(await _whole_body(scope, receive), receive)


async def _whole_body(scope: Scope, receive: Receive) -> bytes:
    declared = Headers(scope=scope).get("content-length", "0")
    body = bytearray()
    too_much = BadBody(f"more than {BODY_BYTES_MOST} bytes", 413)
    if len(declared) > len(str(BODY_BYTES_MOST)) or int(declared) > BODY_BYTES_MOST:
        raise too_much
    async for part in Request(scope, receive).stream():
        body += part
        if len(body) > BODY_BYTES_MOST:
            raise too_much
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as one message, and after it whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
