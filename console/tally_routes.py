"""Alerts counted by the queue: by person for the map, by state for the board; no page limits these."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from console.alert_routes import Choice, answer
from console.gate import Parts, Reader
from sinks.alert import instant_text
from sinks.disposal import AlertedPerson

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


@router.get("/people")
def alerted(parts: Parts, caller: Reader) -> Response:
    """Everybody within the caller's office with an unsettled alert: severity of the gravest, how many."""
    now_ms = parts.now_ms()
    found = parts.queue.alerted_people(now_ms=now_ms, office=caller.office)
    return answer({"now": instant_text(now_ms), "items": [_shown(person) for person in found]})


@router.get("/counts")
def counts(chosen: Annotated[Choice, Query()], parts: Parts, caller: Reader) -> Response:
    """How many alerts of a choice stand in each state, beside how many there are; `state` does not matter."""
    now_ms = parts.now_ms()
    of_choice = parts.queue.count_states(chosen.within(caller.office), now_ms=now_ms)
    of_all = parts.queue.counts(now_ms=now_ms, office=caller.office)
    return answer({"by_state": of_choice, "of": of_all})


def _shown(person: AlertedPerson) -> dict[str, Any]:
    return {
        "person_id": person.person_id,
        "severity": person.severity,
        "alerts": person.alerts,
        "unclaimed": person.unclaimed,
    }
