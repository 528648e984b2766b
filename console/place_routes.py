"""Where people are and were: latest positions, and tracks that nobody reads without a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.exceptions import RequestValidationError

from console.alert_routes import answer
from console.caller import Caller
from console.errors import PersonUnknown
from console.gate import Parts, People, Reader
from console.parts import ConsoleParts
from console.position_json import moving_json
from console.site_directory import SiteDirectory
from console.visits import Visitor, recorded
from geofences.instant import END_MS, instant_ms
from sinks.access_log import PURPOSE_MOST, Access
from sinks.alert import instant_text
from sinks.positions import Box, Position
from sinks.tracks import TrackFix

router = APIRouter(prefix="/v1", tags=["places"])

_POSITIONS_MOST = 100_000
_TRACK_MOST = 100_000
_TRACK_SPAN_MOST_MS = 31 * 86_400_000
#: Tracks lie between these: a day off both ends of the calendar, so that every zone has a local time for it.
_TRACK_FIRST_MS = instant_ms("0001-01-02T00:00:00Z")
_TRACK_LAST_MS = instant_ms("9999-12-30T23:59:59.999Z")


@router.get("/positions")
def positions(
    parts: Parts,
    people: People,
    caller: Visitor,
    bbox: Annotated[
        str | None, Query(description="west,south,east,north; west > east reaches over ±180")
    ] = None,
    office: Annotated[str | None, Query(description="this office and all below it")] = None,
    limit: Annotated[int, Query(ge=1, le=_POSITIONS_MOST)] = 20_000,
) -> Response:
    """The latest position of each device of people now supervised within the caller's office.

    The visit is put on record, with what it is for where `purpose` or the header `X-Purpose` says so.
    """
    offices = caller.offices if office is None else caller.offices & people.within(office)
    now_ms = parts.now_ms()
    found = parts.positions.latest(
        offices=offices, box=None if bbox is None else box_of(bbox), limit=limit + 1
    )
    items = [
        _shown(position, people, caller, now_ms)
        for position in found[:limit]
        if _is_current(position, people, offices, now_ms)
    ]
    return answer({"now": instant_text(now_ms), "items": items, "truncated": len(found) > limit})


@router.get(
    "/people/{person_id}/track",
    responses={404: {"description": "nobody of this id within the office"}},
)
def track(
    person_id: Annotated[str, Path()],
    parts: Parts,
    people: People,
    caller: Reader,
    start: Annotated[str, Query(alias="from", description="ISO 8601 with offset")],
    end: Annotated[str, Query(alias="to", description="ISO 8601 with offset, at most 31 days later")],
    purpose: Annotated[
        str, Query(max_length=PURPOSE_MOST, pattern=r"\S", description="what for; it is put on record")
    ],
) -> Response:
    """A person's fixes of the times when they were the caller's; on record before anything is read."""
    now_ms = parts.now_ms()
    spans = people.spans_within(caller.offices, person_id, now_ms)
    if not spans:
        raise PersonUnknown(person_id)
    from_ms, to_ms = _span(start, end)
    identity = caller.identity
    who = (now_ms, caller.name, identity.role.value, identity.office_id)
    access_id = recorded(parts.accesses.record, Access(*who, person_id, from_ms, to_ms, purpose))
    fixes = _fixes(parts, person_id, [(max(from_ms, a), min(to_ms, b)) for a, b in spans])
    return answer(
        {
            "person_id": person_id,
            "person_name": caller.shown_name(people.name(person_id, now_ms)),
            "from": instant_text(from_ms),
            "to": instant_text(to_ms),
            "access_id": access_id,
            "items": [_fix(fix) for fix in fixes[:_TRACK_MOST]],
            "truncated": len(fixes) > _TRACK_MOST,
        }
    )


def _fixes(parts: ConsoleParts, person_id: str, spans: Sequence[tuple[int, int]]) -> list[TrackFix]:
    """The fixes within some spans of time, oldest first, one more than are shown at most."""
    fixes: list[TrackFix] = []
    for begin_ms, end_ms in spans:
        if begin_ms < end_ms:
            fixes += parts.tracks.read(person_id, begin_ms, end_ms, limit=_TRACK_MOST + 1 - len(fixes))
    return fixes


def wrong_query(name: str, wrong: object, expected: str) -> RequestValidationError:
    """The refusal of a parameter whose type is right and whose value is not."""
    said = {"type": "value_error", "loc": ("query", name), "msg": f"expected {expected}", "input": wrong}
    return RequestValidationError([said])


def box_of(text: str) -> Box:
    """A box as a parameter has it; raises RequestValidationError."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise wrong_query("bbox", text, "four numbers: west,south,east,north") from None
    if not (abs(west) <= 180 and abs(east) <= 180 and -90 <= south <= north <= 90):
        raise wrong_query("bbox", text, "degrees, west and east within ±180, south <= north within ±90")
    return west, south, east, north


def _span(start: str, end: str) -> tuple[int, int]:
    times = []
    for name, text in (("from", start), ("to", end)):
        try:
            at_ms = instant_ms(text)
        except (ValueError, OverflowError):
            at_ms = END_MS
        if not _TRACK_FIRST_MS <= at_ms <= _TRACK_LAST_MS:
            raise wrong_query(name, text, "a time such as 2025-07-14T08:00:00+08:00")
        times.append(at_ms)
    if not 0 < times[1] - times[0] <= _TRACK_SPAN_MOST_MS:
        raise wrong_query("to", end, "a time after `from`, at most 31 days later")
    return times[0], times[1]


def _is_current(position: Position, people: SiteDirectory, offices: frozenset[str], now_ms: int) -> bool:
    """Whether the device is still that person's, and the person still supervised, by such an office."""
    person = people.bearer(position.device_id, position.person_id, now_ms)
    return person is not None and person.office_id in offices


def _shown(position: Position, people: SiteDirectory, caller: Caller, now_ms: int) -> dict[str, Any]:
    return {
        "device_id": position.device_id,
        "person_id": position.person_id,
        "person_name": caller.shown_name(people.name(position.person_id, now_ms)),
        "office_id": position.office_id,
        "age_s": max(0, now_ms - position.event_ms) // 1000,
        **moving_json(position),
    }


def _fix(fix: TrackFix) -> dict[str, Any]:
    return {
        "device_id": fix.device_id,
        "kind": fix.kind,
        "event_time": instant_text(fix.event_ms),
        "arrival_time": instant_text(fix.arrival_ms),
        "lon": round(fix.lon, 7),
        "lat": round(fix.lat, 7),
        "accuracy_m": fix.accuracy_m,
        "source": fix.source,
    }
