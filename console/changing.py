"""A change of the site on its way from a request to the desk, and what comes of it as an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from console.answers import answer
from console.caller import Caller
from console.errors import BadBody, NotAllowed, Refused
from console.gate import caller_of, parts_of, site_of
from console.live_site import LiveSite, SiteNow
from console.site_rights import ChangeRights, Forbidden
from console.site_rows import ShownRows
from pipeline.ingest.change_desk import Answer
from pipeline.ingest.running_site import RunningSite
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.operations import read_operations
from pipeline.sites.site_versions import Key
from sinks.alert import instant_text
from sinks.plain_text import plain_text, plain_text_expected

REASON_MOST = 1000
#: The code of a fault that says only that somebody else was faster.
CHANGED_MEANWHILE = "changed_meanwhile"
#: Letters of a name that a sender gives a change, to send it again without doing it twice.
CHANGE_ID_MOST = 100
#: How long an answer waits until the console itself goes by the change.
_FOLLOWS_WITHIN_S = 10.0

#: What a row must be by now: the record that made it, None: it must not be there.
Expected = Mapping[Key, int | None]


class SiteFixed(Refused):
    """This server's site is a directory that nobody changes while it runs."""

    status = 409


class NotYours(NotAllowed):
    """A change that its asker may not make: each of its operations with why."""

    def __init__(self, forbidden: Sequence[Forbidden], caller: Caller) -> None:
        super().__init__("; ".join(f"operation {one.operation + 1}: {one.wrong}" for one in forbidden))
        self.caller = caller
        self.faults = [asdict(one) for one in forbidden]


class Precondition(Refused):
    """A row is not what its changer says it is: ``stands`` is what the caller may see of it."""

    status = 412

    def __init__(self, text: str, status: int, stands: dict[str, Any] | None, record: int | None) -> None:
        super().__init__(text)
        self.status = status
        self.stands = stands
        self.record = record


def running_site_of(request: Request) -> RunningSite:
    """Who takes changes. Raises SiteFixed where nobody does."""
    running = parts_of(request).running_site
    if running is None:
        raise SiteFixed("the site of this server is a directory; it does not change while it runs")
    return running


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants changed, and why."""

    operations: Sequence[Any]
    reason: str
    change_id: str | None = None


def permitted(request: Request, wish: Wish) -> Expected:
    """The rows that the asker's right to the change hangs on, as they are now. Raises NotYours."""
    caller, registry = caller_of(request), running_site_of(request).registry
    rights = ChangeRights(caller, site_of(request), registry, parts_of(request).now_ms())
    # What cannot be read is no operation, and is refused as such when it comes to the desk.
    forbidden = rights.forbidden(read_operations(wish.operations, []))
    if forbidden:
        raise NotYours(forbidden, caller)
    return {key: registry.made_by(key) for key in rights.looked_at}


def taken(request: Request, wish: Wish, expected: Expected) -> Answer:
    """The change once it is durable and the console goes by it; ``expected`` holds what it hangs on.

    Raises ChangeRefused and RequestValidationError; then nothing is taken.
    """
    name = caller_of(request).name
    change = running_site_of(request).submit(
        wish.operations,
        by=name,
        reason=wish.reason,
        id=None if wish.change_id is None else f"{name}:{wish.change_id}",
        expected=expected,
    )
    if change.number is not None:
        live_site: LiveSite = request.app.state.live_site
        live_site.wait_for(change.number, _FOLLOWS_WITHIN_S)
    return change


def checked_reason(given: str) -> str:
    """Why a change is made, as it goes on record. Raises RequestValidationError."""
    reason = plain_text(given, REASON_MOST)
    if reason is None:
        raise wrong_body("reason", f"why, on record: {plain_text_expected(REASON_MOST)}")
    return reason


def row_answer(request: Request, key: Key, now: SiteNow) -> dict[str, Any] | None:
    """A row in its versions as the caller may see it; None where none is theirs."""
    registry = running_site_of(request).registry
    shown = ShownRows(caller_of(request), now, parts_of(request).now_ms())
    versions = shown.versions(key, registry.versions(key))
    if not versions:
        return None
    return {"table": key[0], "id": key[1], "record": registry.made_by(key), "versions": versions}


def stale(request: Request, key: Key, text: str | None = None, status: int = 412) -> Precondition:
    """The refusal of whoever changes a row that is not as they saw it; with what stands there."""
    live_site: LiveSite = request.app.state.live_site
    stands = row_answer(request, key, live_site.now)
    record = None if stands is None else stands["record"]
    said = text or f"{key[0]} {key[1]} is not as you saw it; look at what stands there now"
    return Precondition(said, status, stands, record)


def change_json(change: Answer, caller: Caller, wish: Wish) -> dict[str, Any]:
    """What whoever made a change is told."""
    return {
        "record": change.number,
        "at": instant_text(change.at_ms),
        "by": caller.name,
        "reason": wish.reason,
        "edits": list(change.edits),
    }


def etag(record: int | None) -> dict[str, str]:
    """The header by which a later change says what it is about."""
    return {} if record is None else {"ETag": f'"{record}"'}


def refused_answer(request: Request, error: ChangeRefused) -> Response:
    """All faults of a change, one entry each; 412 where it is only that somebody was faster."""
    stale_rows = [fault for fault in error.faults if str(fault.code) == CHANGED_MEANWHILE]
    if len(stale_rows) == len(error.faults):
        return precondition_answer(stale(request, (stale_rows[0].table, stale_rows[0].id)))
    lines = str(error).splitlines()
    detail = lines[0] if len(lines) == 1 else f"{len(lines)} faults; nothing is taken. {lines[0]}"
    return answer({"detail": detail, "faults": [fault.as_json() for fault in error.faults]}, 422)


def precondition_answer(error: Precondition) -> Response:
    """What stands there instead, as far as its asker may see it."""
    return answer({"detail": str(error), "stands": error.stands}, error.status, etag(error.record))


def wrong_body(name: str, expected: str) -> RequestValidationError:
    """The refusal of a part of a body whose type is right and whose value is not."""
    return RequestValidationError(
        [{"type": "value_error", "loc": ("body", name), "msg": f"expected {expected}"}]
    )


def checked_change_id(given: str | None) -> str | None:
    """What a sender calls its change. Raises BadBody."""
    if given is not None and (not given.strip() or len(given) > CHANGE_ID_MOST or not given.isprintable()):
        raise BadBody(f"Idempotency-Key: expected 1 to {CHANGE_ID_MOST} printable signs")
    return given
