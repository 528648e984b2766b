"""Changes of the site: several rows at once, all or nothing; and who changed what, when and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from console.answers import answer
from console.caller import Caller
from console.changing import (
    CHANGE_ID_MOST,
    REASON_MOST,
    Expected,
    Wish,
    change_json,
    checked_change_id,
    checked_reason,
    etag,
    permitted,
    running_site_of,
    taken,
    wrong_body,
)
from console.gate import Changer, Parts, Present, Reader, Right
from console.live_site import SiteNow
from console.place_routes import wrong_query
from console.site_rows import ShownRows, key_of_edit
from console.visits import OnRecord, Purpose
from geofences.instant import instant_ms
from pipeline.registry.history import HistoryEntry, HistoryFilter
from pipeline.registry.registry import Registry
from pipeline.sites.documents import TABLES, Document
from pipeline.sites.site_versions import FENCES, Key
from sinks.alert import instant_text

router = APIRouter(prefix="/v1/site", tags=["site"])

_OPERATIONS_MOST = 1000
#: Changes looked through for one page; a page may be shorter than it was asked to be, and have a next.
_LOOKED_AT_MOST = 5000
_AT_ONCE = 200


class Operation(BaseModel):
    """One row put in or ended; more of it is checked where the site is."""

    model_config = ConfigDict(extra="forbid")

    op: str = Field(description="`put` or `end`")
    table: str = Field(description="fences, people, devices, offices, leaves, policies or holidays")
    row: dict[str, Any] = Field(description="as in the file; to end one its id is enough")
    effective_at: str | None = Field(None, description="ISO 8601 with offset; null: as soon as it is taken")
    by: str | None = Field(None, description="the caller, or left out")
    reason: str | None = Field(None, description="why, where the change as a whole does not say it")
    if_match: int | None = Field(None, description="the `record` that the row was seen with")

    def plain(self) -> dict[str, Any]:
        """As the desk takes it."""
        given = {"op": self.op, "table": self.table, "row": self.row}
        return given if self.effective_at is None else given | {"effective_at": self.effective_at}

    def key(self) -> Key | None:
        """What it is about, as far as that can be said."""
        cells = self.row.get("properties", self.row) if self.table == FENCES else self.row
        form = TABLES.get(self.table)
        column = "fence_id" if self.table == FENCES else "" if form is None else form.id_column
        name = cells.get(column) if isinstance(cells, dict) else None
        return (self.table, name) if isinstance(name, str) else None


class Changes(BaseModel):
    """Operations that are taken together or not at all, and why they are made."""

    model_config = ConfigDict(extra="forbid")

    operations: list[Operation] = Field(min_length=1, max_length=_OPERATIONS_MOST)
    reason: str | None = Field(None, description=f"on record: 1 to {REASON_MOST} signs")


@router.post(
    "/changes",
    responses={
        403: {"description": "the role may not, or not all of it: `faults` says why"},
        409: {"description": "the site of this server does not change while it runs"},
        412: {"description": "a row is not as `if_match` says: `stands` is what there is"},
        422: {"description": "the site would not be sound: every one of the `faults`; nothing is taken"},
    },
)
def change(
    request: Request,
    body: Changes | list[Operation] | Operation,
    caller: Changer,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="names the change: sent again, it is answered as it was", max_length=CHANGE_ID_MOST
        ),
    ] = None,
) -> Response:
    """Several rows at once, all or nothing: one, an array of them, or an object with `operations`."""
    operations, reason = _said(body)
    _check_by(operations, caller)
    plain = [one.plain() for one in operations]
    wish = Wish(plain, checked_reason(reason), checked_change_id(idempotency_key))
    made = taken(request, wish, {**permitted(request, wish), **_expected(operations)})
    return answer(change_json(made, caller, wish), headers=etag(made.number))


def _said(body: Changes | list[Operation] | Operation) -> tuple[list[Operation], str]:
    if isinstance(body, Changes):
        operations, whole = body.operations, body.reason
    else:
        operations, whole = (body if isinstance(body, list) else [body]), None
    if not 1 <= len(operations) <= _OPERATIONS_MOST:
        raise wrong_body("operations", f"1 to {_OPERATIONS_MOST} operations")
    reasons = [whole, *(one.reason for one in operations)]
    return operations, "; ".join(dict.fromkeys(filter(None, reasons)))


def _check_by(operations: list[Operation], caller: Caller) -> None:
    if any(one.by not in (None, caller.name) for one in operations):
        raise wrong_body("by", f"{caller.name}, whose token this is, or nobody")


def _expected(operations: list[Operation]) -> Expected:
    found: dict[Key, int | None] = {}
    for one in operations:
        key = one.key()
        if one.if_match is not None and key is not None:
            found[key] = one.if_match
    return found


@router.get("/changes", responses={409: {"description": "the site of this server does not change"}})
def history(
    request: Request,
    parts: Parts,
    now: Present,
    caller: Reader,
    visits: OnRecord,
    purpose: Purpose,
    table: Annotated[str | None, Query(description="with `id`: one row")] = None,
    id: Annotated[str | None, Query(description="of a row of `table`")] = None,
    person: Annotated[
        str | None, Query(description="whom it is about, with devices, leaves and fences")
    ] = None,
    by: Annotated[str | None, Query(description="who made it")] = None,
    start: Annotated[str | None, Query(alias="from", description="ISO 8601 with offset")] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 with offset")] = None,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Who changed what of the caller's people and offices, when and why, the newest first.

    That it was read is on record, as an opened person where it is about one.
    """
    if (id is None) != (table is None):
        raise wrong_query("id", id, "`table` and `id` together")
    wanted = HistoryFilter(id, table, by, _instant("from", start), _instant("to", end))
    about = person if person is not None else id if table == "people" else None
    if about is None:
        visits.enter(caller, purpose)
    else:
        visits.open_person(caller, about, purpose)
    shown = ShownRows(caller, now, parts.now_ms())
    key = None if table is None or id is None else (table, id)
    items: list[dict[str, Any]] = []
    last: int | None = None
    registry = running_site_of(request).registry
    for looked, found in enumerate(_changes(registry, before, wanted)):
        if len(items) == limit or looked == _LOOKED_AT_MOST:
            return answer({"items": items, "next": last})
        last = found.number
        item = _item(found, shown, now, caller, registry, key, person)
        if item is not None:
            items.append(item)
    return answer({"items": items, "next": None})


