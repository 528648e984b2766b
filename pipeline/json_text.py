"""JSON of any size, written and read fast where that is exact, and else by Python's own way."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def json_text(value: Any) -> str:
    """A value as ``json_value`` reads it again; what is not of JSON is written as Python's ``json`` does."""
    try:
        written = msgspec.json.encode(value)
        # No number, for one, is written as null, and keys that are none become texts.
        if msgspec.json.decode(written) == value:
            return written.decode()
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        pass  # half of a surrogate pair, a number past 64 bits, or a value that only Python's json knows
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_value(text: str | bytes) -> Any:
    """What a text says, as Python's ``json`` reads it. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(text)
