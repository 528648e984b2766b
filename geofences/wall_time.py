"""What a clock on the wall shows, as instants, in nights when clocks are changed too."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from geofences.instant import EPOCH

_SECOND = timedelta(seconds=1)


def wall_span(day: date, start_min: int, end_min: int, timezone: ZoneInfo) -> tuple[int, int] | None:
    """Start and end in ms of a daily window given in minutes past the midnight that begins ``day``.

    A start or an end that clocks skip is the moment at which they skip it; where an hour comes twice, the
    window begins at the first start and ends at the last end. None where nothing of it is left.
    """
    start_ms = wall_instants(day, start_min, timezone)[0]
    end_ms = wall_instants(day, end_min, timezone)[1]
    return (start_ms, end_ms) if end_ms > start_ms else None


def wall_instants(day: date, minute: int, timezone: ZoneInfo) -> tuple[int, int]:
    """The first and the last instant in ms at which the wall shows a minute of a day (or of the next).

    Both are the same but where it comes twice; where it is skipped, both are the moment of the skip.
    """
    wall = datetime.combine(day, time(), timezone) + timedelta(minutes=minute)
    by_earlier, by_later = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if by_earlier > by_later:  # the offsets disagree the other way round: no clock ever shows it
        by_earlier = by_later = _skip(by_later, by_earlier, timezone)
    return _ms(by_earlier), _ms(by_later)


def _skip(before: datetime, after: datetime, timezone: ZoneInfo) -> datetime:
    """The first second after ``before``, up to ``after``, that has the offset of ``after``."""
    offset = after.astimezone(timezone).utcoffset()
    low, high = 0, (after - before) // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(timezone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return before + high * _SECOND


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)
