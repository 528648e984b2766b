"""A site from its directory or its documents: checked whole, so that all faults are reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from geofences.errors import HolidayError
from geofences.holidays import HolidayTable, load_builtin
from pipeline.errors import Fault, SiteError
from pipeline.sites.applies_to import KnownNames
from pipeline.sites.documents import (
    FENCES,
    FILES,
    HOLIDAYS,
    PLACES,
    POLICIES,
    POLICY,
    TABLES,
    Document,
    SiteDocuments,
    known_feature,
    policy_files,
    rows_of,
    table_of,
)
from pipeline.sites.ended_offices import fault_ended_offices
from pipeline.sites.fences import Drafts, fences_of, read_drafts
from pipeline.sites.findings import Findings, Place, shown
from pipeline.sites.geojson import parse_features
from pipeline.sites.leaves import read_leaves
from pipeline.sites.named_places import parse_places
from pipeline.sites.oddities import warn_of_oddities
from pipeline.sites.offices import Offices, read_offices
from pipeline.sites.people import read_devices, read_people
from pipeline.sites.plain_features import FeatureLines
from pipeline.sites.policies import LaterPolicy, Policies
from pipeline.sites.policy import Policy
from pipeline.sites.policy_file import later_policy, parse_policy, policy_table
from pipeline.sites.records import Leave, Site
from pipeline.sites.rows import as_rows
from pipeline.sites.site_lines import SiteLines, table_of_lines
from pipeline.sites.table import Table, parse_table, read_text

#: Files that a site may do without.
_OPTIONAL = (TABLES["leaves"].file, POLICY, HOLIDAYS, PLACES)


def load_site(directory: Path) -> Site:
    """The site of a directory. Raises SiteError with every fault of every file."""
    findings = Findings()
    site = read_site(directory, findings)
    if site is None:
        raise SiteError(findings.faults)
    return site


def site_files(directory: Path) -> list[Path]:
    """The files that a site in this directory has or may have, there or not."""
    return [*(directory / name for name in FILES), *policy_files(directory)]


def check_site(directory: Path) -> tuple[list[Fault], list[Fault]]:
    """All faults and all warnings; what is merely odd is looked for once there are no faults."""
    findings = Findings()
    site = read_site(directory, findings)
    if site is not None:
        warn_of_oddities(site, findings)
    return findings.faults, findings.warnings


def read_site(directory: Path, findings: Findings) -> Site | None:
    """The site, or None where there are faults; warns of files, columns and properties left out."""
    if not is_site_directory(directory, findings):
        return None
    return _checked(DirectoryFiles(directory), findings)


def read_documents(directory: Path, findings: Findings) -> SiteDocuments | None:
    """What the files of a sound site say, row by row; None where there are faults."""
    if not is_site_directory(directory, findings):
        return None
    files = DirectoryFiles(directory)
    return None if _checked(files, findings) is None else files.documents()


def load_documents(directory: Path) -> SiteDocuments:
    """The same. Raises SiteError with every fault of every file."""
    findings = Findings()
    documents = read_documents(directory, findings)
    if documents is None:
        raise SiteError(findings.faults)
    return documents


def site_of(documents: SiteDocuments | SiteLines, findings: Findings) -> Site | None:
    """The site that documents make, or None where there are faults: those that their files would have."""
    return _checked(_Documents(documents), findings)


def sound_site(documents: SiteDocuments | SiteLines) -> Site:
    """The same. Raises SiteError with every fault."""
    site = site_of(documents, findings := Findings())
    if site is None:
        raise SiteError(findings.faults)
    return site


class _Source(Protocol):
    """Where the parts of a site are read; what cannot be read at all is None, with a fault."""

    def table(self, name: str, findings: Findings) -> Table | None: ...

    def features(self, findings: Findings) -> Sequence[Any] | None: ...

    def text(self, name: str, findings: Findings) -> str | None:
        """The text of an optional file; "" where there is none."""

    def policies(self, findings: Findings) -> list[tuple[Document, Place]]:
        """What each policy by date says, with the place that its faults are to name."""


class DirectoryFiles:
    """The files of a site; tables and features that were read are kept for ``documents``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tables: dict[str, Table | None] = {}
        self._features: list[Any] = []
        self._texts: dict[str, str] = {}
        self._policies: list[Document] = []

    def table(self, name: str, findings: Findings) -> Table | None:
        form = TABLES[name]
        text = self.text(form.file, findings)
        if text is None or (form.file in _OPTIONAL and not (self._directory / form.file).exists()):
            return None
        table = parse_table(form.file, text, form.columns, findings, optional=form.optional)
        self._tables[name] = table
        return table

    def features(self, findings: Findings) -> list[Any] | None:
        text = self.text(FENCES, findings)
        found = None if text is None else parse_features(FENCES, text, findings)
        self._features = found or []
        return found

    def text(self, name: str, findings: Findings) -> str | None:
        path = self._directory / name
        if name in _OPTIONAL and not path.exists():
            return ""
        text = read_text(path, Place(findings, name, "file"))
        if text is not None and name in (POLICY, HOLIDAYS, PLACES):
            self._texts[name] = text = text or "\n"  # an empty file is not none at all
        return text

    def policies(self, findings: Findings) -> list[tuple[Document, Place]]:
        found = []
        for path in policy_files(self._directory):
            name = f"{POLICIES}/{path.name}"
            text = read_text(path, Place(findings, name, "file"))
            table = None if text is None else policy_table(name, text, findings)
            if table is not None:
                found.append((table, Place(findings, name, "")))
        self._policies = [table for table, _ in found]
        return found

    def documents(self) -> SiteDocuments:
        """What was read; call it where nothing of it was wrong."""
        tables = {name: self._tables.get(name) for name in TABLES}
        rows = {name: rows_of(table, TABLES[name]) if table else () for name, table in tables.items()}
        features = tuple(map(known_feature, self._features))
        policy, holidays, places = (self._texts.get(name, "") for name in (POLICY, HOLIDAYS, PLACES))
        return SiteDocuments(rows, features, policy, holidays, places, tuple(self._policies))


