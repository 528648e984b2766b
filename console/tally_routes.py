"""Alerts counted by the queue: by person for the map, by state for the board; no page limits these."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from console.alert_routes import Choice, Chosen, answer, shown
from console.caller import Caller
from console.gate import Parts, People, Reader
from console.site_directory import SiteDirectory
from sinks.alert import instant_text
from sinks.disposal import AlertedPerson, OfficeLoad, PersonAlerts

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


@router.get("/people")
def alerted(parts: Parts, caller: Reader) -> Response:
    """Everybody within the caller's office with an unsettled alert: severity of the gravest, how many."""
    now_ms = parts.now_ms()
    found = parts.queue.alerted_people(now_ms=now_ms, office=caller.office)
    return answer({"now": instant_text(now_ms), "items": [_shown(person) for person in found]})


@router.get("/counts")
def counts(chosen: Annotated[Choice, Query()], parts: Parts, people: People, caller: Reader) -> Response:
    """How many alerts of a choice stand in each state, and are of each severity, beside how many there are.

    `state` does not matter to `by_state` and `severity` not to `by_severity`.
    """
    now_ms = parts.now_ms()
    wanted = chosen.of(caller, people)
    of_choice = parts.queue.count_states(wanted, now_ms=now_ms)
    by_severity = parts.queue.count_severities(wanted, now_ms=now_ms)
    of_all = parts.queue.counts(now_ms=now_ms, office=caller.office)
    return answer({"by_state": of_choice, "by_severity": by_severity, "of": of_all})


@router.get("/by-office")
def by_office(parts: Parts, caller: Reader) -> Response:
    """What each office within the caller's has before it; offices without anything are left out."""
    now_ms = parts.now_ms()
    loads = parts.queue.office_loads(now_ms=now_ms, office=caller.office)
    return answer({"now": instant_text(now_ms), "items": [_load(load) for load in loads]})


@router.get("/by-person")
def by_person(chosen: Annotated[Chosen, Query()], parts: Parts, people: People, caller: Reader) -> Response:
    """The alerts of a choice, one item for each person: `{"items": [...], "next": cursor or null}`.

    `first` is the alert that comes first in the order asked for, and by it the people stand in order.
    """
    page = parts.queue.by_person(chosen.of(caller, people), now_ms=parts.now_ms(), **chosen.page())
    items = [_of_person(person, caller, people) for person in page.people]
    return answer({"items": items, "next": page.next})


def _of_person(person: PersonAlerts, caller: Caller, people: SiteDirectory) -> dict[str, Any]:
    first = shown(person.first, caller, people) | {"evidence": []}  # a board needs no places
    return {
        "person_id": person.person_id,
        "person_name": first["person_name"],
        "office_id": first["office_id"],
        "count": person.count,
        "gravest": person.gravest,
        "waiting": person.waiting,
        "settleable": person.settleable,
        "newest_raised_at": instant_text(person.newest_raised_ms),
        "oldest_raised_at": instant_text(person.oldest_raised_ms),
        "first": first,
    }


def _load(load: OfficeLoad) -> dict[str, Any]:
    return {
        "office_id": load.office_id,
        "open": {str(severity): n for severity, n in load.open.items()},
        "self_cleared": load.self_cleared,
        "in_hand": load.in_hand,
        "oldest_open_at": None if load.oldest_open_ms is None else instant_text(load.oldest_open_ms),
    }


def _shown(person: AlertedPerson) -> dict[str, Any]:
    return {
        "person_id": person.person_id,
        "severity": person.severity,
        "alerts": person.alerts,
        "unclaimed": person.unclaimed,
    }
