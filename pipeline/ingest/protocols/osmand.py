"""OsmAnd, and Traccar Client at the same path: parameters of an address or a form, or JSON from 9 on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from pipeline.ingest.protocols.cells import instant, json_of, scaled
from pipeline.ingest.protocols.protocol import Frame, Message, Protocol, Row
from pipeline.ingest.protocols.traccar import traccar_message

_M_S_PER_KNOT = 1852 / 3600
#: A whole number below this is seconds since 1970, else milliseconds (as the Traccar server reads it).
_SECONDS_MOST = 2**31
_EPOCH_TIME = re.compile(r"\d{1,18}(\.\d{1,9})?", re.ASCII)
#: The plus sign of an offset that nobody escaped in the address arrives as a blank.
_BLANK_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d(?::?\d\d)?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def osmand_frame(frame: Frame) -> Message:
    """Whatever comes at the path; raises UnreadableMessage."""
    if "json" in frame.content_type or frame.body[:1] == b"{":
        return traccar_message(json_of(frame.body))
    form = parse_qsl(frame.body.decode(errors="replace"), keep_blank_values=True)
    return osmand_message({**frame.parameters, **dict(form)})


def osmand_message(values: Mapping[str, str]) -> Message:
    """The parameters of OsmAnd and of Traccar Client before 9: knots, seconds or milliseconds."""
    row: Row = {
        "device_id": values.get("id", values.get("deviceid")),
        "event_time": _time(values.get("timestamp")),
        **_position(values),
        "accuracy_m": _number(values.get("accuracy")),
        "speed_mps": scaled(_number(values.get("speed")), _M_S_PER_KNOT),
        "battery_pct": _number(values.get("batt")),
        "charging": _truth(values.get("charge")),
        "mock": _truth(values.get("mock")),
    }
    return Message(row, _truth(values.get("valid")) is not False)


#: A row that can never be accepted is answered like the others, or the phone would send it for ever.
OSMAND = Protocol(
    "osmand",
    "OsmAnd and Traccar Client: parameters, a form, or JSON (from 9 on)",
    ("GET", "POST"),
    osmand_frame,
    {
        "id": "the device",
        "deviceid": "the device, where `id` is not given",
        "timestamp": "seconds or milliseconds since 1970, or ISO 8601 with offset",
        "lat": "degrees",
        "lon": "degrees",
        "location": "`lat,lon`, in place of both",
        "accuracy": "metres",
        "speed": "knots",
        "batt": "percent",
        "charge": "whether it is being charged: `true` or `false`",
        "mock": "whether the position is made up: `true` or `false`",
        "valid": "`false`: the device has no fix of its own, and the row is `not_fixed`",
    },
)


def _position(values: Mapping[str, str]) -> Row:
    if "location" in values:
        lat, _, lon = values["location"].partition(",")
    else:
        lat, lon = values.get("lat", ""), values.get("lon", "")
    return {"lon": _number(lon or None), "lat": _number(lat or None)}


def _time(text: str | None) -> str | None:
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
        return instant(number)
    return instant(number * 1000 + int(part.ljust(3, "0")[:3]))


def _number(text: str | None) -> float | str | None:
    """A number if the text is one; other text stays, to be rejected where rows are."""
    if text is None or not text.strip():
        return None
    if _NUMBER.fullmatch(text.strip()):
        return float(text)
    return math.nan if text.strip().lower() == "nan" else text


def _truth(text: str | None) -> bool | str | None:
    return None if text is None else _TRUTHS.get(text.lower(), text)
