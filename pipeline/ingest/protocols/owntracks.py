"""OwnTracks in HTTP mode: JSON objects of many types, of which positions are rows."""

from __future__ import annotations

from pipeline.ingest.errors import UnreadableMessage
from pipeline.ingest.protocols.cells import instant, json_of, known, scaled
from pipeline.ingest.protocols.protocol import Frame, Message, Protocol

_KM_H_PER_M_S = 3.6


def owntracks_message(frame: Frame) -> Message | None:
    """An OwnTracks object; None where it is none of a position. Raises UnreadableMessage.

    Others than devices name it by the last part of the topic, else by the tracker id. ``tst`` is when the
    fix was made, ``created_at`` only when the message was. The app leaves ``acc`` and ``vel`` out where they
    are zero; what is left out stays not given, for an accuracy of nothing would be taken for certainty.
    """
    if not frame.body:
        return None
    body = json_of(frame.body)
    if not isinstance(body, dict):
        raise UnreadableMessage("expected a JSON object")
    if body.get("_type") != "location":
        return None
    topic, tracker = body.get("topic"), body.get("tid")
    named = topic.rpartition("/")[2] if isinstance(topic, str) and topic else tracker
    tst = body.get("tst")
    return Message(
        {
            "device_id": frame.own or named,
            "event_time": instant(tst * 1000) if type(tst) is int else tst,
            "lon": body.get("lon"),
            "lat": body.get("lat"),
            "accuracy_m": body.get("acc"),
            "speed_mps": scaled(known(body.get("vel")), 1 / _KM_H_PER_M_S),
            "battery_pct": known(body.get("batt")),
        }
    )


OWNTRACKS = Protocol(
    "owntracks", "OwnTracks in HTTP mode", ("POST",), owntracks_message, hears=False
)  # the app expects a list of commands, which is empty
