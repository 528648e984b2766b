"""What goes on in an office that has ended: nobody would be in charge of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.sites.documents import PEOPLE
from pipeline.sites.fences import Draft
from pipeline.sites.findings import Findings, Place
from pipeline.sites.offices import Offices
from pipeline.sites.records import Person


def fault_ended_offices(
    offices: Offices, people: Mapping[int, Person], drafts: Sequence[Draft], findings: Findings
) -> None:
    """Faults for people (by row) and fences whose office ends before they do."""
    if not offices.have_ends:
        return
    for row, person in people.items():
        place = Place(findings, PEOPLE, f"row {row}")
        offices.fault_ended(person.office_id, person.valid_to_ms, "office_id", place)
    for draft in drafts:
        for selector in draft.applies_to if draft.span else ():
            word, _, name = selector.partition(":")
            if word == "office" and draft.span:
                offices.fault_ended(name, draft.span[1], "applies_to", draft.place)
