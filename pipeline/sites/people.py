"""people.csv and devices.csv: who is supervised, and by which device."""

from __future__ import annotations

from collections.abc import Set

from pipeline.sites.cells import Span, identifier, validity
from pipeline.sites.findings import Findings, Place, listed, shown
from pipeline.sites.policy import DEVICE_KINDS
from pipeline.sites.records import Binding, Person
from pipeline.sites.table import Table
from pipeline.sites.versions import overlaps

PEOPLE_COLUMNS = ("person_id", "name", "office_id", "class", "valid_from", "valid_to")
#: A site may leave it out.
PHONE = "phone"
_PHONE_MOST = 40
DEVICE_COLUMNS = ("device_id", "person_id", "kind", "valid_from", "valid_to")


def read_people(
    table: Table, offices: Set[str] | None, classes: Set[str] | None, findings: Findings
) -> dict[int, Person]:
    """Sound rows by row number; a set that is None could not be read, and nothing is held against it."""
    people: dict[int, Person] = {}
    spans: dict[int, tuple[str, Span]] = {}
    for row, (person_id, name, office_id, class_name, valid_from, valid_to, phone), place in table.places(
        findings
    ):
        known_id = identifier(person_id, "person_id", place)
        known_office = _known(office_id, "office_id", "office", offices, "offices.csv", place)
        known_class = _known_class(class_name, classes, place)
        span = validity(valid_from, valid_to, place)
        if known_id and span:
            spans[row] = person_id, span
            if known_office and known_class:
                people[row] = Person(
                    person_id, name, office_id, class_name, *span, phone.strip()[:_PHONE_MOST]
                )
    for row, other in overlaps((person_id, span, row) for row, (person_id, span) in spans.items()):
        wrong = f"{shown(spans[row][0])} is supervised by row {other} at the same time"
        _overlap(table.file, row, wrong, findings)
    return people


def read_devices(table: Table, people: Set[str] | None, findings: Findings) -> dict[int, Binding]:
    """Sound rows by row number; a device is of one person, by one row, at a time."""
    bindings: dict[int, Binding] = {}
    spans: dict[int, tuple[str, str, Span]] = {}
    for row, (device_id, person_id, kind, valid_from, valid_to), place in table.places(findings):
        known_id = identifier(device_id, "device_id", place)
        known_person = _known(person_id, "person_id", "person", people, "people.csv", place)
        if kind not in DEVICE_KINDS:
            place.fault("kind", f"unknown kind of device {shown(kind)}", f"one of {listed(DEVICE_KINDS)}")
        span = validity(valid_from, valid_to, place)
        if known_id and span:
            spans[row] = device_id, person_id, span
            if known_person and kind in DEVICE_KINDS:
                bindings[row] = Binding(device_id, person_id, kind, *span)
    for row, other in overlaps((device_id, span, row) for row, (device_id, _, span) in spans.items()):
        _overlap(table.file, row, _bound_twice(*spans[row][:2], spans[other][1], other), findings)
    return bindings


def _bound_twice(device_id: str, person_id: str, other_id: str, other_row: int) -> str:
    if person_id == other_id:
        return f"{shown(device_id)} is bound to {shown(person_id)} by row {other_row} at the same time"
    return (
        f"two people on device {shown(device_id)} at once: {shown(person_id)} and "
        f"{shown(other_id)} of row {other_row}"
    )


def _overlap(file: str, row: int, wrong: str, findings: Findings) -> None:
    place = Place(findings, file, f"row {row}")
    place.fault("valid_from", wrong, "validities of one id that do not overlap")


def _known(name: str, field: str, word: str, names: Set[str] | None, source: str, place: Place) -> bool:
    if not name:
        place.fault(field, "is empty", f"a {field} of {source}")
        return False
    if names is None or name in names:
        return True
    place.fault(field, f"unknown {word} {shown(name)}", f"a {field} of {source}")
    return False


def _known_class(name: str, classes: Set[str] | None, place: Place) -> bool:
    if name and (classes is None or name in classes):
        return True
    wrong = f"unknown class {shown(name)}" if name else "is empty"
    place.fault("class", wrong, f"a class of the policy: {listed(classes or ())}")
    return False
