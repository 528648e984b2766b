"""The features that nearly all fences of people are: a circle with properties of the right types.

They are read by columns. Whatever is not plain here is looked at in every way by ``pipeline.sites.fences``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from operator import attrgetter, is_, is_not, ne
from typing import Annotated, Any, Literal, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from geofences.errors import ScheduleError
from geofences.schedule import Schedule, parse_schedule
from pipeline.sites.applies_to import KnownNames, read_selectors
from pipeline.sites.findings import Findings, Place
from pipeline.sites.instants import Instants
from pipeline.sites.joined_lines import AT_ONCE, JoinedLines, Part
from pipeline.sites.row_columns import Names
from pipeline.sites.sound_rows import Flags, are_ids, are_texts

VALIDITY = ("valid_from", "valid_to")
#: Schedules already parsed, by their texts: equal schedules share one object.
Schedules = dict[tuple[str, ...], Schedule]


class _Properties(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    fence_id: str
    rule: Literal["keep_in", "keep_out"]
    applies_to: tuple[str, ...]
    radius_m: float | None = None
    name: str | None = None
    group: str | None = None
    crs: Literal["wgs84", "cgcs2000", "gcj02", "bd09"] | None = None
    tolerance_m: float | None = None
    schedule: tuple[str, ...] | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    severity: Annotated[int, msgspec.Meta(ge=1, le=4)] | None = None
    buffer_m: float | None = None


class _Point(msgspec.Struct, tag="Point", tag_field="type", forbid_unknown_fields=True, gc=False):
    coordinates: tuple[float, float]


class _Polygon(msgspec.Struct, tag="Polygon", tag_field="type", gc=False):
    coordinates: msgspec.Raw


class _MultiPolygon(msgspec.Struct, tag="MultiPolygon", tag_field="type", gc=False):
    coordinates: msgspec.Raw


class _LineString(msgspec.Struct, tag="LineString", tag_field="type", gc=False):
    coordinates: msgspec.Raw


class _Feature(msgspec.Struct, tag="Feature", tag_field="type", forbid_unknown_fields=True, gc=False):
    properties: _Properties
    geometry: _Point
    id: str | int | float | None = None


class _AnyFeature(msgspec.Struct, tag="Feature", tag_field="type", forbid_unknown_fields=True, gc=False):
    """Of any geometry: one that is no circle leaves those beside it plain."""

    properties: _Properties
    geometry: _Point | _Polygon | _MultiPolygon | _LineString
    id: str | int | float | None = None


#: Stands where a feature is not plain.
_NONE = _Feature(_Properties("", "keep_in", (), 0.0), _Point((0.0, 0.0)))
_decoded = msgspec.json.Decoder(_Feature).decode
_all_decoded = msgspec.json.Decoder(list[_AnyFeature]).decode


#: A circle of either, or ``_NONE``.
_Plain = _Feature | _AnyFeature


class FeatureLines(Sequence[Any]):
    """Features as JSON, each of which is read whole only where it must be."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = JoinedLines.of(lines)

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        return FeatureLines(self.lines[place]) if isinstance(place, slice) else json.loads(self.lines[place])


def plain_features(features: Sequence[Any], known: KnownNames, schedules: Schedules) -> PlainFeatures:
    """The columns of features; only some of them are held as objects at a time."""
    instants = Instants()
    parts = [PlainFeatures(found, known, schedules, instants) for found in _in_parts(features)]
    return parts[0].joined(parts[1:]) if parts else PlainFeatures([], known, schedules, instants)


def _in_parts(features: Sequence[Any]) -> Iterator[Sequence[_Plain]]:
    if isinstance(features, FeatureLines):
        yield from map(_of_part, features.lines.parts)
        return
    for first in range(0, len(features), AT_ONCE):
        yield list(map(_plain, features[first : first + AT_ONCE]))


def _of_part(part: Part) -> Sequence[_Plain]:
    """All features of a text at once, which is possible where none is odd."""
    try:
        found = _all_decoded(f"[{part.text}]")
    except (msgspec.MsgspecError, ValueError, OverflowError):
        found = []
    if len(found) != part.count:
        return list(map(_plain, part.lines()))
    return [one if type(one.geometry) is _Point else _NONE for one in found]


