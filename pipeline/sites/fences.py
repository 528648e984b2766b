"""The features of fences.geojson as fences: their properties, their versions, and their ground."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geofences.area import Area
from geofences.crs import CRS, area_to_wgs84, to_wgs84
from geofences.errors import ScheduleError
from geofences.fence import Fence, Rule
from geofences.schedule import Schedule, parse_schedule
from pipeline.sites.applies_to import KnownNames, read_selectors
from pipeline.sites.cells import Span, identifier, is_number, is_unicode, validity
from pipeline.sites.findings import Findings, Place, shown
from pipeline.sites.misplaced_crs import fault_feature_crs
from pipeline.sites.policy import Policy
from pipeline.sites.shape import REACH, fault_crossing, read_shape
from pipeline.sites.versions import overlaps

RULES: tuple[Rule, ...] = get_args(Rule)

PROPERTIES = (
    "fence_id",
    "name",
    "rule",
    "group",
    "applies_to",
    "crs",
    "tolerance_m",
    "schedule",
    "valid_from",
    "valid_to",
    "severity",
    "radius_m",
    "buffer_m",
)

#: Schedules already parsed, by their texts: equal schedules share one object.
Schedules = dict[tuple[str, ...], Schedule]


@dataclass(frozen=True, slots=True)
class Draft:
    """A feature as far as it could be read; what was wrong or not given is None."""

    place: Place
    fence_id: str | None
    name: str
    rule: Any
    group: str | None
    applies_to: tuple[str, ...]
    crs: str | None
    tolerance_m: float | None
    schedule: Schedule | None
    span: Span | None
    severity: int | None
    shape: BaseGeometry | None
    reach_m: float


def read_drafts(features: list[Any], known: KnownNames, file: str, findings: Findings) -> list[Draft]:
    """Every feature checked by itself and its versions against each other."""
    schedules: Schedules = {}
    unknown: Counter[str] = Counter()
    drafts: list[Draft] = []
    for number, feature in enumerate(features, 1):
        place = Place(findings, file, f"feature {number}")
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict) or feature.get("type") != "Feature":
            place.fault("", "is no Feature with properties", "a Feature with geometry and properties")
            continue
        fence_id = properties.get("fence_id")
        if isinstance(fence_id, str):
            place.where = f"feature {number} ({fence_id})"
        fault_feature_crs(feature, place)
        unknown.update(properties.keys() - set(PROPERTIES))
        drafts.append(_draft(properties, feature.get("geometry"), known, schedules, place))
    _fault_versions(drafts)
    shaped = [draft for draft in drafts if draft.shape is not None]
    fault_crossing([draft.shape for draft in shaped if draft.shape], [draft.place for draft in shaped])
    findings.warn_unknown(file, "feature", unknown, f"the properties {', '.join(PROPERTIES)}")
    return drafts


def fences_of(drafts: list[Draft], policy: Policy) -> list[Fence]:
    """Drafts without fault as fences on WGS-84 ground; one that the shift bends into a knot is a fault."""
    areas = _areas(drafts)
    moved = [number for number, draft in enumerate(drafts) if draft.crs not in (None, "wgs84", "cgcs2000")]
    fault_crossing(
        [areas[number].shape for number in moved], [drafts[number].place for number in moved], " in WGS-84"
    )
    return [_fence(draft, area, policy) for draft, area in zip(drafts, areas, strict=True)]


def _fence(draft: Draft, area: Area, policy: Policy) -> Fence:
    assert draft.fence_id is not None
    assert draft.span is not None
    is_keep_in = draft.rule == "keep_in"
    rule = policy.keep_in if is_keep_in else policy.keep_out
    return Fence(
        fence_id=draft.fence_id,
        name=draft.name,
        rule=draft.rule,
        group=(draft.group or draft.fence_id) if is_keep_in else None,
        applies_to=draft.applies_to,
        area=area,
        tolerance_m=rule.tolerance_m if draft.tolerance_m is None else draft.tolerance_m,
        schedule=draft.schedule,
        valid_from_ms=draft.span[0],
        valid_to_ms=draft.span[1],
        severity=draft.severity,
    )


def _areas(drafts: list[Draft]) -> list[Area]:
    """Circles are moved all at once: there may be one for every person."""
    areas = [Area(draft.shape, draft.reach_m) for draft in drafts if draft.shape is not None]
    for crs in CRS[1:]:
        numbers = [number for number, draft in enumerate(drafts) if draft.crs == crs]
        circles = [number for number in numbers if areas[number].shape.geom_type == "Point"]
        if circles:
            centres = shapely.get_coordinates([areas[number].shape for number in circles])
            moved = shapely.points(*to_wgs84(centres[:, 0], centres[:, 1], crs))
            for number, point in zip(circles, np.atleast_1d(moved), strict=True):
                areas[number] = Area(point, areas[number].reach_m)
        for number in set(numbers) - set(circles):
            areas[number] = area_to_wgs84(areas[number], crs)
    return areas


def _draft(
    properties: dict[str, Any], geometry: object, known: KnownNames, schedules: Schedules, place: Place
) -> Draft:
    given = {name: value for name, value in properties.items() if value is not None}
    rule = _choice(given, "rule", RULES, place)
    return Draft(
        place=place,
        fence_id=_fence_id(given, place),
        name=_text(given, "name", place) or str(given.get("fence_id")),
        rule=rule,
        group=_text(given, "group", place) if rule != "keep_out" else None,
        applies_to=read_selectors(given.get("applies_to"), known, place),
        crs=_choice({"crs": "wgs84", **given}, "crs", CRS, place),
        tolerance_m=_number(given, "tolerance_m", lambda value: value >= 0, "metres of at least 0", place),
        schedule=_schedule(given.get("schedule"), schedules, place),
        span=_span(given, place),
        severity=_severity(given, place),
        shape=read_shape(geometry, place),
        reach_m=_reach_m(given, geometry, place),
    )


def _fence_id(given: dict[str, Any], place: Place) -> str | None:
    value = given.get("fence_id")
    if isinstance(value, str):
        return identifier(value, "fence_id", place)
    wrong = "is missing" if value is None else f"{shown(value)} is no text"
    place.fault("fence_id", wrong, "a fence_id")
    return None


def _text(given: dict[str, Any], name: str, place: Place) -> str | None:
    value = given.get(name)
    if value is None or (isinstance(value, str) and (value or name == "name") and is_unicode(value)):
        return value
    wrong = "is empty" if value == "" else f"{shown(value)} is no {'Unicode ' * isinstance(value, str)}text"
    place.fault(name, wrong, "a text, or leave it out")
    return None


def _choice(given: dict[str, Any], name: str, choices: tuple[str, ...], place: Place) -> str | None:
    value = given.get(name)
    if isinstance(value, str) and value in choices:
        return value
    wrong = f"unknown {name} {shown(value)}" if name in given else "is missing"
    place.fault(name, wrong, f"one of {', '.join(choices)}")
    return None


def _number(
    given: dict[str, Any], name: str, accept: Callable[[float], bool], expected: str, place: Place
) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if is_number(value) and accept(value):
        return float(value)
    place.fault(name, f"{shown(value)} will not do", expected)
    return None


def _severity(given: dict[str, Any], place: Place) -> int | None:
    value = given.get("severity")
    if value is None or (type(value) is int and 1 <= value <= 4):
        return value
    place.fault("severity", f"{shown(value)} will not do", "a whole number from 1 to 4")
    return None


def _span(given: dict[str, Any], place: Place) -> Span | None:
    texts = [given.get(name, "") for name in ("valid_from", "valid_to")]
    for name, text in zip(("valid_from", "valid_to"), texts, strict=True):
        if not isinstance(text, str):
            place.fault(name, f"{shown(text)} is no text", "an ISO 8601 time with offset as text")
    if not all(isinstance(text, str) for text in texts):
        return None
    return validity(texts[0], texts[1], place)


def _reach_m(given: dict[str, Any], geometry: object, place: Place) -> float:
    """The radius or buffer that this type of geometry must have, and no other may."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    wanted = REACH.get(kind) if isinstance(kind, str) else None
    for other, name in REACH.items():
        if name in given and name != wanted and kind is not None:
            place.fault(name, f"is given on a {kind}", f"{name} on a {other} only")
    if wanted is None:
        return 0.0
    if wanted not in given:
        place.fault(wanted, f"is missing on a {kind}", "metres above 0")
    return _number(given, wanted, lambda value: value > 0, "metres above 0", place) or 0.0


