"""What is legal in a site and most likely not meant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from geofences.fence import Fence
from geofences.instant import BEGIN_MS, END_MS, EPOCH
from pipeline.sites.applies_to import EVERYONE
from pipeline.sites.cells import Span
from pipeline.sites.covered import covered_fences
from pipeline.sites.findings import Findings, shown
from pipeline.sites.offices import offices_above
from pipeline.sites.records import Person, Site
from pipeline.sites.too_small import TooSmall, homes_never_reached, zones_never_entered


def warn_of_oddities(site: Site, findings: Findings) -> None:
    """Warnings on a site without faults, whose n-th person or fence is thus the n-th row or feature."""
    above = offices_above(site.offices, END_MS - 1)
    _warn_of_people_without_device(site, findings)
    _warn_of_fences_for_nobody(site, above, findings)
    for number, other in covered_fences(site.fences, above):
        wider = f"{_feature(other, site.fences[other])} of group {shown(site.fences[number].group)}"
        _warn_fence(site, number, "geometry", f"is covered by {wider} and can never matter", findings)
    _warn_of_small_fences(site, above, findings)
    _warn_of_shared_names(site, findings)
    _warn_of_holidays(site, findings)


def _warn_of_people_without_device(site: Site, findings: Findings) -> None:
    bound: dict[str, list[Span]] = {}
    for binding in site.bindings:
        bound.setdefault(binding.person_id, []).append((binding.valid_from_ms, binding.valid_to_ms))
    for row, person in enumerate(site.people, 1):
        supervised = (person.valid_from_ms, person.valid_to_ms)
        if not any(_meet(supervised, span) for span in bound.get(person.person_id, ())):
            wrong = f"{shown(person.person_id)} has no device"
            findings.warn("people.csv", f"row {row}", wrong, "a row of devices.csv within the supervision")


def _warn_of_fences_for_nobody(site: Site, above: dict[str, tuple[str, ...]], findings: Findings) -> None:
    spans: dict[str, list[Span]] = {}
    for person in site.people:
        for selector in _selectors(person, above):
            spans.setdefault(selector, []).append((person.valid_from_ms, person.valid_to_ms))
    supervised = {selector: _merged(held) for selector, held in spans.items()}
    for number, fence in enumerate(site.fences):
        valid = (fence.valid_from_ms, fence.valid_to_ms)
        if not any(_meets_any(valid, supervised.get(selector, [])) for selector in fence.applies_to):
            _warn_fence(site, number, "applies_to", "matches nobody while the fence is valid", findings)


def _selectors(person: Person, above: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """All that a row of people.csv answers to."""
    yield from (EVERYONE, f"person:{person.person_id}", f"class:{person.class_name}")
    yield from (f"office:{office_id}" for office_id in above[person.office_id])


def _warn_of_small_fences(site: Site, above: dict[str, tuple[str, ...]], findings: Findings) -> None:
    """Fences in which no fix is for certain, whatever accuracy it gives."""
    expected = "more than that from its edge to its middle, or a smaller floor_m in the policy"
    for zone in zones_never_entered(site):
        field, wrong = _too_small(site, zone)
        _warn_fence(site, zone.number, field, f"{wrong}, and it never fires", findings, expected)
    answers: dict[str, list[str]] = {}
    for person in site.people:
        for selector in _selectors(person, above):
            answers.setdefault(selector, []).append(person.person_id)
    for home in homes_never_reached(site, answers):
        field, wrong = _too_small(site, home)
        others = f" and {len(home.people) - 1} more" if len(home.people) > 1 else ""
        wrong += f", and an alert of group {shown(site.fences[home.number].group)} never clears"
        wrong += f" for {home.people[0]}{others}"
        _warn_fence(site, home.number, field, wrong, findings, expected)


def _too_small(site: Site, fence: TooSmall) -> tuple[str, str]:
    """The field that makes a fence so small, and what follows from it."""
    area, floors_m = site.fences[fence.number].area, site.policy.floor_m
    field = {"Point": "radius_m", "LineString": "buffer_m"}.get(area.shape.geom_type, "geometry")
    floors = ", ".join(f"{source} {floors_m[source]:g} m" for source in fence.sources)
    depth = f"is {max(fence.depth_m, 0.0):.3g} m deep at most with its tolerance"
    whose = "" if len(fence.sources) == len(floors_m) else " of these sources"
    return field, f"{depth}, less than the uncertainty of any fix ({floors}), so no fix{whose} is ever inside"


def _warn_of_shared_names(site: Site, findings: Findings) -> None:
    """Ids and groups that an alert could not tell apart."""
    fence_ids = {fence.fence_id for fence in site.fences}
    for row, leave in enumerate(site.leaves, 1):
        if leave.leave_id in fence_ids:
            wrong = f"{shown(leave.leave_id)} is a fence_id too"
            findings.warn("leaves.csv", f"row {row}, leave_id", wrong, "an id that no fence has")
    alone = {fence.fence_id for fence in site.fences if fence.group == fence.fence_id}
    for number, fence in enumerate(site.fences):
        if fence.group in alone and fence.group != fence.fence_id:
            wrong = f"{shown(fence.group)} is the fence_id of a fence that names no other group"
            _warn_fence(site, number, "group", wrong, findings)


def _warn_of_holidays(site: Site, findings: Findings) -> None:
    """Once per site, on the first fence that will ask for a year that the table has not."""
    last_year = max(site.holidays.years, default=0)
    lacking = [
        number
        for number, fence in enumerate(site.fences)
        if fence.schedule is not None
        and fence.schedule.uses_holidays
        and not _years(fence, last_year, ZoneInfo(site.policy.timezone)) <= site.holidays.years
    ]
    if lacking:
        count = f" (so do {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        wrong = f"asks for public holidays that the table {site.holidays.version} lacks{count}"
        expected = f"in holidays.toml the years that are missing; the table ends with {last_year}"
        _warn_fence(site, lacking[0], "schedule", wrong, findings, expected)


def _years(fence: Fence, last_year: int, timezone: ZoneInfo) -> set[int]:
    """Years of the fence's validity; an open end asks for the year after the table's last."""
    first = _year(fence.valid_from_ms, timezone, last_year)
    last = _year(fence.valid_to_ms - 1, timezone, last_year + 1)
    return {first, last, *range(first, min(last, last_year + 1))}


def _year(ms: int, timezone: ZoneInfo, open_year: int) -> int:
    if ms <= BEGIN_MS or ms >= END_MS - 1:
        return open_year
    try:
        return (EPOCH + timedelta(milliseconds=ms)).astimezone(timezone).year
    except OverflowError:  # 9999-12-31, which some write for "no end", may be 10000 in local time
        return open_year


def _warn_fence(
    site: Site, number: int, field: str, wrong: str, findings: Findings, expected: str = ""
) -> None:
    where = f"{_feature(number, site.fences[number])}, {field}"
    findings.warn("fences.geojson", where, wrong, expected)


def _feature(number: int, fence: Fence) -> str:
    return f"feature {number + 1} ({fence.fence_id})"


def _meet(span: Span, other: Span) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start_ms, end_ms in sorted(spans):
        if merged and start_ms <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_ms, merged[-1][1]))
        else:
            merged.append((start_ms, end_ms))
    return merged


def _meets_any(span: Span, merged: list[Span]) -> bool:
    """Whether the span meets one of these, which are in order and apart."""
    before_end = bisect_right(merged, span[1] - 1, key=lambda held: held[0])
    return before_end > 0 and merged[before_end - 1][1] > span[0]
