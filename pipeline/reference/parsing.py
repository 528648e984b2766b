"""One row as read into one record, or the reason why it cannot be used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from geofences.crs import CRS, to_wgs84
from geofences.instant import instant_ms
from pipeline.ping import CONFIRMATION, PING
from pipeline.sites.policy import SOURCES

EARLIEST_MS = instant_ms("2000-01-01T00:00:00Z")
#: No later instant can be written.
LATEST_MS = instant_ms("9999-12-31T23:59:59.999Z")

MALFORMED, UNKNOWN_DEVICE, BAD_TIME = "malformed", "unknown_device", "bad_time"
BAD_COORDINATES, BAD_VALUE = "bad_coordinates", "bad_value"


class UnreadableError(ValueError):
    """A value that is given but cannot be read as what its column holds."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as its format gives it: column name to value, None where not given, or malformed.

    ``times``, ``numbers``, ``flags`` and ``texts`` of the format turn a value into ours or raise
    UnreadableError; ``times`` gives milliseconds UTC.
    """

    values: Mapping[str, object] | None
    times: Callable[[object], int]
    numbers: Callable[[object], float]
    flags: Callable[[object], bool]
    texts: Callable[[object], str]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A row as far as it can be read alone: ``faults`` are the reasons that hold, gravest first.

    Times are None where they cannot be read; ``lon``/``lat`` are as given. ``others`` has what is given of
    the columns beside whose, when and where.
    """

    faults: tuple[str, ...] = ()
    device_id: str = ""
    event_ms: int | None = None
    given_arrival_ms: int | None = None
    given: tuple[float, float] | None = None
    position: tuple[float, float] | None = None
    accuracy_m: float | None = None
    source: str | None = None
    face_ok: bool = False
    challenge_id: str | None = None
    others: Mapping[str, object] = field(default_factory=dict)


OPTIONAL = {
    PING: {
        "accuracy_m": "accuracy",
        "source": "source",
        "speed_mps": "number",
        "battery_pct": "number",
        "charging": "flag",
        "strap_ok": "flag",
        "case_ok": "flag",
        "worn": "flag",
        "mock": "flag",
        "power_off": "flag",
        "sos": "flag",
        "moving": "flag",
        "permissions_ok": "flag",
        "fingerprint": "text",
        "app_version": "text",
        "operator": "text",
        "rssi_dbm": "number",
        "crs": "crs",
    },
    CONFIRMATION: {"accuracy_m": "accuracy", "face_ok": "flag", "challenge_id": "text"},
}


#: What columns hold that say nothing of whose, when and where.
OTHERS = ("number", "flag", "text")


def parse(raw: RawRow, kind: int, device_ids: frozenset[str]) -> Parsed:
    """Everything one row says by itself."""
    if raw.values is None:
        return Parsed(faults=(MALFORMED,))
    device_id = raw.values.get("device_id")
    if not isinstance(device_id, str) or not device_id:
        return Parsed(faults=(MALFORMED,))
    place, place_fault = _place(raw)
    if place_fault == MALFORMED:
        return Parsed(faults=(MALFORMED,))
    if device_id not in device_ids:
        return Parsed(faults=(UNKNOWN_DEVICE,))
    event_ms, given_arrival_ms, time_fault = _times(raw)
    optional, value_fault = _optional(raw, kind)
    accuracy_m, source = optional.get("accuracy_m"), optional.get("source")
    challenge_id = optional.get("challenge_id")
    faults = [fault for fault in (time_fault, place_fault, value_fault) if fault is not None]
    return Parsed(
        faults=tuple(faults),
        device_id=device_id,
        event_ms=event_ms,
        given_arrival_ms=given_arrival_ms,
        given=place,
        position=_converted(place, str(optional.get("crs", "wgs84"))),
        accuracy_m=accuracy_m if isinstance(accuracy_m, float) else None,
        source=source if isinstance(source, str) else None,
        face_ok=optional.get("face_ok") is True,
        challenge_id=challenge_id if isinstance(challenge_id, str) else None,
        others={name: optional[name] for name in optional if kind == PING and OPTIONAL[kind][name] in OTHERS},
    )


def _times(raw: RawRow) -> tuple[int | None, int | None, str | None]:
    """(event, given arrival, fault); an arrival that is not given is None."""
    assert raw.values is not None
    event, arrival = raw.values.get("event_time"), raw.values.get("arrival_time")
    try:
        if event is None:
            return None, None, BAD_TIME
        event_ms = raw.times(event)
        arrival_ms = None if arrival is None else raw.times(arrival)
    except UnreadableError:
        return None, None, BAD_TIME
    latest_ms = event_ms if arrival_ms is None else max(event_ms, arrival_ms)
    beyond = event_ms < EARLIEST_MS or latest_ms > LATEST_MS
    return event_ms, arrival_ms, BAD_TIME if beyond else None


def _place(raw: RawRow) -> tuple[tuple[float, float] | None, str | None]:
    """((lon, lat) as given or None, fault); TypeError from a format's numbers means malformed."""
    assert raw.values is not None
    pair: list[float | None] = []
    unreadable = False
    for value in (raw.values.get("lon"), raw.values.get("lat")):
        try:
            pair.append(None if value is None else raw.numbers(value))
        except TypeError:
            return None, MALFORMED
        except UnreadableError:
            unreadable = True
    if unreadable:
        return None, BAD_COORDINATES
    if pair[0] is None and pair[1] is None:
        return None, None
    if pair[0] is None or pair[1] is None:
        return None, BAD_COORDINATES
    # Comparisons with NaN are false, so NaN is outside too.
    if not (-180.0 <= pair[0] <= 180.0 and -90.0 <= pair[1] <= 90.0):
        return None, BAD_COORDINATES
    return (pair[0], pair[1]), None


def _optional(raw: RawRow, kind: int) -> tuple[dict[str, object], str | None]:
    assert raw.values is not None
    found: dict[str, object] = {}
    for column, holds in OPTIONAL[kind].items():
        value = raw.values.get(column)
        if value is None:
            continue
        try:
            found[column] = _value(raw, holds, value)
        except (UnreadableError, TypeError):
            return {}, BAD_VALUE
    return found, None


def _value(raw: RawRow, holds: str, value: object) -> object:
    if holds == "flag":
        return raw.flags(value)
    if holds in ("number", "accuracy"):
        number = raw.numbers(value)
        if math.isinf(number) or (holds == "accuracy" and not number >= 0.0):
            raise UnreadableError(value)
        return number
    text = raw.texts(value)
    known = {"source": SOURCES, "crs": CRS}.get(holds)
    if known is not None and text not in known:
        raise UnreadableError(value)
    return text


def _converted(place: tuple[float, float] | None, crs: str) -> tuple[float, float] | None:
    if place is None or crs == "wgs84":
        return place
    lon, lat = to_wgs84(np.array([place[0]]), np.array([place[1]]), crs)
    return float(lon[0]), float(lat[0])