class _Documents:
    """Documents in place of files."""

    def __init__(self, documents: SiteDocuments | SiteLines) -> None:
        self._documents = documents

    def table(self, name: str, findings: Findings) -> Table | None:
        if isinstance(self._documents, SiteLines):
            return table_of_lines(self._documents.rows[name], TABLES[name])
        return table_of(self._documents.rows[name], TABLES[name])

    def features(self, findings: Findings) -> Sequence[Any] | None:
        if isinstance(self._documents, SiteLines):
            return FeatureLines(self._documents.fences)
        return self._documents.fences

    def text(self, name: str, findings: Findings) -> str | None:
        documents = self._documents
        return {POLICY: documents.policy, HOLIDAYS: documents.holidays, PLACES: documents.places}[name]

    def policies(self, findings: Findings) -> list[tuple[Document, Place]]:
        numbered = enumerate(self._documents.policies, 1)
        return [(table, Place(findings, POLICIES, f"row {number}")) for number, table in numbered]


def is_site_directory(directory: Path, findings: Findings) -> bool:
    """Whether there is one; warns of files in it that are none of a site's."""
    if not directory.is_dir():
        Place(findings, str(directory), "").fault("directory", "is no directory", "the directory of a site")
        return False
    # A misspelt leaves.csv would be missed without a word, for it need not be there.
    for path in sorted(directory.iterdir()):
        if path.suffix in (".csv", ".toml", ".geojson") and path.name not in FILES:
            expected = f"one of {', '.join(FILES)}"
            findings.warn(path.name, "file", "is not part of a site and is not read", expected)
    for path in sorted((directory / POLICIES).glob("*")):
        if path.suffix != ".toml":
            findings.warn(
                f"{POLICIES}/{path.name}", "file", "is no policy and is not read", "a file NAME.toml"
            )
    return True


def _checked(source: _Source, findings: Findings) -> Site | None:
    """The site of a source, or None where anything of it is wrong."""
    policy = _policy(source, findings)
    later = _later_policies(source, findings)
    policies = None if policy is None else Policies(policy, later)
    holidays = _holidays(source, findings)
    office_rows = source.table("offices", findings)
    offices = read_offices(office_rows, findings) if office_rows else Offices([], {})
    person_rows = source.table("people", findings)
    classes = None if policies is None else {name for each in policies.all for name in each.windows}
    known = KnownNames(_ids(person_rows), classes, _ids(office_rows))
    people = read_people(person_rows, known.offices, policies, findings) if person_rows else None
    device_rows = source.table("devices", findings)
    bindings = read_devices(device_rows, known.people, findings) if device_rows else None
    features = source.features(findings)
    drafts = None if features is None else read_drafts(features, known, FENCES, findings)
    leaves = _leaves(source, known, drafts, findings)
    parse_places(PLACES, source.text(PLACES, findings), findings)  # for its faults; no rule knows them
    fault_ended_offices(offices, people, drafts, findings)
    if findings.faults or policy is None or holidays is None:
        return None
    assert people is not None, "what lacks is a fault"
    assert bindings is not None, "what lacks is a fault"
    assert drafts is not None, "what lacks is a fault"
    fences = fences_of(drafts, policy)
    if findings.faults:
        return None
    return Site(
        policy, tuple(offices.records), as_rows(people.rows, "person_id"),
        as_rows(bindings.rows, "device_id", "person_id"), tuple(leaves.values()),
        as_rows(fences, "fence_id"), holidays, tuple(later),
    )  # fmt: skip


def _ids(table: Table | None) -> frozenset[str] | None:
    return None if table is None else table.ids


def _leaves(
    source: _Source, known: KnownNames, drafts: Drafts | None, findings: Findings
) -> dict[int, Leave]:
    table = source.table("leaves", findings)
    if table is None or not len(table.numbers):  # of which there may be none, and very many fences
        return {}
    fence_ids = None if drafts is None else {name for name in drafts.fence_id if name}
    return read_leaves(table, known.people, fence_ids, findings)


def _policy(source: _Source, findings: Findings) -> Policy | None:
    text = source.text(POLICY, findings)
    return None if text is None else parse_policy(POLICY, text, findings)


def _later_policies(source: _Source, findings: Findings) -> list[LaterPolicy]:
    """The policies by date, by their beginning; a fault where two begin together."""
    found: dict[int, LaterPolicy] = {}
    for table, place in source.policies(findings):
        later = later_policy(table, place)
        if later is not None and later.valid_from_ms in found:
            other = found[later.valid_from_ms].policy.version
            wrong = f"{shown(table['valid_from'])} is when policy {shown(other)} begins"
            place.fault("valid_from", wrong, "one policy at a time")
        elif later is not None:
            found[later.valid_from_ms] = later
    return [found[begin_ms] for begin_ms in sorted(found)]


def _holidays(source: _Source, findings: Findings) -> HolidayTable | None:
    """The built-in table with the site's own years, if it has a file of them."""
    text = source.text(HOLIDAYS, findings)
    try:
        return load_builtin().extended_by_text(HOLIDAYS, text) if text else load_builtin()
    except HolidayError as error:
        Place(findings, HOLIDAYS, error.where).fault("", error.wrong, error.expected)
        return None
