"""A change of many rows resolved before its turn, so that the writer's thread need not do it.

The writer's thread alone knows at which instant of the log's clock a change is made. What it comes to at
an earlier instant is what it comes to at the later one if nothing has changed meanwhile, and no instant that
the change or the rows about its ids name lies between the two: then only that instant itself is written
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geofences.instant import instant_ms
from pipeline.registry.recorded_site import RecordedSite
from pipeline.registry.registry import Registry
from pipeline.sites.change_faults import ChangeFault
from pipeline.sites.changes import resolved_of
from pipeline.sites.documents import Document
from pipeline.sites.edits import Edit
from pipeline.sites.operations import read_operations
from pipeline.sites.site_versions import FENCES, VERSIONED, references, with_cells
from sinks.alert import instant_text

#: A change of fewer rows is resolved in its turn.
AHEAD_FROM = 50
#: A leave may be entered late, which hangs on the clock in further ways.
_TABLES = frozenset(VERSIONED) - {"leaves"}
_INSTANTS = ("valid_from", "valid_to", "approved_at")


@dataclass(frozen=True, slots=True)
class ResolvedAhead:
    """What a change comes to at an instant, by the registry as it was after a record."""

    record: int
    clock_ms: int
    edits: tuple[Edit, ...]
    instants: frozenset[int]

    def at(self, record: int, clock_ms: int) -> tuple[Edit, ...] | None:
        """What it comes to at a later instant; None where that has to be looked at anew."""
        if record != self.record or clock_ms < self.clock_ms:
            return None
        if any(self.clock_ms <= at_ms <= clock_ms for at_ms in self.instants):
            return None
        texts = {instant_text(self.clock_ms): instant_text(clock_ms)}
        return tuple(_redated(edit, texts) for edit in self.edits)


def resolved_ahead(
    registry: Registry, change_id: str, operations: Sequence[Any], clock_ms: int
) -> ResolvedAhead | None:
    """A change of many rows resolved now; None where that is of no use. Raises ChangeRefused."""
    if len(operations) < AHEAD_FROM or registry.answered(change_id) is not None:
        return None
    record, faults = registry.last_record, list[ChangeFault]()
    found = read_operations(list(operations), faults)
    if any(operation.table not in _TABLES for operation in found):
        return None
    keys = {(operation.table, operation.id): None for operation in found}
    site = RecordedSite(registry, record)
    named = [target for operation in found for target in references(operation.table, operation.row)]
    put = {(operation.table, operation.id) for operation in found if operation.op == "put"}
    with site.read_for_check([*keys, *named], [key for key in keys if key not in put]):
        edits = resolved_of(site, found, faults, clock_ms).edits
        rows = [(table, row) for table, name in keys for row in site.versions((table, name))]
    rows += [(operation.table, operation.row) for operation in found]
    rows += [("offices", row) for row in site.offices()]
    asked = {operation.effective_ms for operation in found if operation.effective_ms is not None}
    instants = frozenset(asked.union(_instants(rows)))
    return ResolvedAhead(record, clock_ms, edits, instants) if registry.last_record == record else None


def _instants(rows: Iterable[tuple[str, Document]]) -> Iterator[int]:
    for table, row in rows:
        cells = row["properties"] if table == FENCES else row
        yield from (instant_ms(cells[name]) for name in _INSTANTS if cells.get(name))


def _redated(edit: Edit, texts: Mapping[str, str]) -> Edit:
    if "put" not in edit:
        return edit
    row = edit["put"]
    cells = row["properties"] if edit["table"] == FENCES else row
    named = {name: texts[cells[name]] for name in _INSTANTS if cells.get(name) in texts}
    return {**edit, "put": with_cells(edit["table"], row, named)} if named else edit
