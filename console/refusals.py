"""What whoever is refused is told; who was known is on record by then."""

from __future__ import annotations

from fastapi import Request, Response

from console.answers import answer
from console.errors import NotAllowed, NoToken, NotRecorded, Refused, TooManyStreams
from console.visits import recorded_refusal

_ASK_AGAIN_S = 5


async def refusal_answer(request: Request, error: Refused) -> Response:
    """The answer to a request that was refused before or by its route."""
    if isinstance(error, NotAllowed) and error.caller is not None:
        return await recorded_refusal(request, error.caller, error.status, str(error))
    response = answer({"detail": str(error)}, error.status)
    if isinstance(error, NoToken):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, NotRecorded):
        response.headers["Retry-After"] = str(_ASK_AGAIN_S)
    if isinstance(error, TooManyStreams):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