def _changes(registry: Registry, before: int | None, wanted: HistoryFilter) -> Iterator[HistoryEntry]:
    while page := registry.history(wanted, before, _AT_ONCE):
        yield from page
        before = page[-1].number
        if len(page) < _AT_ONCE:
            return


def _item(
    found: HistoryEntry,
    shown: ShownRows,
    now: SiteNow,
    caller: Caller,
    registry: Registry,
    key: Key | None,
    person: str | None,
) -> dict[str, Any] | None:
    """A change as far as it is about what the caller may see and asked for; None where nothing of it is."""
    rows = [(edit, _row_of(edit, found, registry)) for edit in found.edits]
    wanted = [(edit, row) for edit, row in rows if _is_about(edit, row, key, person)]
    edits = [seen for edit, row in wanted if (seen := shown.edit(edit, row)) is not None]
    if not edits:
        return None
    reason = found.reason if caller.may(Right.NAME) else now.directory.mask.text(found.reason)
    said = {"record": found.number, "at": instant_text(found.at_ms), "by": found.by, "reason": reason}
    return said | {"edits": edits}


def _row_of(edit: Mapping[str, Any], found: HistoryEntry, registry: Registry) -> Document | None:
    """What an edit puts in, or what the row that it takes out had said; None where that is not known."""
    if "put" in edit:
        put: Document = edit["put"]
        return put
    table, name = edit["table"], edit["drop"]["id"]
    for earlier in registry.history(HistoryFilter(name, table), found.number, _AT_ONCE):
        for one in reversed(earlier.edits):
            if "put" in one and key_of_edit(one) == (table, name):
                dropped: Document = one["put"]
                return dropped
    return next(iter(registry.versions((table, name))), None)


def _is_about(edit: Mapping[str, Any], row: Document | None, key: Key | None, person: str | None) -> bool:
    if key is not None and key_of_edit(edit) != key:
        return False
    if person is None or key_of_edit(edit) == ("people", person):
        return True
    if row is None:
        return False
    if edit["table"] == FENCES:
        return f"person:{person}" in row["properties"].get("applies_to", ())
    return bool(row.get("person_id") == person)


def _instant(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else instant_ms(text)
    except (ValueError, OverflowError):
        raise wrong_query(name, text, "a time such as 2025-07-14T08:00:00+08:00") from None
