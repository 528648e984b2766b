"""Whether a changed site is sound: its faults, told by the operations and ids that they come of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pipeline.errors import Fault
from pipeline.sites.change_faults import ChangeFault
from pipeline.sites.documents import FENCES as FENCES_FILE
from pipeline.sites.documents import HOLIDAYS, POLICIES, TABLES, Document, SiteDocuments
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.neighbourhood import neighbourhood
from pipeline.sites.site_versions import FENCES, Key, SiteVersions, id_of, references, validity_of

_TABLE_OF = {form.file: name for name, form in TABLES.items()} | {FENCES_FILE: FENCES, POLICIES: POLICIES}
#: Where the check of files says a fault is.
_PLACE = re.compile(r"(?:row|feature) (\d+)")
#: Another row that it names: its number is one of the neighbourhood, which nobody else knows.
_OTHER = re.compile(r"(?:\bof |\bin )?\b(?:row|feature) (\d+)(?: \([^)]*\))?")


def site_faults(
    site: SiteVersions,
    changed: Mapping[Key, Sequence[Document]],
    touched: Mapping[Key, int],
    holidays: str,
) -> list[ChangeFault]:
    """All faults that a sound site has once the rows about these ids are these.

    ``touched`` gives the operation that made the rows about an id what they are.
    """
    if not changed and holidays == site.holidays:
        return []
    documents, findings = neighbourhood(site, changed, holidays), Findings()
    site_of(documents, findings)
    return [_told(fault, documents, touched) for fault in findings.faults]


def _told(fault: Fault, documents: SiteDocuments, touched: Mapping[Key, int]) -> ChangeFault:
    table, place = _TABLE_OF.get(fault.file), _PLACE.match(fault.where)
    if table is None or place is None:  # of a text: there is one operation that may change one
        name = "holidays" if fault.file == HOLIDAYS else fault.file
        return ChangeFault(0, name, "", fault.where, fault.wrong, fault.expected, "broken_site")
    row = documents.table(table)[int(place[1]) - 1]
    name = str(id_of(table, row))
    where = f"feature {place[1]} ({name})" if table == FENCES else place[0]
    field = fault.where.removeprefix(where).removeprefix(", ")
    wrong = _OTHER.sub(lambda found: _other(table, documents, int(found[1])), fault.wrong)
    operation = _operation((table, name), row, touched)
    return ChangeFault(operation, table, name, field, wrong, fault.expected, "broken_site")


def _operation(key: Key, row: Document, touched: Mapping[Key, int]) -> int:
    """The operation on the row, or else on what the row names; the first one where it hangs on several."""
    if key in touched:
        return touched[key]
    return min((touched[target] for target in references(key[0], row) if target in touched), default=0)


def _other(table: str, documents: SiteDocuments, number: int) -> str:
    """A row by what people know it by."""
    rows = documents.table(table)
    if not 0 < number <= len(rows):
        return f"row {number}"
    begin, end = validity_of(table, rows[number - 1])
    return f"its version from {begin or 'ever'} to {end or 'ever'}"
