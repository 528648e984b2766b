"""What phones send that know nothing of us, as rows of the contract: OsmAnd, Traccar Client, OwnTracks.

Both adapters change units and names and nothing else; whether a row can be used is decided where all rows
are. A time that is not given stays missing, and one without an offset stays without: none is made up.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.ingest.errors import UnreadableMessage
from pipeline.reading.nesting import is_too_deep
from sinks.alert import instant_text

#: Row of the contract's columns, None where the message says nothing.
Row = dict[str, Any]

_M_S_PER_KNOT = 1852 / 3600
_KM_H_PER_M_S = 3.6
#: A whole number below this is seconds since 1970, else milliseconds (as the Traccar server reads it).
_SECONDS_MOST = 2**31
#: A whole number of more digits than this is read as float64, which then says that it is none of ours.
_DIGITS_MOST = 18
_EPOCH_TIME = re.compile(r"\d{1,18}(\.\d{1,9})?", re.ASCII)
#: The plus sign of an offset that nobody escaped in the address arrives as a blank.
_BLANK_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d(?::?\d\d)?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Message:
    """One row, and whether the device itself says that it has no fix of its own."""

    row: Row
    is_fixed: bool = True


def phone_object(body: bytes) -> Any:
    """The JSON that a phone sent; raises UnreadableMessage. Numbers may have any number of digits."""
    if is_too_deep(body):
        raise UnreadableMessage("the body is nested deeper than any message of a phone")
    try:
        return json.loads(body, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise UnreadableMessage(f"the body is no JSON: {error}") from error


def osmand_message(values: Mapping[str, str]) -> Message:
    """The parameters of OsmAnd and of Traccar Client before 9: knots, seconds or milliseconds."""
    row: Row = {
        "device_id": values.get("id", values.get("deviceid")),
        "event_time": _osmand_time(values.get("timestamp")),
        **_osmand_position(values),
        "accuracy_m": _number(values.get("accuracy")),
        "speed_mps": _scaled(_number(values.get("speed")), _M_S_PER_KNOT),
        "battery_pct": _number(values.get("batt")),
        "charging": _truth(values.get("charge")),
        "mock": _truth(values.get("mock")),
    }
    return Message(row, _truth(values.get("valid")) is not False)


def traccar_message(body: Any) -> Message:
    """The JSON of Traccar Client from 9 on: metres per second, battery level 0 to 1, -1 for unknown."""
    location = body.get("location") if isinstance(body, dict) else None
    coords = location.get("coords") if isinstance(location, dict) else None
    if not isinstance(location, dict) or not isinstance(coords, dict):
        raise UnreadableMessage("expected an object with device_id and location.coords")
    battery = location.get("battery")
    battery = battery if isinstance(battery, dict) else {}
    return Message(
        {
            "device_id": body.get("device_id"),
            "event_time": location.get("timestamp"),
            "lon": coords.get("longitude"),
            "lat": coords.get("latitude"),
            "accuracy_m": _known(coords.get("accuracy")),
            "speed_mps": _known(coords.get("speed")),
            "battery_pct": _scaled(_known(battery.get("level")), 100),
            "charging": battery.get("is_charging"),
            "moving": location.get("is_moving"),
            "mock": location.get("mock"),
        }
    )


def owntracks_message(body: Any, own: str | None) -> Message | None:
    """An OwnTracks object; None where it is none of a position. ``own`` is the device that sends it.

    Others than devices name it by the last part of the topic, else by the tracker id. ``tst`` is when the
    fix was made, ``created_at`` only when the message was. The app leaves ``acc`` and ``vel`` out where they
    are zero; what is left out stays not given, for an accuracy of nothing would be taken for certainty.
    """
    if not isinstance(body, dict):
        raise UnreadableMessage("expected a JSON object")
    if body.get("_type") != "location":
        return None
    topic, tracker = body.get("topic"), body.get("tid")
    named = topic.rpartition("/")[2] if isinstance(topic, str) and topic else tracker
    tst = body.get("tst")
    return Message(
        {
            "device_id": own or named,
            "event_time": _instant(tst * 1000) if type(tst) is int else tst,
            "lon": body.get("lon"),
            "lat": body.get("lat"),
            "accuracy_m": body.get("acc"),
            "speed_mps": _scaled(_known(body.get("vel")), 1 / _KM_H_PER_M_S),
            "battery_pct": _known(body.get("batt")),
        }
    )


def _osmand_position(values: Mapping[str, str]) -> Row:
    if "location" in values:
        lat, _, lon = values["location"].partition(",")
    else:
        lat, lon = values.get("lat", ""), values.get("lon", "")
    return {"lon": _number(lon or None), "lat": _number(lat or None)}


def _osmand_time(text: str | None) -> str | None:
    """Seconds or milliseconds since 1970, or ISO 8601; what is neither stays as it is."""
    if text is None:
        return None
    text = text.strip()
    if (given := _BLANK_OFFSET.fullmatch(text)) is not None:
        return f"{given[1]}+{given[2]}"
    if _EPOCH_TIME.fullmatch(text) is None:
        return text
    whole, _, part = text.partition(".")
    number = int(whole)
    if number >= _SECONDS_MOST:
        return _instant(number)
    return _instant(number * 1000 + int(part.ljust(3, "0")[:3]))


def _instant(ms: int) -> str:
    try:
        return instant_text(ms)
    except OverflowError:
        return f"{ms} ms"  # no time of any calendar: unreadable, and rejected as such


def _number(text: str | None) -> float | str | None:
    """A number if the text is one; other text stays, to be rejected where rows are."""
    if text is None or not text.strip():
        return None
    if _NUMBER.fullmatch(text.strip()):
        return float(text)
    return math.nan if text.strip().lower() == "nan" else text


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_MOST else float(digits)


def _truth(text: str | None) -> bool | str | None:
    return None if text is None else _TRUTHS.get(text.lower(), text)


def _known(value: Any) -> Any:
    """A measure of which a negative number says that it is unknown."""
    return None if isinstance(value, int | float) and value < 0 else value


def _scaled(value: Any, factor: float) -> Any:
    return value * factor if isinstance(value, int | float) and not isinstance(value, bool) else value
