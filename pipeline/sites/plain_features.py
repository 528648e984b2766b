"""The features that nearly all fences of people are: a circle with properties of the right types.

They are read by columns. Whatever is not plain here is looked at in every way by ``pipeline.sites.fences``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from geofences.errors import ScheduleError
from geofences.schedule import Schedule, parse_schedule
from pipeline.sites.applies_to import KnownNames, read_selectors
from pipeline.sites.findings import Findings, Place
from pipeline.sites.instants import Instants
from pipeline.sites.sound_rows import Flags, are_ids, are_texts

VALIDITY = ("valid_from", "valid_to")
#: Schedules already parsed, by their texts: equal schedules share one object.
Schedules = dict[tuple[str, ...], Schedule]


class _Properties(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    fence_id: str
    rule: Literal["keep_in", "keep_out"]
    applies_to: list[str]
    radius_m: float
    name: str | None = None
    group: str | None = None
    crs: Literal["wgs84", "cgcs2000", "gcj02", "bd09"] | None = None
    tolerance_m: float | None = None
    schedule: list[str] | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    severity: Annotated[int, msgspec.Meta(ge=1, le=4)] | None = None
    buffer_m: None = None


class _Point(msgspec.Struct, tag="Point", tag_field="type", forbid_unknown_fields=True, gc=False):
    coordinates: tuple[float, float]


class _Feature(msgspec.Struct, tag="Feature", tag_field="type", forbid_unknown_fields=True, gc=False):
    properties: _Properties
    geometry: _Point
    id: str | int | float | None = None


#: So many features are held as objects at a time.
_AT_ONCE = 10_000
#: Stands where a feature is not plain.
_NONE = _Feature(_Properties("", "keep_in", [], 0.0), _Point((0.0, 0.0)))
_decoded = msgspec.json.Decoder(_Feature).decode


class FeatureLines(Sequence[Any]):
    """Features as JSON, each of which is read whole only where it must be."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines

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
    given: Sequence[Any] = getattr(features, "lines", features)
    instants = Instants()
    parts = [
        PlainFeatures(list(map(_plain, given[first : first + _AT_ONCE])), known, schedules, instants)
        for first in range(0, max(len(given), 1), _AT_ONCE)
    ]
    return parts[0].joined(parts[1:])


class PlainFeatures:
    """The columns of features, each of shape (n,); they hold for those with ``is_plain``."""

    def __init__(
        self, found: Sequence[_Feature], known: KnownNames, schedules: Schedules, instants: Instants
    ) -> None:
        given = [feature.properties for feature in found]
        self.fence_id: list[str | None] = _cells(given, "fence_id")
        self.rule: list[str | None] = _cells(given, "rule")
        names, groups, systems = (_cells(given, name) for name in ("name", "group", "crs"))
        self.name = [name or fence_id for name, fence_id in zip(names, self.fence_id, strict=True)]
        self.group = groups if not any(groups) else _of_keep_in(groups, self.rule)
        self.crs: list[str | None] = [crs or "wgs84" for crs in systems]
        self.severity: list[int | None] = _cells(given, "severity")
        from_texts, to_texts = ([text or "" for text in _cells(given, name)] for name in VALIDITY)
        self.valid_from_ms, self.valid_to_ms, self.holds = instants.spans(from_texts, to_texts)
        tolerances = _cells(given, "tolerance_m")
        self.tolerance_m = np.array(tolerances, np.float64)
        self.reach_m = np.array(_cells(given, "radius_m"), np.float64)
        degrees = chain.from_iterable(one.geometry.coordinates for one in found)
        self.position = np.fromiter(degrees, np.float64, 2 * len(found)).reshape(-1, 2)
        selected = _selected(_cells(given, "applies_to"), known)
        self.applies_to = [selectors or () for selectors in selected]
        opened = [_schedule(items, schedules) for items in _cells(given, "schedule")]
        self.schedule = [None if schedule is False else schedule for schedule in opened]
        self.is_plain: Flags = (
            _flags(feature is not _NONE for feature in found)
            & are_ids(_cells(given, "fence_id"))
            & are_texts(names)
            & are_texts(groups)
            & _flags(group != "" for group in groups)
            & self.holds
            & (_flags(tolerance is None for tolerance in tolerances) | _are_finite(self.tolerance_m, 0.0))
            & _are_finite(self.reach_m, np.nextafter(0.0, 1.0))
            & (np.abs(self.position) <= (180.0, 90.0)).all(axis=1)
            & _flags(selectors is not None for selectors in selected)
            & _flags(schedule is not False for schedule in opened)
        )

    def joined(self, others: Sequence[PlainFeatures]) -> PlainFeatures:
        """This one with the columns of others behind its own."""
        for name, cells in list(vars(self).items()):
            more = [getattr(other, name) for other in others]
            if isinstance(cells, np.ndarray):
                setattr(self, name, np.concatenate([cells, *more]))
            else:
                cells.extend(chain.from_iterable(more))
        return self


def _cells(given: Sequence[_Properties], name: str) -> list[Any]:
    return list(map(attrgetter(name), given))


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


def _selected(given: list[list[str]], known: KnownNames) -> list[tuple[str, ...] | None]:
    """The selectors of each fence, None where anything is wrong with them; nearly always one person."""
    if all(len(selectors) == 1 and selectors[0][:7] == "person:" for selectors in given):
        names = {selectors[0][7:] for selectors in given}
        if "" not in names and (known.people is None or names <= known.people):
            return list(map(tuple, given))
    return [_selectors(selectors, known) for selectors in given]


def _selectors(given: list[str], known: KnownNames) -> tuple[str, ...] | None:
    findings = Findings()
    selectors = read_selectors(given, known, Place(findings, "", ""))
    return None if findings.faults else selectors


def _schedule(items: list[str] | None, schedules: Schedules) -> Schedule | Literal[False] | None:
    """The schedule; False where it is none."""
    if items is None:
        return None
    texts = tuple(items)
    if texts not in schedules:
        try:
            schedules[texts] = parse_schedule(texts)
        except ScheduleError:
            return False
    return schedules[texts]
