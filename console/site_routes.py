"""What the page needs besides alerts and places: fences, offices, clocks, how far behind we are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Request, Response

from console.alert_routes import answer
from console.caller import Caller
from console.county_lines import county_lines
from console.gate import Parts, Present, Reader, Right, Watcher
from console.liveness import liveness_json
from console.metrics import engine_report, tick_lag_s
from console.parts import ConsoleParts
from console.site_directory import SiteDirectory
from console.site_map import fence_features, seen_fences
from pipeline.rules.catalogue import RULES
from pipeline.rules.rule import Rule
from sinks.alert import instant_text
from sinks.disposal import PLAIN_OUTCOMES, Reason, Verdict, fitting_outcomes, stats_json

router = APIRouter(prefix="/v1", tags=["site"])


@router.get("/site")
def site(parts: Parts, now: Present, caller: Reader) -> Response:
    """A FeatureCollection of the fences that judge the caller's people, and the caller's offices.

    `number` is another one after each change of the site; `/v1/status` says which is the present one.
    """
    now_ms, people = parts.now_ms(), now.directory
    policy = now.site.policies.at(now_ms)
    seen = seen_fences(now.site.fences, people, caller, now_ms)
    return answer(
        {
            "type": "FeatureCollection",
            "number": now.number,
            "features": list(fence_features(seen, people, caller, now_ms)),
            "offices": _offices(people, caller),
            "policy_version": policy.version,
            "timezone": policy.timezone,
            "classes": sorted(policy.windows),
            "counties": county_lines(seen),
            "places_attribution": people.gazetteer.attribution,
            "silence": {kind: [ms / 1000 for ms in levels] for kind, levels in policy.silence_ms.items()},
            "outcomes": {verdict.value: list(fitting_outcomes(verdict)) for verdict in Verdict},
            "plain_outcomes": list(PLAIN_OUTCOMES),
            "reasons": list(Reason),
            "rules": [_rule(rule) for rule in RULES],
        }
    )


@router.get("/status")
def status(request: Request, parts: Parts, present: Present, caller: Watcher) -> Response:
    """The clock and how fast it runs, how old what is shown is, how far behind the engine is."""
    now_ms, people = parts.now_ms(), present.directory
    newest_ms = parts.positions.newest_arrival_ms()
    return answer(
        {
            "now": instant_text(now_ms),
            "clock": parts.clock_text,
            "simulated": parts.is_simulated,
            "speed": parts.speed,
            "lease_s": parts.lease_ms / 1000,
            "data_age_s": None if newest_ms is None else max(0, now_ms - newest_ms) / 1000,
            "liveness": liveness_json(request.app.state.live, _watched(people, caller), now_ms),
            "engine": _engine(parts, now_ms),
            "queue": _queue(parts, caller, now_ms),
            "you": _identity(caller, people),
            "site": present.number,
            "version": parts.version,
        }
    )


def _watched(people: SiteDirectory, caller: Caller) -> Collection[str]:
    """Whose devices are counted: the caller's offices'; everybody's for whoever keeps the system running."""
    return caller.offices if caller.may(Right.SEE) else people.offices.keys()


def _rule(rule: Rule) -> dict[str, Any]:
    """What the page calls a rule and how it says why an alert fired, in Chinese and English."""
    return {
        "kind": rule.kind,
        "name": [rule.name.zh, rule.name.en],
        "sentence": [rule.sentence.zh, rule.sentence.en],
    }


def _offices(people: SiteDirectory, caller: Caller) -> list[dict[str, Any]]:
    return [
        {
            "office_id": office.office_id,
            "parent_id": office.parent_id if office.parent_id in caller.offices else None,
            "name": office.name,
            "level": office.level,
        }
        for office in people.offices.values()
        if office.office_id in caller.offices
    ]


def _engine(parts: ConsoleParts, now_ms: int) -> dict[str, Any] | None:
    """What the engine told last; None where it never told anything."""
    figures = engine_report(parts)
    if figures is None:
        return None
    return {
        "clock": None if figures.clock_ms is None else instant_text(figures.clock_ms),
        "lag_s": tick_lag_s(figures, now_ms),
        "lag_records": max(0, parts.log.end_offset - figures.offset),
        "report_age_s": max(0, now_ms - figures.at_ms) / 1000,
    }


def _queue(parts: ConsoleParts, caller: Caller, now_ms: int) -> dict[str, Any] | None:
    if not caller.may(Right.SEE):
        return None
    return stats_json(parts.queue.stats(now_ms=now_ms, office=caller.office))


def _identity(caller: Caller, people: SiteDirectory) -> dict[str, Any]:
    identity = caller.identity
    office = people.offices.get(identity.office_id or "")
    return {
        "name": identity.name,
        "role": identity.role.value,
        "office_id": identity.office_id,
        "office_name": None if office is None else office.name,
        "may_act": caller.may(Right.ACT),
    }
