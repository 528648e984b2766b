"""The board over HTTP: alerts by pages, one with its timeline, and the steps people take."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from console.answers import answer as answer
from console.caller import Caller
from console.gate import Parts, People, Reader, Right, Worker
from console.parts import ConsoleParts
from console.site_directory import SiteDirectory
from console.visits import OnRecord, Purpose
from pipeline.rules.catalogue import RULE_OF
from sinks.disposal import (
    PAGE_MAX,
    AlertFilter,
    Order,
    Outcome,
    QueueItem,
    Search,
    State,
    TransitionRefused,
    WrongInput,
    item_json,
)

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

#: The longest part of an id or a name that is looked for.
QUERY_MOST = 100

Key = Annotated[str, Path(description="32 hex digits")]

#: What a step may be refused for.
REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {"description": "the role may not"},
    404: {"description": "no such alert within the office"},
    409: {"description": "another was first, or the state does not allow it: `state`, `holder`, `alert`"},
}


class Choice(BaseModel):
    """Which alerts; a filter may be repeated, nothing given means all."""

    model_config = ConfigDict(extra="forbid")

    state: list[State] = []
    kind: list[str] = Field([], description=f"such as {', '.join(RULE_OF)}")
    severity: list[Annotated[int, Field(ge=1, le=4)]] = []
    office: str | None = Field(None, description="this office and all below it")
    person: str | None = None
    withdrawn: bool | None = None
    q: str | None = Field(
        None, max_length=QUERY_MOST, description="a part of a person's id, or of a name where names are seen"
    )
    holder: str | None = Field(None, description="who is at work on it")
    mine: bool = Field(False, description="what the caller is at work on")

    def of(self, caller: Caller, people: SiteDirectory) -> AlertFilter:
        """The same as the queue takes it, within the caller's office.

        Who may not see names finds nobody by one: else every answer would tell a letter of it.
        """
        if self.mine and self.holder not in (None, caller.name):
            raise WrongInput("holder", repr(self.holder), "none beside `mine`")
        return AlertFilter(
            states=self.state,
            kinds=self.kind,
            severities=self.severity,
            office=self.office,
            person_id=self.person,
            withdrawn=self.withdrawn,
            search=self._search(caller, people),
            holder=caller.name if self.mine else self.holder,
            scope=caller.office,
        )

    def _search(self, caller: Caller, people: SiteDirectory) -> Search | None:
        text = (self.q or "").strip()
        if not text:
            return None
        return Search(text, people.named(text, caller.offices) if caller.may(Right.NAME) else ())


class Chosen(Choice):
    """A page of a choice."""

    cursor: str | None = Field(None, description="`next` of the page before")
    limit: int = Field(100, ge=1, le=PAGE_MAX)
    evidence: bool = Field(True, description="false: `evidence` is empty, as a board wants it")
    purpose: str | None = Field(None, description="what for; it is put on record")
    order: Order = Field(Order.URGENT, description="of what is not closed; what is closed follows")

    def page(self) -> dict[str, Any]:
        """Which page, as the queue takes it."""
        return {"cursor": self.cursor, "limit": self.limit, "order": self.order}


class Verification(BaseModel):
    """What checking the alert found; a false one wants a reason: one of `reasons` of `/v1/site`, or words."""

    verdict: Literal["true", "false", "unverifiable"]
    reason: str | None = None


class Correction(Verification):
    """Another verdict than before, and why."""

    because: str | None = Field(None, description="in words; needed")


class Disposal(BaseModel):
    """What was done about it."""

    outcome: Outcome
    note: str | None = None


@router.get("")
def alerts(
    chosen: Annotated[Chosen, Query()],
    parts: Parts,
    people: People,
    caller: Reader,
    visits: OnRecord,
    purpose: Purpose,
) -> Response:
    """Alerts, open and unhandled first: `{"items": [...], "next": cursor or null}`.

    With their evidence, which is where people were, the visit is put on record.
    """
    if chosen.evidence:
        visits.enter(caller, purpose)
    page = parts.queue.alerts(chosen.of(caller, people), now_ms=parts.now_ms(), **chosen.page())
    items = [shown(item, caller, people) for item in page.items]
    if not chosen.evidence:
        for item in items:
            item["evidence"] = []
    return answer({"items": items, "next": page.next})


@router.get("/{alert_key}", responses={404: REFUSALS[404]})
def alert(
    alert_key: Key, parts: Parts, people: People, caller: Reader, visits: OnRecord, purpose: Purpose
) -> Response:
    """One alert with everything that happened to it, oldest first; who opened it is put on record."""
    report = standing(alert_key, parts, people, caller)
    visits.open_person(caller, report["person_id"], purpose)
    return answer(report)


@router.post("/{alert_key}/claim", responses=REFUSALS)
def claim(alert_key: Key, parts: Parts, people: People, caller: Worker) -> Response:
    """Take it up; exactly one of many wins."""
    parts.queue.claim(alert_key, **acting(parts, caller), lease_ms=parts.lease_ms)
    return answer(standing(alert_key, parts, people, caller))


@router.post("/{alert_key}/renew", responses=REFUSALS)
def renew(alert_key: Key, parts: Parts, people: People, caller: Worker) -> Response:
    """Hold on to it for another lease."""
    parts.queue.renew(alert_key, **acting(parts, caller), lease_ms=parts.lease_ms)
    return answer(standing(alert_key, parts, people, caller))


@router.post("/{alert_key}/release", responses=REFUSALS)
def release(alert_key: Key, parts: Parts, people: People, caller: Worker) -> Response:
    """Give it back."""
    parts.queue.release(alert_key, **acting(parts, caller))
    return answer(standing(alert_key, parts, people, caller))


@router.post("/{alert_key}/verify", responses=REFUSALS)
def verify(alert_key: Key, body: Verification, parts: Parts, people: People, caller: Worker) -> Response:
    """Say whether it is true."""
    parts.queue.verify(alert_key, **acting(parts, caller), verdict=body.verdict, reason=body.reason)
    return answer(standing(alert_key, parts, people, caller))


@router.post("/{alert_key}/correct", responses=REFUSALS)
def correct(alert_key: Key, body: Correction, parts: Parts, people: People, caller: Worker) -> Response:
    """Replace the verdict until the alert is disposed of; the timeline keeps both."""
    parts.queue.correct(
        alert_key,
        **acting(parts, caller),
        verdict=body.verdict,
        reason=body.reason,
        because=body.because,
    )
    return answer(standing(alert_key, parts, people, caller))


@router.post("/{alert_key}/dispose", responses=REFUSALS)
def dispose(alert_key: Key, body: Disposal, parts: Parts, people: People, caller: Worker) -> Response:
    """Say what was done about it."""
    parts.queue.dispose(alert_key, **acting(parts, caller), outcome=body.outcome, note=body.note)
    return answer(standing(alert_key, parts, people, caller))


@router.post("/{alert_key}/close", responses=REFUSALS)
def close(alert_key: Key, parts: Parts, people: People, caller: Worker) -> Response:
    """Put a disposed alert away."""
    parts.queue.close(alert_key, **acting(parts, caller))
    return answer(standing(alert_key, parts, people, caller))


def refusal(error: TransitionRefused, caller: Caller, people: SiteDirectory) -> dict[str, Any]:
    """What whoever came second is told."""
    return {
        "detail": str(error),
        "state": error.state,
        "holder": error.holder,
        "alert": shown(error.item, caller, people),
    }


def shown(item: QueueItem, caller: Caller, people: SiteDirectory) -> dict[str, Any]:
    """An alert as the caller may see it."""
    alert = item.alert
    name = people.name(alert.person_id, alert.raised_ms)
    kind = people.device_kind(alert.device_id, alert.onset_ms)
    report = item_json(item)
    own = [people.is_seen_by(caller.offices, alert.person_id, fix.event_ms) for fix in alert.evidence]
    report["evidence"] = [fix for fix, is_own in zip(report["evidence"], own, strict=True) if is_own]
    if not caller.may(Right.NAME):
        report = people.mask.item(report)
    return report | {
        "person_name": caller.shown_name(name),
        "device_kind": kind,
        "evidence_elsewhere": own.count(False),
        "near": people.gazetteer.near(alert.lon, alert.lat),
    }


def acting(parts: ConsoleParts, caller: Caller) -> dict[str, Any]:
    """Who takes a step, for which office, and when."""
    return {"actor": caller.name, "office": caller.office, "now_ms": parts.now_ms()}


def standing(alert_key: str, parts: ConsoleParts, people: SiteDirectory, caller: Caller) -> dict[str, Any]:
    """How an alert now stands, as the caller may see it."""
    item = parts.queue.alert(alert_key, now_ms=parts.now_ms(), office=caller.office)
    return shown(item, caller, people)
