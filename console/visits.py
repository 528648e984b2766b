"""Who looks at where people are: on record before anything is shown, once a visit and not once a look."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from console.answers import answer
from console.caller import Caller
from console.errors import NotRecorded
from console.gate import Reader
from console.parts import ConsoleParts
from sinks.access_log import PURPOSE_MOST, Access, Look, PurposeMissing
from sinks.errors import SinkFailed
from sinks.plain_text import plain_text, plain_text_expected

#: Says what a visit is for: UTF-8, percent-encoded, as a header can hold nothing but Latin letters.
PURPOSE_HEADER = "X-Purpose"
_WHAT_FOR = f"what the visit is for: {plain_text_expected(PURPOSE_MOST)}, kept on record"
#: A visit is put on record again after so long.
VISIT_MS = 30 * 60_000
#: So many refused reads of one caller are put on record one by one in that time, and the rest as one.
REFUSED_MOST = 1000
FURTHER = "further ones within half an hour"
#: Visits remembered at a time; forgetting one only means that it is put on record once more.
_VISITS_MOST = 50_000

_Visit = tuple[str, Look, str | None, str | None, str | None]


class Visits:
    """What is on record already of the visits that go on; every method may block for a write to the disk."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._accesses = parts.accesses
        self._now_ms = parts.now_ms
        self._real_now_ms = parts.real_now_ms
        self._mutex = threading.Lock()
        self._until_ms: dict[_Visit, int] = {}
        self._refused: Counter[str] = Counter()
        self._counted_until_ms = 0

    def enter(self, caller: Caller, purpose: str | None) -> None:
        """Somebody looks at where their office's people are. Raises NotRecorded."""
        self._once(caller, Look.VISIT, purpose)

    def open_person(self, caller: Caller, person_id: str, purpose: str | None) -> None:
        """Somebody opens one person. Raises NotRecorded."""
        self._once(caller, Look.PERSON, purpose, person_id=person_id)

    def refuse(self, caller: Caller, route: str, status: int, person_id: str | None = None) -> None:
        """Somebody was refused something. Raises NotRecorded."""
        name = caller.name
        with self._mutex:
            now_ms = self._real_now_ms()
            if now_ms >= self._counted_until_ms:
                self._refused.clear()
                self._counted_until_ms = now_ms + VISIT_MS
            self._refused[name] += 1
            is_further = self._refused[name] > REFUSED_MOST
        if is_further:
            route, person_id = FURTHER, None
        self._once(caller, Look.REFUSED, None, person_id=person_id, route=route, status=status)

    def _once(
        self,
        caller: Caller,
        kind: Look,
        purpose: str | None,
        *,
        person_id: str | None = None,
        route: str | None = None,
        status: int = 200,
    ) -> None:
        visit = (caller.name, kind, purpose, person_id, route)
        with self._mutex:
            now_ms = self._real_now_ms()
            if now_ms < self._until_ms.get(visit, now_ms) <= now_ms + VISIT_MS:
                return
            identity = caller.identity
            access = Access(
                at_ms=self._now_ms(),
                actor=caller.name,
                role=identity.role.value,
                office_id=identity.office_id,
                person_id=person_id,
                from_ms=None,
                to_ms=None,
                purpose=purpose,
                kind=kind,
                route=route,
                answer=status,
            )
            recorded(self._accesses.record, access)
            self._forget_some(now_ms)
            self._until_ms[visit] = now_ms + VISIT_MS

    def _forget_some(self, now_ms: int) -> None:
        if len(self._until_ms) >= _VISITS_MOST:
            lasting = {visit: until for visit, until in self._until_ms.items() if until > now_ms}
            self._until_ms = lasting if len(lasting) < _VISITS_MOST else {}


def recorded(record: Callable[[Access], int], access: Access) -> int:
    """Puts a look on record. Raises NotRecorded where it cannot be: then nothing may be shown."""
    try:
        return record(access)
    except SinkFailed as error:
        raise NotRecorded(
            "who looks at people is put on record, which fails at present; nothing is shown"
        ) from error


async def recorded_refusal(
    request: Request,
    caller: Caller,
    status: int,
    detail: str,
    person_id: str | None = None,
    *,
    more: Mapping[str, object] | None = None,
) -> Response:
    """The answer to somebody who is known and may not do or see what they asked; it is on record by then."""
    route = f"{request.method} {request.url.path}"
    try:
        await run_in_threadpool(visits_of(request).refuse, caller, route, status, person_id)
    except NotRecorded as error:
        return answer({"detail": str(error)}, error.status, {"Retry-After": "5"})
    return answer({"detail": detail, **(more or {})}, status)


def purpose_of(
    in_header: Annotated[
        str | None, Header(alias=PURPOSE_HEADER, description=f"{_WHAT_FOR}; UTF-8, percent-encoded")
    ] = None,
    in_query: Annotated[
        str | None, Query(alias="purpose", description=f"{_WHAT_FOR}; the header counts where both are given")
    ] = None,
) -> str | None:
    """What a request says it is for, by header or parameter; None: nothing. Raises PurposeMissing."""
    given = in_query if in_header is None else unquote(in_header)
    if given is None or not given.strip():
        return None
    purpose = plain_text(given, PURPOSE_MOST)
    if purpose is None:
        raise PurposeMissing(f"purpose: expected {plain_text_expected(PURPOSE_MOST)}")
    return purpose


def visits_of(request: Request) -> Visits:
    """What is on record of the visits that go on."""
    visits: Visits = request.app.state.visits
    return visits


Purpose = Annotated[str | None, Depends(purpose_of)]
OnRecord = Annotated[Visits, Depends(visits_of)]


def _visiting(visits: OnRecord, caller: Reader, purpose: Purpose) -> Caller:
    visits.enter(caller, purpose)
    return caller


#: A caller who may see people, and whose visit is on record.
Visitor = Annotated[Caller, Depends(_visiting)]
