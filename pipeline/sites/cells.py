"""Single values of a site: times, validities, numbers and ids, each faulted where it is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable

from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.sites.findings import Place, shown

TIME_EXPECTED = "an ISO 8601 time with offset such as 2025-07-14T08:00:00+08:00"

#: A span of time, half open, in milliseconds UTC.
Span = tuple[int, int]


def is_unicode(text: str) -> bool:
    """Whether a text can be written; JSON may hold halves of letters, which no file of ours can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def identifier(text: str, field: str, place: Place) -> str | None:
    """A non-empty id without spaces around it, which no stream could ever match."""
    if not is_unicode(text):
        place.fault(field, f"{shown(text)} is no Unicode text", f"a {field}")
        return None
    if text and text == text.strip():
        return text
    wrong = f"{shown(text)} has spaces around it" if text.strip() else "is empty"
    place.fault(field, wrong, f"a {field}")
    return None


def instant(text: str, field: str, place: Place, *, empty_ms: int) -> int | None:
    """Milliseconds of a time, ``empty_ms`` where none is given, None where it is wrong."""
    if not text:
        return empty_ms
    try:
        return instant_ms(text)
    except (ValueError, OverflowError):
        place.fault(field, f"{shown(text)} is no time with offset", TIME_EXPECTED)
        return None


def validity(from_text: str, to_text: str, place: Place) -> Span | None:
    """``valid_from``/``valid_to`` as a span that holds at least one millisecond."""
    start_ms = instant(from_text, "valid_from", place, empty_ms=BEGIN_MS)
    end_ms = instant(to_text, "valid_to", place, empty_ms=END_MS)
    if start_ms is None or end_ms is None:
        return None
    if end_ms <= start_ms:
        wrong = f"{shown(to_text)} is not after valid_from {shown(from_text)}"
        place.fault("valid_to", wrong, "a time after valid_from, or empty for no end")
        return None
    return start_ms, end_ms


def number(
    text: str, field: str, place: Place, *, accept: Callable[[float], bool], expected: str
) -> float | None:
    """A finite plain number that ``accept`` takes, or None with a fault."""
    try:
        # float() also reads "1_000" and other scripts' digits, which no one means in a CSV.
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if math.isfinite(value) and accept(value):
        return value
    place.fault(field, f"{shown(text)} will not do", expected)
    return None


def is_number(value: object) -> bool:
    """Whether a JSON or TOML value is a finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False
