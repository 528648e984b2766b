"""One row of the site in its versions: read by whoever it belongs to, changed and ended with `If-Match`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from console.answers import answer
from console.changing import (
    CHANGE_ID_MOST,
    REASON_MOST,
    Wish,
    change_json,
    checked_change_id,
    checked_reason,
    etag,
    permitted,
    row_answer,
    running_site_of,
    stale,
    taken,
    wrong_body,
)
from console.errors import ConsoleError, PersonUnknown, RowUnknown
from console.gate import Changer, Parts, Present, Reader, caller_of
from console.site_rows import ShownRows
from console.visits import OnRecord, Purpose
from pipeline.sites.documents import TABLES
from pipeline.sites.site_versions import FENCES, Key

router = APIRouter(prefix="/v1", tags=["site"])

_REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {"description": "the role may not, or not this row: `faults` says why"},
    404: {"description": "no such row within the office"},
    409: {"description": "the site of this server does not change while it runs"},
    412: {"description": "the row is not as `If-Match` or `If-None-Match` says: `stands` is what there is"},
    422: {"description": "the site would not be sound: every one of the `faults`; nothing is taken"},
    428: {"description": "the row is there, and `If-Match` does not say as what"},
}
_WHY = f"why; it is put on record: 1 to {REASON_MOST} signs"
#: An ``ETag`` of ours.
_TAG = re.compile(r'"(\d{1,18})"')
_NEVER = -1
Id = Annotated[str, Path(description="of the row")]
IfMatch = Annotated[
    str | None, Header(description="the `ETag` that the row was seen with, or `*`", max_length=200)
]
IfNoneMatch = Annotated[
    str | None, Header(description="`*`: only where there is no such row", max_length=200)
]
IdempotencyKey = Annotated[
    str | None,
    Header(description="names the change: sent again, it is answered as it was", max_length=CHANGE_ID_MOST),
]


class NewRow(BaseModel):
    """A row as it is to be from `effective_at` on: columns of the file, of a fence its feature."""

    model_config = ConfigDict(extra="forbid")

    row: dict[str, Any]
    reason: str = Field(description=_WHY)
    effective_at: str | None = Field(None, description="ISO 8601 with offset; null: as soon as it is taken")


def _add(table: str) -> None:
    """The three routes of a table."""
    path = f"/{table}/{{row_id}}"
    router.add_api_route(path, _read(table), methods=["GET"], responses=_some(403, 404, 409))
    router.add_api_route(path, _put(table), methods=["PUT"], responses=_REFUSALS)
    router.add_api_route(path, _end(table), methods=["DELETE"], responses=_REFUSALS)


def _some(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _REFUSALS[status] for status in statuses}


def _read(table: str) -> Callable[..., Response]:
    def read(
        request: Request,
        row_id: Id,
        parts: Parts,
        now: Present,
        caller: Reader,
        visits: OnRecord,
        purpose: Purpose,
    ) -> Response:
        key = table, row_id
        found = row_answer(request, key, now)
        if found is None:
            raise (
                PersonUnknown(row_id)
                if table == "people"
                else RowUnknown(f"no such row of {table}: {row_id}")
            )
        shown = ShownRows(caller, now, parts.now_ms())
        for person_id in shown.people_of(key, running_site_of(request).registry.versions(key)):
            visits.open_person(caller, person_id, purpose)
        return answer(found, headers=etag(found["record"]))

    read.__name__ = f"read_{table}"
    read.__doc__ = f"One of the {table} in its versions; the `ETag` is what a change of it has to name."
    return read


def _unknown(table: str, row_id: str) -> ConsoleError:
    return PersonUnknown(row_id) if table == "people" else RowUnknown(f"no such row of {table}: {row_id}")


def _put(table: str) -> Callable[..., Response]:
    def put(
        request: Request,
        row_id: Id,
        body: NewRow,
        now: Present,
        caller: Changer,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        is_new = not running_site_of(request).registry.versions((table, row_id))
        if not is_new and row_answer(request, (table, row_id), now) is None:
            raise _unknown(table, row_id)
        operation = {"op": "put", "table": table, "row": _named(table, row_id, body.row)}
        change_id = checked_change_id(idempotency_key)
        wish = Wish([operation | _effective(body.effective_at)], checked_reason(body.reason), change_id)
        seen = Seen.by(if_match, if_none_match)
        return _changed(request, (table, row_id), wish, seen, 201 if is_new else 200)

    put.__name__ = f"put_{table}"
    put.__doc__ = f"Puts in one of the {table}, or its next version, which begins at `effective_at`."
    return put


def _end(table: str) -> Callable[..., Response]:
    def end(
        request: Request,
        row_id: Id,
        now: Present,
        caller: Changer,
        reason: Annotated[str, Query(description=_WHY, min_length=1, max_length=REASON_MOST)],
        effective_at: Annotated[str | None, Query(description="ISO 8601 with offset")] = None,
        if_match: IfMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        operation = {"op": "end", "table": table, "row": _named(table, row_id, None)}
        if row_answer(request, (table, row_id), now) is None:
            raise _unknown(table, row_id)
        change_id = checked_change_id(idempotency_key)
        wish = Wish([operation | _effective(effective_at)], checked_reason(reason), change_id)
        return _changed(request, (table, row_id), wish, Seen.by(if_match), 200)

    end.__name__ = f"end_{table}"
    end.__doc__ = f"Ends one of the {table}: it holds up to `effective_at`, and stays known with its time."
    return end


def _changed(request: Request, key: Key, wish: Wish, seen: Seen, status: int) -> Response:
    """The change of one row, where it stands as its changer saw it."""
    grounds = permitted(request, wish)
    stands = running_site_of(request).registry.made_by(key)
    if seen.is_unsaid and stands is not None:
        raise stale(request, key, "say with If-Match which version you saw", 428)
    record = stands if seen.is_any and stands is not None else seen.record
    change = taken(request, wish, {**grounds, key: record})
    now_record = stands if change.number is None else change.number
    return answer(change_json(change, caller_of(request), wish), status, etag(now_record))


@dataclass(frozen=True, slots=True)
class Seen:
    """How somebody saw a row: the record that had made it, None where they saw none."""

    record: int | None = None
    is_any: bool = False
    is_unsaid: bool = False

    @classmethod
    def by(cls, if_match: str | None, if_none_match: str | None = None) -> Self:
        """As the headers of a request say it. Raises RequestValidationError."""
        if if_none_match is not None:
            if if_none_match.strip() != "*":
                raise wrong_body("If-None-Match", "`*`")
            return cls()
        if if_match is None:
            return cls(is_unsaid=True)
        found = _TAG.fullmatch(if_match.strip())
        # A tag that is none of ours was never given to anybody for any row.
        return cls(int(found[1]) if found else _NEVER, is_any=if_match.strip() == "*")


def _effective(at: str | None) -> dict[str, Any]:
    return {} if at is None else {"effective_at": at}


def _named(table: str, row_id: str, row: dict[str, Any] | None) -> dict[str, Any]:
    """The row under the id of its address. Raises RequestValidationError where it names another."""
    column = "fence_id" if table == FENCES else TABLES[table].id_column
    if row is None:
        return {column: row_id}
    cells = row.get("properties") if table == FENCES else row
    if not isinstance(cells, dict):
        return row  # a fault of the row, told with its others
    if cells.get(column, row_id) != row_id:
        raise wrong_body("row", f"the {column} of the address, or none")
    named = {**cells, column: row_id}
    return {**row, "properties": named} if table == FENCES else named


for _table in (*TABLES, FENCES):
    _add(_table)
