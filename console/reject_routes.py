"""Rows that were refused, for whoever keeps the devices going or answers for a person who wears one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from console.alert_routes import answer
from console.caller import Caller
from console.gate import Parts, People, Right, Watcher
from console.place_routes import wrong_query
from console.site_directory import SiteDirectory
from console.visits import OnRecord, Purpose
from geofences.instant import instant_ms
from sinks.alert import instant_text
from sinks.rejects import PAGE_MOST, RejectedRow, RejectFilter, without_position

router = APIRouter(prefix="/v1", tags=["rejects"])

_DAY_MS = 86_400_000
_INTEGER_MOST = 2**63 - 1


class Wanted(BaseModel):
    """Which refused rows; nothing given means all."""

    model_config = ConfigDict(extra="forbid")

    device: str | None = Field(None, description="whom the row names, or who sent it")
    reason: str | None = None
    since: str | None = Field(None, description="ISO 8601 with offset")
    before: int | None = Field(None, ge=1, le=_INTEGER_MOST, description="`next` of the page before")
    limit: int = Field(100, ge=1, le=PAGE_MOST)
    purpose: str | None = Field(None, description="what for; it is put on record")


@router.get("/rejects")
def rejects(
    wanted: Annotated[Wanted, Query()],
    parts: Parts,
    people: People,
    caller: Watcher,
    visits: OnRecord,
    purpose: Purpose,
) -> Response:
    """Refused rows, newest first, and how many of the last day there are by reason.

    Whoever sees people gets the rows of devices that are bound to people of their offices, as they came. An
    operator gets all of them, with signs in place of the digits of a position.
    """
    now_ms = parts.now_ms()
    if caller.may(Right.SEE):  # rows as they came say where people were
        visits.enter(caller, purpose)
    chosen = RejectFilter(wanted.device, wanted.reason, _since_ms(wanted.since), wanted.before)
    sees_people = caller.may(Right.SEE)
    found: list[RejectedRow] = []
    more: int | None = wanted.before
    # An office has few devices among all of them: pages are read until one of theirs is full.
    while len(found) < wanted.limit:
        page = parts.rejects.rows(
            RejectFilter(chosen.device_id, chosen.reason, chosen.since_ms, more), limit=PAGE_MOST
        )
        found += [row for row in page if not sees_people or _is_theirs(row, people, caller)]
        more = page[-1].reject_id if len(page) == PAGE_MOST else None
        if more is None:
            break
    shown = found[: wanted.limit]
    is_last = more is None and len(found) <= wanted.limit
    return answer(
        {
            "items": [_shown(row, is_masked=not sees_people) for row in shown],
            "next": None if is_last or not shown else shown[-1].reject_id,
            "last_day": None if sees_people else parts.rejects.counts(now_ms - _DAY_MS),
        }
    )


def _since_ms(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return instant_ms(text)
    except (ValueError, OverflowError):
        raise wrong_query("since", text, "a time such as 2025-07-14T08:00:00+08:00") from None


def _is_theirs(row: RejectedRow, people: SiteDirectory, caller: Caller) -> bool:
    """Whether the row's device was bound to a person of the caller's offices when it came."""
    if row.device_id is None:
        return False
    person_id = people.bound_to(row.device_id, row.at_ms)
    person = None if person_id is None else people.person(person_id, row.at_ms)
    return person is not None and person.office_id in caller.offices


def _shown(row: RejectedRow, *, is_masked: bool) -> dict[str, Any]:
    return {
        "id": row.reject_id,
        "at": instant_text(row.at_ms),
        "source": row.source,
        "place": row.place,
        "reason": row.reason,
        "device_id": row.device_id,
        "sender": row.sender,
        "raw": without_position(row.raw) if is_masked else row.raw,
    }
