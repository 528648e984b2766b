"""The features of fences.geojson as fences: their properties, their versions, and their ground."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import is_not
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
from pipeline.sites.plain_features import PlainFeatures, Schedules, plain_features
from pipeline.sites.policies import tolerances_m
from pipeline.sites.policy import Policy
from pipeline.sites.row_columns import Column, RowColumns
from pipeline.sites.shape import REACH, fault_crossing, read_shape
from pipeline.sites.sound_rows import repeated
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


class Drafts:
    """All features as far as they could be read: by columns, of shape (n,), in the order of the file.

    ``single`` has those that were looked at one by one. What is no feature at all has no id, shape or span.
    """

    def __init__(
        self, plain: PlainFeatures, single: Mapping[int, Draft], file: str, findings: Findings
    ) -> None:
        self.single = single
        self._file, self._findings = file, findings
        self.is_plain = plain.is_plain
        self.name, self.rule, self.group = plain.name, plain.rule, plain.group
        self.applies_to, self.crs, self.schedule = plain.applies_to, plain.crs, plain.schedule
        self.severity, self.tolerance_m, self.reach_m = plain.severity, plain.tolerance_m, plain.reach_m
        self.from_ms, self.to_ms, self.holds = plain.valid_from_ms, plain.valid_to_ms, plain.holds
        self.shape = np.empty(len(plain.is_plain), np.object_)
        self.shape[plain.is_plain] = shapely.points(plain.position[plain.is_plain])
        odd = np.flatnonzero(~plain.is_plain).tolist()
        ids = {at: single[at].fence_id if at in single else None for at in odd}
        self.fence_id: Sequence[str | None] = plain.fence_id.changed(ids) if odd else plain.fence_id
        for at in odd:
            self._take(at, single.get(at))

    def _take(self, at: int, draft: Draft | None) -> None:
        self.holds[at] = draft is not None and draft.span is not None
        self.applies_to[at] = () if draft is None else draft.applies_to
        self.rule[at] = None if draft is None else draft.rule
        if draft is None:
            return
        self.name[at], self.group[at], self.crs[at] = draft.name, draft.group, draft.crs
        self.schedule[at], self.severity[at] = draft.schedule, draft.severity
        self.tolerance_m[at] = np.nan if draft.tolerance_m is None else draft.tolerance_m
        self.reach_m[at], self.shape[at] = draft.reach_m, draft.shape
        if draft.span is not None:
            self.from_ms[at], self.to_ms[at] = draft.span

    def place(self, at: int) -> Place:
        """The place that faults of a feature are to name."""
        if at in self.single:
            return self.single[at].place
        return Place(self._findings, self._file, f"feature {at + 1} ({self.fence_id[at]})")


def read_drafts(features: Sequence[Any], known: KnownNames, file: str, findings: Findings) -> Drafts:
    """Every feature checked by itself and its versions against each other."""
    schedules: Schedules = {}
    plain = plain_features(features, known, schedules)
    unknown: Counter[str] = Counter()
    single: dict[int, Draft] = {}
    for at in np.flatnonzero(~plain.is_plain).tolist():
        feature, place = features[at], Place(findings, file, f"feature {at + 1}")
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict) or feature.get("type") != "Feature":
            place.fault("", "is no Feature with properties", "a Feature with geometry and properties")
            continue
        fence_id = properties.get("fence_id")
        if isinstance(fence_id, str):
            place.where = f"feature {at + 1} ({fence_id})"
        fault_feature_crs(feature, place)
        unknown.update(properties.keys() - set(PROPERTIES))
        single[at] = _draft(properties, feature.get("geometry"), known, schedules, place)
    drafts = Drafts(plain, single, file, findings)
    _fault_versions(drafts)
    shaped = [draft for draft in single.values() if draft.shape is not None]
    fault_crossing([draft.shape for draft in shaped if draft.shape], [draft.place for draft in shaped])
    findings.warn_unknown(file, "feature", unknown, f"the properties {', '.join(PROPERTIES)}")
    return drafts


def fences_of(drafts: Drafts, policy: Policy) -> RowColumns[Fence]:
    """Drafts without fault as fences on WGS-84 ground; one that the shift bends into a knot is a fault."""
    _move(drafts)
    is_keep_in = np.fromiter(map("keep_in".__eq__, drafts.rule), np.bool_, len(drafts.rule))
    by_policy = np.isnan(drafts.tolerance_m)
    groups = zip(drafts.group, drafts.fence_id, is_keep_in.tolist(), strict=True)
    columns: dict[str, Column] = {
        "area.shape": drafts.shape,
        "area.reach_m": drafts.reach_m,
        "fence_id": drafts.fence_id,
        "name": drafts.name,
        "rule": drafts.rule,
        "group": [(group or fence_id) if keeps_in else None for group, fence_id, keeps_in in groups],
        "applies_to": drafts.applies_to,
        "tolerance_m": tolerances_m(drafts.tolerance_m, by_policy, is_keep_in, policy),
        "schedule": drafts.schedule,
        "valid_from_ms": drafts.from_ms,
        "valid_to_ms": drafts.to_ms,
        "severity": drafts.severity,
        "has_policy_tolerance": by_policy,
    }
    return RowColumns(_fence, columns)


def _fence(
    shape: BaseGeometry,
    reach_m: float,
    fence_id: str,
    name: str,
    rule: Rule,
    group: str | None,
    applies_to: tuple[str, ...],
    *others: Any,
) -> Fence:
    return Fence(fence_id, name, rule, group, applies_to, Area(shape, reach_m), *others)


def _move(drafts: Drafts) -> None:
    """Shapes to WGS-84. Circles are moved all at once: there may be one for every person."""
    others = [at for at, crs in enumerate(drafts.crs) if crs != CRS[0]]
    for crs in CRS[1:]:
        moved = np.array([at for at in others if drafts.crs[at] == crs], np.int64)
        is_circle = shapely.get_type_id(drafts.shape[moved]) == shapely.GeometryType.POINT
        centres = shapely.get_coordinates(drafts.shape[moved[is_circle]])
        drafts.shape[moved[is_circle]] = shapely.points(*to_wgs84(centres[:, 0], centres[:, 1], crs))
        for at in moved[~is_circle].tolist():
            drafts.shape[at] = area_to_wgs84(Area(drafts.shape[at], float(drafts.reach_m[at])), crs).shape
    bent = [at for at in others if at in drafts.single and drafts.crs[at] not in (None, "cgcs2000")]
    fault_crossing(drafts.shape[bent].tolist(), [drafts.place(at) for at in bent], " in WGS-84")


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


def _fault_versions(drafts: Drafts) -> None:
    """Versions of one fence_id hold one after the other, and all keep in or all keep out."""
    first_rule: dict[str | None, tuple[str, int]] = {}
    versions = repeated(drafts.fence_id, np.fromiter(map(is_not, drafts.fence_id, repeat(None)), np.bool_))
    for at in versions:
        if rule := drafts.rule[at]:
            first, other = first_rule.setdefault(drafts.fence_id[at], (rule, at))
            if rule != first:
                wrong = f"{rule}, where {drafts.place(other).where} of the same fence_id is {first}"
                drafts.place(at).fault("rule", wrong, "one rule for all versions of a fence")
    spans = (
        (drafts.fence_id[at], (int(drafts.from_ms[at]), int(drafts.to_ms[at])), at)
        for at in versions
        if drafts.holds[at]
    )
    for at, other in overlaps(spans):
        wrong = f"overlaps in time with {drafts.place(other).where}"
        drafts.place(at).fault("valid_from", wrong, "versions of one fence_id that do not overlap")
