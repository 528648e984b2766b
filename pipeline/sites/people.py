"""people.csv and devices.csv: who is supervised, and by which device.

Rows are looked at by columns; those of which that does not say for certain that nothing is wrong are looked
at one by one, which is what says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import numpy as np

from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.cells import Span, identifier, validity
from pipeline.sites.findings import Findings, Place, listed, shown
from pipeline.sites.instants import Instants, Ints
from pipeline.sites.policies import Policies
from pipeline.sites.policy import DEVICE_KINDS, Policy
from pipeline.sites.records import Binding, Person
from pipeline.sites.row_columns import Column
from pipeline.sites.sound_rows import Flags, SoundRows, are_ids, are_known, repeated, shared_texts
from pipeline.sites.table import Table
from pipeline.sites.versions import overlaps

PEOPLE_COLUMNS = ("person_id", "name", "office_id", "class", "valid_from", "valid_to")
#: A site may leave it out.
PHONE = "phone"
_PHONE_MOST = 40
DEVICE_COLUMNS = ("device_id", "person_id", "kind", "valid_from", "valid_to")


def read_people(
    table: Table, offices: frozenset[str] | None, policies: Policies | None, findings: Findings
) -> SoundRows[Person]:
    """The sound rows; what is None could not be read, and nothing is held against it."""
    windows = [] if policies is None else [frozenset(each.windows) for each in policies.all]
    always = frozenset.intersection(*windows) if windows else None
    person_ids, names, office_ids, classes, valid_from, valid_to, phones = table.columns
    from_ms, to_ms, holds = Instants().spans(valid_from, valid_to)
    has_id = are_ids(person_ids)
    is_sound = has_id & holds & are_known(office_ids, offices) & are_known(classes, always)
    for at, cells, place in table.at(np.flatnonzero(~is_sound).tolist(), findings):
        known_id = identifier(cells[0], "person_id", place)
        known_office = _known(cells[2], "office_id", "office", offices, "offices.csv", place)
        span = validity(cells[4], cells[5], place)
        known_class = _known_class(cells[3], always, policies, span, place)
        is_sound[at] = bool(known_id and span and known_office and known_class)
    for at, other in _overlapping(person_ids, from_ms, to_ms, has_id & holds):
        wrong = f"{shown(person_ids[at])} is supervised by row {table.numbers[other]} at the same time"
        _overlap(table, at, wrong, findings)
    columns: dict[str, Column] = {
        "person_id": person_ids,
        "name": names,
        "office_id": shared_texts(office_ids),
        "class_name": shared_texts(classes),
        "valid_from_ms": from_ms,
        "valid_to_ms": to_ms,
        "phone": phones if not any(phones) else [phone.strip()[:_PHONE_MOST] for phone in phones],
    }
    return SoundRows.of(Person, columns, table.numbers, is_sound)


def read_devices(table: Table, people: frozenset[str] | None, findings: Findings) -> SoundRows[Binding]:
    """The sound rows; a device is of one person, by one row, at a time."""
    device_ids, person_ids, kinds, valid_from, valid_to = table.columns
    from_ms, to_ms, holds = Instants().spans(valid_from, valid_to)
    has_id = are_ids(device_ids)
    is_sound = has_id & holds & are_known(person_ids, people) & are_known(kinds, frozenset(DEVICE_KINDS))
    for _, (device_id, person_id, kind, since, until), place in table.at(
        np.flatnonzero(~is_sound).tolist(), findings
    ):
        identifier(device_id, "device_id", place)
        _known(person_id, "person_id", "person", people, "people.csv", place)
        if kind not in DEVICE_KINDS:
            place.fault("kind", f"unknown kind of device {shown(kind)}", f"one of {listed(DEVICE_KINDS)}")
        validity(since, until, place)
    for at, other in _overlapping(device_ids, from_ms, to_ms, has_id & holds):
        wrong = _bound_twice(device_ids[at], person_ids[at], person_ids[other], table.numbers[other])
        _overlap(table, at, wrong, findings)
    columns: dict[str, Column] = {
        "device_id": device_ids,
        "person_id": person_ids,
        "kind": shared_texts(kinds),
        "valid_from_ms": from_ms,
        "valid_to_ms": to_ms,
    }
    return SoundRows.of(Binding, columns, table.numbers, is_sound)


def _overlapping(ids: Sequence[str], from_ms: Ints, to_ms: Ints, counts: Flags) -> Iterator[tuple[int, int]]:
    """Pairs of rows, by their places, that are about one id at one time; of those that count."""
    places = repeated(ids, counts)
    return overlaps((ids[at], (int(from_ms[at]), int(to_ms[at])), at) for at in places)


def _bound_twice(device_id: str, person_id: str, other_id: str, other_row: int) -> str:
    if person_id == other_id:
        return f"{shown(device_id)} is bound to {shown(person_id)} by row {other_row} at the same time"
    return (
        f"two people on device {shown(device_id)} at once: {shown(person_id)} and "
        f"{shown(other_id)} of row {other_row}"
    )


def _overlap(table: Table, at: int, wrong: str, findings: Findings) -> None:
    place = Place(findings, table.file, f"row {table.numbers[at]}")
    place.fault("valid_from", wrong, "validities of one id that do not overlap")


def _known(name: str, field: str, word: str, names: Set[str] | None, source: str, place: Place) -> bool:
    if not name:
        place.fault(field, "is empty", f"a {field} of {source}")
        return False
    if names is None or name in names:
        return True
    place.fault(field, f"unknown {word} {shown(name)}", f"a {field} of {source}")
    return False


def _known_class(
    name: str, always: Set[str] | None, policies: Policies | None, span: Span | None, place: Place
) -> bool:
    """Whether every policy that is in force while a row holds knows its class; most are in all policies."""
    if name and (always is None or name in always):
        return True
    in_force = policies.within(*(span or (BEGIN_MS, END_MS))) if policies is not None else []
    lacking = next((policy for policy in in_force if name not in policy.windows), None)
    if name and lacking is None:
        return True
    wrong = f"unknown class {shown(name)}" if name else "is empty"
    classes = listed(lacking.windows if lacking is not None else ())
    which = (
        "the policy" if policies is None or len(policies.all) == 1 else f"policy {shown(_version(lacking))}"
    )
    place.fault("class", wrong, f"a class of {which}: {classes}")
    return False


def _version(policy: Policy | None) -> str:
    return "" if policy is None else policy.version
