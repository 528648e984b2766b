"""A site from its directory: read and checked as a whole, so that all its faults are reported at once."""

from __future__ import annotations

from pathlib import Path

from geofences.errors import HolidayError
from geofences.holidays import HolidayTable, load_builtin
from pipeline.errors import Fault, SiteError
from pipeline.sites.applies_to import KnownNames
from pipeline.sites.fences import Draft, fences_of, read_drafts
from pipeline.sites.findings import Findings, Place
from pipeline.sites.geojson import read_features
from pipeline.sites.leaves import COLUMNS as LEAVE_COLUMNS
from pipeline.sites.leaves import read_leaves
from pipeline.sites.named_places import PLACES, read_places
from pipeline.sites.oddities import warn_of_oddities
from pipeline.sites.offices import COLUMNS as OFFICE_COLUMNS
from pipeline.sites.offices import read_offices
from pipeline.sites.people import DEVICE_COLUMNS, PEOPLE_COLUMNS, PHONE, read_devices, read_people
from pipeline.sites.policy_file import read_policy
from pipeline.sites.records import Leave, Site
from pipeline.sites.table import Table, read_table

FENCES, PEOPLE, DEVICES, OFFICES = "fences.geojson", "people.csv", "devices.csv", "offices.csv"
LEAVES, POLICY, HOLIDAYS = "leaves.csv", "policy.toml", "holidays.toml"
FILES = (FENCES, PEOPLE, DEVICES, OFFICES, LEAVES, POLICY, HOLIDAYS, PLACES)


def load_site(directory: Path) -> Site:
    """The site of a directory. Raises SiteError with every fault of every file."""
    findings = Findings()
    site = read_site(directory, findings)
    if site is None:
        raise SiteError(findings.faults)
    return site


def site_files(directory: Path) -> list[Path]:
    """The files that a site in this directory has or may have, there or not."""
    return [directory / name for name in FILES]


def check_site(directory: Path) -> tuple[list[Fault], list[Fault]]:
    """All faults and all warnings; what is merely odd is looked for once there are no faults."""
    findings = Findings()
    site = read_site(directory, findings)
    if site is not None:
        warn_of_oddities(site, findings)
    return findings.faults, findings.warnings


def read_site(directory: Path, findings: Findings) -> Site | None:
    """The site, or None where there are faults; warns of files, columns and properties left out."""
    if not directory.is_dir():
        Place(findings, str(directory), "").fault("directory", "is no directory", "the directory of a site")
        return None
    _warn_of_files(directory, findings)
    policy = read_policy(directory / POLICY, findings)
    holidays = _holidays(directory / HOLIDAYS, findings)
    office_rows = read_table(directory / OFFICES, OFFICE_COLUMNS, findings)
    offices = read_offices(office_rows, findings) if office_rows else []
    person_rows = read_table(directory / PEOPLE, PEOPLE_COLUMNS, findings, optional=(PHONE,))
    known = KnownNames(_ids(person_rows), policy.windows.keys() if policy else None, _ids(office_rows))
    people = read_people(person_rows, known.offices, known.classes, findings) if person_rows else {}
    device_rows = read_table(directory / DEVICES, DEVICE_COLUMNS, findings)
    bindings = read_devices(device_rows, known.people, findings) if device_rows else {}
    features = read_features(directory / FENCES, findings)
    drafts = read_drafts(features, known, FENCES, findings) if features else []
    leaves = _leaves(directory / LEAVES, known, None if features is None else drafts, findings)
    read_places(directory / PLACES, findings)  # for its faults; the console reads it for itself
    if findings.faults or policy is None or holidays is None:
        return None
    fences = tuple(fences_of(drafts, policy))
    if findings.faults:
        return None
    rows = (tuple(offices), tuple(people.values()), tuple(bindings.values()), tuple(leaves.values()))
    return Site(policy, *rows, fences, holidays)


def _ids(table: Table | None) -> frozenset[str] | None:
    return None if table is None else table.ids


def _leaves(
    path: Path, known: KnownNames, drafts: list[Draft] | None, findings: Findings
) -> dict[int, Leave]:
    table = read_table(path, LEAVE_COLUMNS, findings) if path.exists() else None
    fence_ids = None if drafts is None else {draft.fence_id for draft in drafts if draft.fence_id}
    return read_leaves(table, known.people, fence_ids, findings) if table else {}


def _holidays(path: Path, findings: Findings) -> HolidayTable | None:
    """The built-in table with the site's own years, if it has a file of them."""
    try:
        return load_builtin().extended_by(path) if path.exists() else load_builtin()
    except HolidayError as error:
        Place(findings, path.name, error.where).fault("", error.wrong, error.expected)
        return None


def _warn_of_files(directory: Path, findings: Findings) -> None:
    """A misspelt leaves.csv would be missed without a word, for it need not be there."""
    for path in sorted(directory.iterdir()):
        if path.suffix in (".csv", ".toml", ".geojson") and path.name not in FILES:
            expected = f"one of {', '.join(FILES)}"
            findings.warn(path.name, "file", "is not part of a site and is not read", expected)