class PlainFeatures:
    """The columns of features, each of shape (n,); they hold for those with ``is_plain``."""

    def __init__(
        self, found: Sequence[_Plain], known: KnownNames, schedules: Schedules, instants: Instants
    ) -> None:
        count = len(found)
        given = _columns(list(map(attrgetter("properties"), found)))
        self.fence_id = Names()
        self.fence_id.take(given["fence_id"])
        self.rule: list[str | None] = given["rule"]
        names, groups = given["name"], given["group"]
        self.name = _or(names, given["fence_id"])
        self.group = groups if not any(groups) else _of_keep_in(groups, self.rule)
        self.crs: list[str | None] = _or(given["crs"], ["wgs84"] * count)
        self.severity: list[int | None] = given["severity"]
        texts = (_or(given[name], [""] * count) for name in VALIDITY)
        self.valid_from_ms, self.valid_to_ms, self.holds = instants.spans(*texts)
        self.tolerance_m = np.array(given["tolerance_m"], np.float64)
        self.reach_m = np.array(given["radius_m"], np.float64)
        degrees = chain.from_iterable(map(attrgetter("geometry.coordinates"), found))
        self.position = np.fromiter(degrees, np.float64, 2 * count).reshape(-1, 2)
        selected = _selected(given["applies_to"], known)
        self.applies_to = [selectors or () for selectors in selected]
        opened = _opened(given["schedule"], schedules)
        self.schedule = [None if schedule is False else schedule for schedule in opened]
        self.is_plain: Flags = (
            _flags(map(is_not, found, repeat(_NONE)))
            & are_ids(self.fence_id)
            & are_texts(names)
            & are_texts(groups)
            & self.holds
            & _are_finite(self.reach_m, np.nextafter(0.0, 1.0))
            & (np.abs(self.position) <= (180.0, 90.0)).all(axis=1)
            & _flags(map(is_not, selected, repeat(None)))
            & _flags(map(is_not, opened, repeat(False)))
        )
        if not _are_none(groups):
            self.is_plain &= _flags(map(ne, groups, repeat("")))
        if not _are_none(given["tolerance_m"]):
            is_none = _flags(map(is_, given["tolerance_m"], repeat(None)))
            self.is_plain &= is_none | _are_finite(self.tolerance_m, 0.0)
        if not _are_none(given["buffer_m"]):
            self.is_plain &= _flags(map(is_, given["buffer_m"], repeat(None)))

    def joined(self, others: Sequence[PlainFeatures]) -> PlainFeatures:
        """This one with the columns of others behind its own."""
        for name, cells in list(vars(self).items()):
            more = [getattr(other, name) for other in others]
            if isinstance(cells, np.ndarray):
                setattr(self, name, np.concatenate([cells, *more]))
            elif isinstance(cells, Names):
                cells.join(more)
            else:
                cells.extend(chain.from_iterable(more))
        return self


def _or(cells: list[Any], others: list[Any]) -> list[Any]:
    """Of each cell itself where there is anything, else the other one."""
    if any(cells):
        return [cell or other for cell, other in zip(cells, others, strict=True)]
    return others


def _are_none(cells: list[Any]) -> bool:
    return cells.count(None) == len(cells)


def _columns(given: Sequence[_Properties]) -> dict[str, list[Any]]:
    names = _Properties.__struct_fields__
    columns = zip(*map(msgspec.structs.astuple, given), strict=True) if given else ((),) * len(names)
    return dict(zip(names, map(list, columns), strict=True))


def _flags(cells: Iterable[bool]) -> Flags:
    return np.fromiter(cells, np.bool_)


def _are_finite(numbers: NDArray[np.float64], least: float) -> Flags:
    return (numbers >= least) & np.isfinite(numbers)


def _of_keep_in(groups: list[str | None], rules: list[str | None]) -> list[str | None]:
    return [group if rule == "keep_in" else None for group, rule in zip(groups, rules, strict=True)]


def _plain(feature: Any) -> _Feature:
    try:
        return _decoded(feature) if isinstance(feature, str) else msgspec.convert(feature, _Feature)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return _NONE


def _selected(given: list[tuple[str, ...]], known: KnownNames) -> list[tuple[str, ...] | None]:
    """The selectors of each fence, None where anything is wrong with them; nearly always one person."""
    if all(map((1).__eq__, map(len, given))):
        text = "".join(map("\n".__add__, chain.from_iterable(given)))
        before, *names = text.split(_PERSON)
        are_people = not before and len(names) == len(given) == text.count("\n") and all(names)
        if are_people and (known.people is None or known.people.issuperset(names)):
            return [*given]
    return [_selectors(selectors, known) for selectors in given]


#: What selectors of people begin with, behind one another.
_PERSON = "\nperson:"


def _selectors(given: tuple[str, ...], known: KnownNames) -> tuple[str, ...] | None:
    findings = Findings()
    selectors = read_selectors([*given], known, Place(findings, "", ""))
    return None if findings.faults else selectors


def _opened(
    given: list[tuple[str, ...] | None], schedules: Schedules
) -> list[Schedule | Literal[False] | None]:
    """The schedule of each fence that has one; False where it is none."""
    found: dict[tuple[str, ...] | None, Schedule | Literal[False] | None] = {None: None}
    found |= {texts: _schedule(texts, schedules) for texts in set(given) if texts is not None}
    return list(map(found.__getitem__, given))


def _schedule(texts: tuple[str, ...], schedules: Schedules) -> Schedule | Literal[False]:
    if texts not in schedules:
        try:
            schedules[texts] = parse_schedule(texts)
        except ScheduleError:
            return False
    return schedules[texts]
