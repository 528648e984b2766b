"""A site: who is watched, by which devices, where, on which leave and by which policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from geofences.fence import Fence
from geofences.holidays import HolidayTable
from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.policies import LaterPolicy, Policies
from pipeline.sites.policy import Policy
from pipeline.sites.rows import as_rows


@dataclass(frozen=True, slots=True)
class Office:
    """One version of an office and the one above it (None at the top)."""

    office_id: str
    parent_id: str | None
    name: str
    level: str
    valid_from_ms: int = BEGIN_MS
    valid_to_ms: int = END_MS


@dataclass(frozen=True, slots=True)
class Person:
    """One row of supervision: a person's class and office while it is valid; no judging needs the phone."""

    person_id: str
    name: str
    office_id: str
    class_name: str
    valid_from_ms: int = BEGIN_MS
    valid_to_ms: int = END_MS
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """One row of devices.csv: this device is this person's while it is valid."""

    device_id: str
    person_id: str
    kind: str
    valid_from_ms: int = BEGIN_MS
    valid_to_ms: int = END_MS


@dataclass(frozen=True, slots=True)
class Leave:
    """Places a person may be at for a while: named fences, a circle (WGS-84), or both.

    It counts for fixes that arrive from ``approved_at_ms`` on (BEGIN_MS: always).
    """

    leave_id: str
    person_id: str
    valid_from_ms: int
    valid_to_ms: int
    category: str
    module: str
    fence_ids: tuple[str, ...]
    lon: float | None
    lat: float | None
    radius_m: float | None
    approved_at_ms: int = BEGIN_MS


#: The columns that the rows of each table can be asked for by, first what they are about.
_COLUMNS = {
    "people": ("person_id",),
    "bindings": ("device_id", "person_id"),
    "leaves": ("leave_id", "person_id"),
    "fences": ("fence_id",),
}


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Everything a run needs to know besides the stream; loaded and checked as a whole.

    ``policy`` holds until the first of ``later_policies``; ``policies`` tells which one does when.
    People, bindings, leaves and fences are ``Rows``, whatever they are given as.
    """

    policy: Policy
    offices: tuple[Office, ...]
    people: Sequence[Person]
    bindings: Sequence[Binding]
    leaves: Sequence[Leave]
    fences: Sequence[Fence]
    holidays: HolidayTable
    later_policies: tuple[LaterPolicy, ...] = ()
    policies: Policies = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", Policies(self.policy, self.later_policies))
        for table, columns in _COLUMNS.items():
            object.__setattr__(self, table, as_rows(getattr(self, table), *columns))
