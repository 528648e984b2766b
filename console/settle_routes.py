"""Plain cases in one step, one alert or many: each is a person's step, in that name, with a reason."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from console.alert_routes import REFUSALS, Key, acting, answer, refusal, standing
from console.caller import Caller
from console.gate import Parts, People, Worker
from console.parts import ConsoleParts
from console.site_directory import SiteDirectory
from sinks.disposal import AlertUnknown, Outcome, Settlement, TransitionRefused

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

#: Each alert is a transaction of its own; so many are done before a page loses patience.
KEYS_MOST = 500


class PlainCase(BaseModel):
    """What is said of the alert; by default that it was false, which wants a reason."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["true", "false", "unverifiable"] = "false"
    reason: str | None = None
    outcome: Outcome = Outcome.FALSE_ALARM
    note: str | None = None

    def settlement(self, together: int) -> Settlement:
        """The same for the queue; raises WrongInput where it could never be said."""
        return Settlement(self.verdict, self.reason, self.outcome, self.note, together)


class PlainCases(PlainCase):
    """The same of several alerts."""

    keys: Annotated[list[str], Field(min_length=1, max_length=KEYS_MOST)]


@router.post("/{alert_key}/settle", responses=REFUSALS)
def settle(alert_key: Key, body: PlainCase, parts: Parts, people: People, caller: Worker) -> Response:
    """Claim, verify, dispose of and close at once: all of it or nothing, with every entry of the timeline."""
    parts.queue.settle(alert_key, body.settlement(1), **acting(parts, caller))
    return answer(standing(alert_key, parts, people, caller))


@router.post("/settle")
def settle_many(body: PlainCases, parts: Parts, people: People, caller: Worker) -> Response:
    """The same for alerts that cleared themselves or were withdrawn, each by itself; an answer for each.

    `{"settled": n, "items": [{"alert_key", "status", "detail", "state", "holder"}]}`: a `status` of 200 is
    settled, 404 and 409 are as for one alert. More than one open alert is never settled unseen: 409.
    """
    keys = list(dict.fromkeys(body.keys))
    said = body.settlement(len(keys))
    items = [_settled(key, said, parts, people, caller) for key in keys]
    return answer({"settled": sum(item["status"] == 200 for item in items), "items": items})


def _settled(
    key: str, said: Settlement, parts: ConsoleParts, people: SiteDirectory, caller: Caller
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "alert_key": key,
        "status": 200,
        "detail": None,
        "state": "closed",
        "holder": None,
    }
    try:
        parts.queue.settle(key, said, **acting(parts, caller))
    except AlertUnknown as error:
        return report | {"status": 404, "detail": str(error), "state": None}
    except TransitionRefused as error:
        why = refusal(error, caller, people)
        return report | {"status": 409} | {name: why[name] for name in ("detail", "state", "holder")}
    return report
