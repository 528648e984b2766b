"""Instants as int64 milliseconds since 1970 UTC, and the two ends of all time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: An empty ``valid_from`` / ``valid_to``: before and after every instant that a stream can carry.
BEGIN_MS = -(1 << 60)
END_MS = 1 << 60


def instant_ms(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time with offset, cut towards the past.

    Raises ValueError where the text is no such time or names no offset.
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return (moment - EPOCH) // timedelta(milliseconds=1)
