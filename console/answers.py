"""Answers as JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from fastapi import Response


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    said = None if headers is None else dict(headers)
    return Response(msgspec.json.encode(content), status, said, media_type="application/json")