def _schedule(items: object, schedules: Schedules, place: Place) -> Schedule | None:
    expected = 'a list of windows such as ["Mo-Fr 22:00-06:00"], or leave it out for always'
    if items is None:
        return None
    if not isinstance(items, list) or not items or not all(isinstance(item, str) for item in items):
        place.fault("schedule", f"{shown(items)} is no list of windows", expected)
        return None
    texts = tuple(items)
    if texts not in schedules:
        try:
            schedules[texts] = parse_schedule(texts)
        except ScheduleError as error:
            for wrong in _item_errors(texts) or [error]:
                place.fault("schedule", wrong.wrong, wrong.expected)
            return None
    return schedules[texts]


def _item_errors(texts: tuple[str, ...]) -> list[ScheduleError]:
    """What is wrong with each item by itself; beside an open week even a lone ``PH off`` is sound."""
    errors = []
    for text in dict.fromkeys(texts):
        try:
            parse_schedule([text, "24/7"])
        except ScheduleError as error:
            errors.append(error)
    return errors


def _fault_versions(drafts: list[Draft]) -> None:
    """Versions of one fence_id hold one after the other, and all keep in or all keep out."""
    first_rule: dict[str, tuple[str, Place]] = {}
    for draft in drafts:
        if draft.fence_id and draft.rule:
            rule, place = first_rule.setdefault(draft.fence_id, (draft.rule, draft.place))
            if rule != draft.rule:
                wrong = f"{draft.rule}, where {place.where} of the same fence_id is {rule}"
                draft.place.fault("rule", wrong, "one rule for all versions of a fence")
    spans = [
        (draft.fence_id, draft.span, number)
        for number, draft in enumerate(drafts)
        if draft.fence_id and draft.span
    ]
    for number, other in overlaps(spans):
        wrong = f"overlaps in time with {drafts[other].place.where}"
        drafts[number].place.fault("valid_from", wrong, "versions of one fence_id that do not overlap")
