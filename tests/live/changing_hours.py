"""Changes of the site amid eventful hours: people, devices, fences, leaves, offices, policies come and go."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import httpx2
from live.eventful_hours import PLACES, POLICY, Step
from live_system import LiveSystem, until
from site_operations import Op, end, put

from sinks.alert import instant_text

#: Until the next change is made, in steps of the stream.
EVERY_STEPS = 4
MINUTE_MS = 60_000


def _person(number: int, **cells: str) -> dict[str, str]:
    found = {"person_id": f"P{number}", "name": f"Person {number}", "office_id": "O1", "class": "strict"}
    return found | cells


def _county(east: float) -> Op:
    ring = [[106, 29], [east, 29], [east, 30], [106, 30], [106, 29]]
    return put(
        "fences",
        type="Feature",
        properties={"fence_id": "county", "rule": "keep_in", "applies_to": ["all"]},
        geometry={"type": "Polygon", "coordinates": [ring]},
    )


def _market(radius_m: int, **properties: Any) -> Op:
    given = {
        "fence_id": "market",
        "rule": "keep_out",
        "applies_to": ["class:general", "office:O1"],
        "radius_m": radius_m,
    }
    return put(
        "fences",
        type="Feature",
        properties=given | properties,
        geometry={"type": "Point", "coordinates": list(PLACES["home"])},
    )


def _leave(leave_id: str, person: int, from_ms: int, to_ms: int) -> Op:
    lon, lat = PLACES["away"]
    return put(
        "leaves", leave_id=leave_id, person_id=f"P{person}", valid_from=instant_text(from_ms),
        valid_to=instant_text(to_ms), category="medical", lon=lon, lat=lat, radius_m=5000,
    )  # fmt: skip


def _policy(version: str, at_ms: int, **boundary: Any) -> Op:
    """The policy of the beginning with other thresholds for places."""
    row = {**tomllib.loads(POLICY), "version": version, "boundary": boundary}
    return put("policies", at=instant_text(at_ms), **row)


def _office(parent_id: str, at_ms: int) -> Op:
    return put(
        "offices", at=instant_text(at_ms), office_id="O2", parent_id=parent_id, name="Two",
        level="judicial_office",
    )  # fmt: skip


def changes_at(at_ms: int) -> list[list[Op]]:
    """What is changed one after the other, each by operations that name ``at_ms``, the time it is made."""
    device = {"device_id": "D30", "kind": "phone"}
    return [
        # Somebody new with a device, outside from the first fix on.
        [put("people", **_person(30)), put("devices", **device, person_id="P30")],
        # The county shrinks under those who stand in the zone.
        [_county(106.4)],
        # Leaves entered late, of people who are away now and then.
        [_leave(f"L{n}", n, at_ms - 10 * MINUTE_MS, at_ms + 20 * MINUTE_MS) for n in range(12)],
        # A zone where people live; a device goes to somebody else, who has one already.
        [_market(80), put("devices", device_id="D2", person_id="P3", kind="wristband")],
        # Another class with other windows, another office for the alerts to come; soon one fix is enough, and
        # the zone for an office is for the people of the one that comes below it.
        [put("people", **_person(4, **{"class": "lenient"})), put("people", **_person(5, office_id="O2")),
         _policy("quick", at_ms + MINUTE_MS, keep_in={"fixes": 1, "dwell_s": 0}, clear_fixes=1),
         _office("O1", at_ms + MINUTE_MS)],
        # Leaves end early, the county is as it was.
        [*(end("leaves", leave_id=f"L{n}") for n in range(6)), _county(107)],
        # The zone moves on to a schedule; supervision and a binding end in five minutes.
        [_market(120, schedule=["Mo-Su 09:00-09:40"]),
         end("people", at=instant_text(at_ms + 5 * MINUTE_MS), person_id="P6"),
         end("devices", at=instant_text(at_ms + 5 * MINUTE_MS), device_id="D6")],
        # All of it undone again.
        [end("fences", fence_id="market"), end("devices", device_id="D30"), end("people", person_id="P30"),
         put("devices", device_id="D2", person_id="P2", kind="wristband"),
         _policy("as before", at_ms + MINUTE_MS), _office("C1", at_ms + MINUTE_MS)],
    ]  # fmt: skip


def is_due(number: int) -> bool:
    """Whether a change is made after a step of the stream, once its rows are durable."""
    return number % EVERY_STEPS == EVERY_STEPS - 1 and number // EVERY_STEPS < len(changes_at(0))


def with_the_new_device(steps: list[Step]) -> list[Step]:
    """The stream with the device of somebody who is put in by the first change."""
    lon, lat = PLACES["away"]
    found = []
    for number, step in enumerate(steps):
        row = {"device_id": "D30", "event_time": instant_text(step.at_ms - 500), "lon": lon, "lat": lat}
        is_there = number > EVERY_STEPS
        found.append(replace(step, pings=[*step.pings, row]) if is_there else step)
    return found


def change(system: LiveSystem, bearer: str, number: int, at_ms: int) -> None:
    """The change after a step, asked again with one name for as long as nobody answers."""
    body = {"operations": changes_at(at_ms)[number // EVERY_STEPS], "reason": "as the story goes"}
    given = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": f"step-{number}"}

    def answered() -> bool:
        try:
            answer = httpx2.post(f"{system.url}/v1/site/changes", json=body, headers=given, timeout=60)
        except httpx2.TransportError:
            return False
        assert answer.is_success or answer.status_code >= 500, answer.text
        return answer.is_success

    until(answered)
