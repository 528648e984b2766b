"""What goes on in an office that has ended: nobody would be in charge of it."""

from __future__ import annotations

from pipeline.sites.documents import PEOPLE
from pipeline.sites.fences import Drafts
from pipeline.sites.findings import Findings, Place
from pipeline.sites.offices import Offices
from pipeline.sites.records import Person
from pipeline.sites.sound_rows import SoundRows


def fault_ended_offices(
    offices: Offices, people: SoundRows[Person] | None, drafts: Drafts | None, findings: Findings
) -> None:
    """Faults for people and fences whose office ends before they do."""
    if not offices.have_ends:
        return
    if people is not None:
        for at, office_id in enumerate(people.rows.column("office_id")):
            if offices.ends(office_id):
                place = Place(findings, PEOPLE, f"row {people.numbers[at]}")
                offices.fault_ended(office_id, people.rows[at].valid_to_ms, "office_id", place)
    for at, selectors in enumerate(() if drafts is None else drafts.applies_to):
        named = [selector.partition(":") for selector in selectors if selector.startswith("office:")]
        if drafts is None or not named or not drafts.holds[at]:
            continue
        for _, _, name in named:
            offices.fault_ended(name, int(drafts.to_ms[at]), "applies_to", drafts.place(at))
