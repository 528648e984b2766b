"""How protocols say numbers, truths and times, and what of it our rows can say."""

from __future__ import annotations

import json
from typing import Any

from pipeline.ingest.errors import UnreadableMessage
from pipeline.reading.nesting import is_too_deep
from sinks.alert import instant_text

#: A whole number of more digits than this is read as float64, which then says that it is none of ours.
_DIGITS_MOST = 18


def json_of(body: bytes) -> Any:
    """The JSON that a device sent; raises UnreadableMessage. Numbers may have any number of digits."""
    if is_too_deep(body):
        raise UnreadableMessage("the body is nested deeper than any message of a phone")
    try:
        return json.loads(body, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise UnreadableMessage(f"the body is no JSON: {error}") from error


def instant(ms: int) -> str:
    """A time as rows have it; one of no calendar stays unreadable, and is rejected as such."""
    try:
        return instant_text(ms)
    except OverflowError:
        return f"{ms} ms"


def known(value: Any) -> Any:
    """A measure of which a negative number says that it is unknown."""
    return None if isinstance(value, int | float) and value < 0 else value


def scaled(value: Any, factor: float) -> Any:
    """A number in other units; what is none stays, to be rejected where rows are."""
    return value * factor if isinstance(value, int | float) and not isinstance(value, bool) else value


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_MOST else float(digits)
