"""What judicial offices do to a made-up site while it runs: enrol people, grant leaves, end them.

A scenario's site is whole from its first moment. Here it is taken apart into the site of an instant and the
changes that come later, such that what really happened stays true: who is enrolled has done nothing before,
and who is granted a leave for nothing stays at home.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely

from geofences.instant import EPOCH, instant_ms
from pipeline.sites.documents import Document, Row, SiteDocuments
from simulators.chance import stream
from simulators.site_writer import instant_text

Incident = Mapping[str, Any]
Operation = dict[str, Any]

_MINUTE_MS = 60_000
#: Office hours by the policy's time zone.
_OPEN_H, _CLOSED_H = 8, 18
#: After the beginning the first person is enrolled, the first errand granted; then one of each as often.
_FIRST_ENROLMENT_MS, _ENROLMENT_EVERY_MS = 2 * _MINUTE_MS, 45 * _MINUTE_MS
_FIRST_ERRAND_MS, _ERRAND_EVERY_MS = 4 * _MINUTE_MS, 30 * _MINUTE_MS
#: An errand is over after this, and its leave ended then; it was granted for as long.
_ERRAND_MS, _ERRAND_GRANTED_MS = 8 * _MINUTE_MS, 240 * _MINUTE_MS
_ERRAND_RADIUS_M = 3_000
#: A planned trip's leave is entered so long before it begins.
_AHEAD_MS = (5 * _MINUTE_MS, 90 * _MINUTE_MS)
#: The most of all people that are enrolled while it runs, and nothing of whom is near on either side.
_ENROLLED_SHARE, _QUIET_MS = 0.03, 120 * _MINUTE_MS
_PERSON = "person:"


@dataclass(frozen=True, slots=True)
class SiteChange:
    """Operations that are taken together at an instant of the clock; ``devices`` are in use from then on.

    ``what`` is enrolled, granted or ended.
    """

    at_ms: int
    what: str
    reason: str
    operations: tuple[Operation, ...]
    devices: tuple[str, ...] = ()


@dataclass(slots=True)
class _People:
    """Who may be enrolled, or sent on an errand, by what is known of everybody."""

    busy: Mapping[str, Sequence[tuple[int, int]]]
    left: list[str]
    taken: set[str] = field(default_factory=set)

    def next(self, from_ms: int, to_ms: int) -> str | None:
        """Somebody of whom nothing is known in a span, each once."""
        for person_id in self.left:
            spans = self.busy.get(person_id, ())
            if person_id not in self.taken and all(to < from_ms or to_ms < begin for begin, to in spans):
                self.taken.add(person_id)
                return person_id
        return None


def office_work(
    whole: SiteDocuments, truth: Iterable[Incident], bounds_ms: tuple[int, int, int], zone: str, seed: int
) -> tuple[SiteDocuments, list[SiteChange]]:
    """The site as it is at first, and its changes in order of time.

    ``bounds_ms``: when the fleet begins, from when on there are changes, and its end. ``truth`` are the
    scenario's incidents.
    """
    begin_ms, first_ms, end_ms = bounds_ms
    busy: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for incident in truth:
        busy[incident["person_id"]].append((instant_ms(incident["from"]), instant_ms(incident["to"])))
    rng = stream(seed, 11)
    trips = _granted_later(whole, first_ms, rng)
    named = _alone_or_together(whole)
    on_leave = {row["person_id"] for row in whole.rows["leaves"]}
    free = [row["person_id"] for row in whole.rows["people"] if row["person_id"] not in on_leave]
    rng.shuffle(free)
    people = _People(busy, [person_id for person_id in free if named.get(person_id, True)])
    enrolled = _enrolments(
        whole, people, begin_ms, _hours(first_ms, end_ms, zone, _FIRST_ENROLMENT_MS, _ENROLMENT_EVERY_MS)
    )
    errands = _errands(whole, people, _hours(first_ms, end_ms, zone, _FIRST_ERRAND_MS, _ERRAND_EVERY_MS))
    changes = [*trips, *enrolled, *errands]
    return _without(whole, changes), sorted(changes, key=lambda change: change.at_ms)


def _hours(first_ms: int, end_ms: int, zone: str, after_ms: int, every_ms: int) -> list[int]:
    """Instants within office hours."""
    found = []
    for at_ms in range(first_ms + after_ms, end_ms - _ERRAND_MS, every_ms):
        local = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))
        if _OPEN_H <= local.hour < _CLOSED_H:
            found.append(at_ms)
    return found


def _alone_or_together(whole: SiteDocuments) -> dict[str, bool]:
    """Of people that fences name: whether each of these fences names nobody else."""
    found: dict[str, bool] = {}
    for feature in whole.fences:
        selectors = feature["properties"]["applies_to"]
        for selector in selectors:
            if selector.startswith(_PERSON):
                person_id = selector.removeprefix(_PERSON)
                found[person_id] = found.get(person_id, True) and len(selectors) == 1
    return found


def _granted_later(whole: SiteDocuments, first_ms: int, rng: np.random.Generator) -> list[SiteChange]:
    """Leaves of trips that are entered after the beginning: some time ahead, or when they were approved."""
    found = []
    for row in whole.rows["leaves"]:
        ahead_ms = int(rng.integers(*_AHEAD_MS))
        approved = row["approved_at"]
        at_ms = instant_ms(approved) if approved else instant_ms(row["valid_from"]) - ahead_ms
        if at_ms > first_ms:
            reason = "approved after the journey began" if approved else "leave applied for and approved"
            found.append(SiteChange(at_ms, "granted", reason, (_put("leaves", row),)))
    return found


def _enrolments(
    whole: SiteDocuments, people: _People, begin_ms: int, instants_ms: Sequence[int]
) -> list[SiteChange]:
    most = min(max(3, round(len(whole.rows["people"]) * _ENROLLED_SHARE)), len(whole.rows["people"]) // 4)
    found: list[SiteChange] = []
    for at_ms in instants_ms[:most]:
        person_id = people.next(begin_ms, at_ms + _QUIET_MS)
        if person_id is None:
            break
        own = [row for row in whole.rows["devices"] if row["person_id"] == person_id]
        rows = [_put("people", row) for row in whole.rows["people"] if row["person_id"] == person_id]
        rows += [_put("devices", row) for row in own]
        rows += [_put("fences", feature) for feature in whole.fences if _names(feature, person_id)]
        devices = tuple(row["device_id"] for row in own)
        found.append(SiteChange(at_ms, "enrolled", "supervision begins", tuple(rows), devices))
    return found


def _errands(whole: SiteDocuments, people: _People, instants_ms: Sequence[int]) -> list[SiteChange]:
    """Leaves for somebody who is soon done, and ended then."""
    lon, lat = shapely.get_coordinates(_middle(whole.fences[0])).round(6)[0].tolist()
    found: list[SiteChange] = []
    for number, at_ms in enumerate(instants_ms, 1):
        end_ms = at_ms + _ERRAND_GRANTED_MS
        person_id = people.next(at_ms - _QUIET_MS, end_ms + _QUIET_MS)
        if person_id is None:
            break
        row = {
            "leave_id": f"E{number:05d}",
            "person_id": person_id,
            "valid_from": instant_text(at_ms),
            "valid_to": instant_text(end_ms),
            "category": "medical",
            "module": "travel",
            "fence_ids": "",
            "lon": str(lon),
            "lat": str(lat),
            "radius_m": str(_ERRAND_RADIUS_M),
            "approved_at": "",
        }
        ended = {"op": "end", "table": "leaves", "row": {"leave_id": row["leave_id"]}}
        found.append(SiteChange(at_ms, "granted", "to see a doctor", (_put("leaves", row),)))
        found.append(SiteChange(at_ms + _ERRAND_MS, "ended", "came back early", (ended,)))
    return found


def _middle(feature: Document) -> shapely.Geometry:
    return shapely.geometry.shape(feature["geometry"]).representative_point()


def _put(table: str, row: Document | Row) -> Operation:
    return {"op": "put", "table": table, "row": dict(row)}


def _names(feature: Document, person_id: str) -> bool:
    return _PERSON + person_id in feature["properties"]["applies_to"]


def _without(whole: SiteDocuments, changes: Iterable[SiteChange]) -> SiteDocuments:
    """The site without what the changes bring."""
    put = [one for change in changes for one in change.operations if one["op"] == "put"]
    people = {one["row"]["person_id"] for one in put if one["table"] == "people"}
    leaves = {one["row"]["leave_id"] for one in put if one["table"] == "leaves"}
    rows = dict(whole.rows)
    for table in ("people", "devices"):
        rows[table] = tuple(row for row in rows[table] if row["person_id"] not in people)
    rows["leaves"] = tuple(row for row in rows["leaves"] if row["leave_id"] not in leaves)
    fences = [one for one in whole.fences if not any(_names(one, person_id) for person_id in people)]
    return replace(whole, rows=rows, fences=tuple(fences))
