"""One accepted row of the stream as a plain record, and its place among the fixes of a binding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from geofences.instant import BEGIN_MS

#: Sorts as (event time, rank, ...): ends come before, openings after the fixes of their millisecond.
OrderKey = tuple[int | float | bool | bytes, ...]
END_RANK, FIX_RANK, OPENING_RANK = 0, 1, 2


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A ping or confirmation (``pipeline.ping`` kinds); ``arrival_ms`` never decreases along a stream.

    ``lon``/``lat`` are WGS-84 degrees, None on a heartbeat; ``given_lon``/``given_lat`` are as read.
    ``given_arrival_ms`` is BEGIN_MS where the row named no arrival time. ``others`` has what is given of the
    columns beside these.
    """

    kind: int
    device_id: str
    event_ms: int
    arrival_ms: int
    given_arrival_ms: int = BEGIN_MS
    lon: float | None = None
    lat: float | None = None
    given_lon: float | None = None
    given_lat: float | None = None
    accuracy_m: float | None = None
    source: str | None = None
    face_ok: bool = False
    challenge_id: str | None = None
    others: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def position(self) -> tuple[float, float] | None:
        """WGS-84 (lon, lat), or None for a heartbeat."""
        return None if self.lon is None or self.lat is None else (self.lon, self.lat)

    def order(self) -> OrderKey:
        """Event time, pings first, then the columns as given, null before any value."""
        return (
            self.event_ms,
            FIX_RANK,
            self.kind,
            self.given_lon or 0.0,
            self.given_lat or 0.0,
            self.given_arrival_ms,
            self.accuracy_m is not None,
            self.accuracy_m or 0.0,
            self.face_ok,
            self.challenge_id is not None,
            (self.challenge_id or "").encode("utf-8", "surrogatepass"),
        )
