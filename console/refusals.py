"""What whoever is refused is told; who was known is on record by then."""

from __future__ import annotations

import logging

from fastapi import Request, Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool

from console.answers import answer
from console.changing import NotYours, Precondition, precondition_answer
from console.errors import NotAllowed, NoToken, NotRecorded, Refused, TooManyStreams
from console.guard import Guard
from console.visits import recorded_refusal
from sinks.errors import SinkFailed
from sinks.sqlite import sqlite3

#: What a store or the disk under it raises: locked, full, damaged, gone.
STORE_FAULTS = (SinkFailed, sqlite3.Error, DBAPIError, PoolTimeout, OSError)
_ASK_AGAIN_S = 5

_log = logging.getLogger(__name__)


async def refusal_answer(request: Request, error: Refused) -> Response:
    """The answer to a request that was refused before or by its route."""
    guard: Guard = request.app.state.guard
    if wait_s := await run_in_threadpool(guard.refused, request, error):
        said = {"detail": f"too many wrong tokens from your address; ask again in {wait_s} s"}
        return answer(said, 429, {"Retry-After": str(wait_s)})
    if isinstance(error, NotAllowed) and error.caller is not None:
        more = {"faults": error.faults} if isinstance(error, NotYours) else {}
        return await recorded_refusal(request, error.caller, error.status, str(error), more=more)
    if isinstance(error, Precondition):
        return precondition_answer(error)
    response = answer({"detail": str(error)}, error.status)
    if isinstance(error, NoToken):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, NotRecorded):
        response.headers["Retry-After"] = str(_ASK_AGAIN_S)
    if isinstance(error, TooManyStreams):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def store_fault_answer(error: Exception) -> Response:
    """What is told where a store cannot be used for the moment; the log of the server says which and why."""
    _log.error("a request could not be served: %s", error)
    said = {"detail": "a store cannot be used at the moment; ask again"}
    return answer(said, 503, {"Retry-After": str(_ASK_AGAIN_S)})
