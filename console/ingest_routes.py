"""Where rows come in: plain routes, as nothing but bytes, columns and the disk should cost anything here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from console.alert_routes import answer
from console.caller import Caller
from console.errors import BadBody, RowsElsewhere
from console.gate import Gate, Right, site_of
from pipeline.ingest import GatewayError, JournalWriter, UnreadableMessage
from pipeline.ingest.bodies import received
from pipeline.ingest.loop_results import LoopResult, LoopResults
from pipeline.ingest.one_row import received_message
from pipeline.ingest.protocols import PROTOCOLS
from pipeline.ingest.protocols.protocol import Frame, Protocol
from pipeline.ingest.received import Received, refusals
from pipeline.ingest.refusals import OF_ONE_MESSAGE_MOST, Refusals, refused_rows
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading.rows import MALFORMED, REASONS
from sinks.rejects import RAW_MOST

BODY_BYTES_MOST = 32 << 20
#: A phone sends one fix at a time.
PHONE_BODY_BYTES_MOST = 1 << 20
#: A larger body is decoded beside the loop that serves the others.
_DECODED_INLINE_BYTES = 1 << 16
_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")


async def pings(request: Request) -> Response:
    """``POST /v1/pings``."""
    return await _rows(request, PING)


async def confirmations(request: Request) -> Response:
    """``POST /v1/confirmations``."""
    return await _rows(request, CONFIRMATION)


def _messages(protocol: Protocol) -> Callable[[Request], Awaitable[Response]]:
    """The route of a protocol of devices, at the path of its name."""

    async def taken(request: Request) -> Response:
        caller = await _caller(request)
        body = await _body(request, PHONE_BODY_BYTES_MOST)
        own = caller.identity.device_id
        with _kept_if_refused(request, caller, protocol.name, body or request.url.query.encode()):
            content_type = request.headers.get("content-type", "")
            message = protocol.decode(Frame({**request.query_params}, body, content_type, own))
            rows = None if message is None else received_message(message, site_of(request).devices, own=own)
            if rows is not None:
                rows = await _durable(request, rows, caller, protocol.name)
        return answer(rows.answer() if protocol.hears and rows is not None else [])

    return taken


#: Each path with what it takes; phones' settings often end in a slash.
_TAKEN = (
    ("/v1/pings", pings, ["POST"]),
    ("/v1/confirmations", confirmations, ["POST"]),
    *((f"/{protocol.name}", _messages(protocol), list(protocol.methods)) for protocol in PROTOCOLS),
)
#: The paths of all of these.
PATHS = frozenset(path + slash for path, *_ in _TAKEN for slash in ("", "/"))
#: What answers each method and path.
ENDPOINTS = {
    (method, path + slash): endpoint
    for path, endpoint, methods in _TAKEN
    for method in methods
    for slash in ("", "/")
}
ROUTES = [
    Route(path + slash, endpoint, methods=methods)
    for path, endpoint, methods in _TAKEN
    for slash in ("", "/")
]


async def _rows(request: Request, kind: int) -> Response:
    caller = await _caller(request, is_api=True)
    body = await _body(request, BODY_BYTES_MOST)
    is_ndjson = request.headers.get("content-type", "").partition(";")[0].strip().lower() in _NDJSON
    with _kept_if_refused(request, caller, "http", body):
        rows = await _received(request, body, kind, caller, is_ndjson=is_ndjson)
    return answer((await _durable(request, rows, caller, "http")).answer(), 202)


async def _caller(request: Request, *, is_api: bool = False) -> Caller:
    """Who sends; phones' apps can mostly send no bearer token, so theirs may come in other ways.

    Raises RowsElsewhere where another process writes the log.
    """
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token: str | None = None
    if scheme.lower() == "bearer":
        token = text.strip()
    elif not is_api and scheme.lower() == "basic":
        token = _password(text)
    elif not is_api:
        token = request.query_params.get("token")
    gate: Gate = request.app.state.gate
    caller = await gate.admitted(token, Right.SEND)
    if request.app.state.writer is None:
        raise RowsElsewhere("rows come as files by the inbox of `fencewatch run`; this server takes none")
    return caller


def _password(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return None


async def _body(request: Request, bytes_most: int) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise BadBody("send the body as it is, without Content-Encoding", 415)
    body = bytearray()
    declared = request.headers.get("content-length", "0")
    too_much = BadBody(f"more than {bytes_most} bytes; send fewer rows at a time", 413)
    if len(declared) > len(str(bytes_most)) or int(declared) > bytes_most:
        raise too_much
    try:
        async for part in request.stream():
            body += part
            if len(body) > bytes_most:
                raise too_much
    except ClientDisconnect:  # nobody is there to be answered
        raise BadBody("the sender hung up in the middle") from None
    return bytes(body)


async def _received(request: Request, body: bytes, kind: int, caller: Caller, *, is_ndjson: bool) -> Received:
    devices = site_of(request).devices
    own = caller.identity.device_id
    if len(body) <= _DECODED_INLINE_BYTES:
        return received(body, kind, devices, own=own, is_ndjson=is_ndjson)
    decode = partial(received, body, kind, devices, own=own, is_ndjson=is_ndjson)
    return await to_thread.run_sync(decode, limiter=request.app.state.decoders)


async def _durable(request: Request, rows: Received, caller: Caller, source: str) -> Received:
    """The rows with all their reasons, once those accepted are on disk; the others are kept to be found."""
    writer: JournalWriter = request.app.state.writer
    results: LoopResults = request.app.state.results
    expected: LoopResult[Received] = results.expected()
    writer.submit_for(expected, rows, source)
    done = await expected
    if done.span_ms is None:
        _keep(request, caller, source, refusals(done, OF_ONE_MESSAGE_MOST))
    return done


@contextmanager
def _kept_if_refused(request: Request, caller: Caller, source: str, body: bytes) -> Iterator[None]:
    """A message of which no row could be told is kept as one."""
    try:
        yield
    except GatewayError as error:
        if isinstance(error, UnreadableMessage):
            text = body[:RAW_MOST].decode(errors="replace")
            _keep(request, caller, source, [(0, REASONS[MALFORMED], text)])
        raise


def _keep(request: Request, caller: Caller, source: str, rows: Iterable[tuple[int, str, str]]) -> None:
    kept: Refusals = request.app.state.refusals
    now_ms: int = request.app.state.parts.now_ms()
    kept.put(refused_rows(rows, at_ms=now_ms, source=source, sender=caller.name))
