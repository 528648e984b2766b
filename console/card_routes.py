"""A person's card: who it is, by which office, how to reach them, when and where their devices told last."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from console.answers import answer
from console.caller import Caller
from console.errors import PersonUnknown
from console.gate import Parts, Present, Reader, Right
from console.live_site import SiteNow
from console.parts import ConsoleParts
from console.position_json import moving_json
from console.visits import OnRecord, Purpose
from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.records import Binding, Person
from sinks.alert import instant_text
from sinks.positions import Contact

router = APIRouter(prefix="/v1", tags=["places"])

#: How long a leave that is over stands on the card.
LEAVES_MS = 60 * 86_400_000


@router.get(
    "/people/{person_id}/card", responses={404: {"description": "nobody of this id within the office"}}
)
def card(
    person_id: Annotated[str, Path()],
    parts: Parts,
    now: Present,
    caller: Reader,
    visits: OnRecord,
    purpose: Purpose,
) -> Response:
    """A person of the caller's office as they stand now; that it was opened is on record.

    Without the right to names there is neither a name nor a phone number.
    """
    now_ms, people = parts.now_ms(), now.directory
    person = people.person(person_id, now_ms)
    if person is None or person.office_id not in caller.offices:
        raise PersonUnknown(person_id)
    visits.open_person(caller, person_id, purpose)
    office = people.offices[person.office_id]
    return answer(
        {
            "now": instant_text(now_ms),
            "person_id": person_id,
            "person_name": caller.shown_name(person.name),
            "phone": _phone(person, caller),
            "office_id": person.office_id,
            "office_name": office.name,
            "class": person.class_name,
            "is_supervised": people.is_supervised(person_id, now_ms),
            "valid_from": _bound(person.valid_from_ms),
            "valid_to": _bound(person.valid_to_ms),
            "devices": _devices(parts, now, caller, person_id, now_ms),
            "leaves": _leaves(parts, now, caller, person_id, now_ms),
            "may_change": parts.running_site is not None and caller.may(Right.CHANGE),
        }
    )


def _phone(person: Person, caller: Caller) -> str | None:
    return person.phone or None if caller.may(Right.NAME) else None


def _devices(
    parts: ConsoleParts, now: SiteNow, caller: Caller, person_id: str, now_ms: int
) -> list[dict[str, Any]]:
    """With the last place and contact that are the caller's to know.

    What is from before a transfer is the other office's.
    """
    latest = {
        position.device_id: position
        for position in parts.positions.of_person(person_id)
        if position.office_id in caller.offices
    }
    heard = {
        contact.device_id: _contact(contact)
        for contact in parts.positions.contacts_of(person_id)
        if contact.office_id in caller.offices
    }
    found = []
    for binding in now.directory.devices_of(person_id, now_ms, is_upcoming=True):
        position = latest.get(binding.device_id)
        last = None if position is None else moving_json(position)
        record = _record(parts, "devices", binding.device_id)
        found.append(
            _device(binding, now, now_ms)
            | {"record": record, "contact": heard.get(binding.device_id), "last": last}
        )
    return found


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "arrival_time": instant_text(contact.arrival_ms),
        "event_time": instant_text(contact.event_ms),
        "battery_pct": contact.battery_pct,
        "charging": contact.charging,
        "battery_time": None if contact.battery_ms is None else instant_text(contact.battery_ms),
    }


def _device(binding: Binding, now: SiteNow, now_ms: int) -> dict[str, Any]:
    return {
        "device_id": binding.device_id,
        "kind": binding.kind,
        "since": _bound(binding.valid_from_ms),
        "until": _bound(binding.valid_to_ms),
        "silence_s": [ms / 1000 for ms in now.site.policies.at(now_ms).silence_ms[binding.kind]],
    }


def _leaves(
    parts: ConsoleParts, now: SiteNow, caller: Caller, person_id: str, now_ms: int
) -> list[dict[str, Any]]:
    """A person's leaves, those to come and those that ended within the last weeks, the latest first."""
    found = [leave for leave in now.directory.leaves_of(person_id) if leave.valid_to_ms > now_ms - LEAVES_MS]
    found.sort(key=lambda leave: (leave.valid_from_ms, leave.leave_id), reverse=True)
    mask = None if caller.may(Right.NAME) else now.directory.mask
    return [
        {
            "leave_id": leave.leave_id,
            "record": _record(parts, "leaves", leave.leave_id),
            "valid_from": _bound(leave.valid_from_ms),
            "valid_to": _bound(leave.valid_to_ms),
            "approved_at": _bound(leave.approved_at_ms),
            "category": leave.category if mask is None else mask.text(leave.category),
            "module": leave.module if mask is None else mask.text(leave.module),
            "fence_ids": list(leave.fence_ids),
            "lon": leave.lon,
            "lat": leave.lat,
            "radius_m": leave.radius_m,
        }
        for leave in found
    ]


def _record(parts: ConsoleParts, table: str, row_id: str) -> int | None:
    """The record by which a change of a row says what it is about; None where nothing changes."""
    return None if parts.running_site is None else parts.running_site.registry.made_by((table, row_id))


def _bound(ms: int) -> str | None:
    """An end of a validity; none where it has none."""
    return None if ms in (BEGIN_MS, END_MS) else instant_text(ms)
