"""A change of a site as people ask for it, resolved at an instant of the log's clock into edits of rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from geofences.instant import BEGIN_MS, END_MS
from pipeline.sites.change_check import site_faults
from pipeline.sites.change_faults import ChangeFault, ChangeRefused, Code
from pipeline.sites.documents import POLICIES, Document
from pipeline.sites.edits import HOLIDAYS, Edit, Edits, contents, difference
from pipeline.sites.holiday_changes import with_years
from pipeline.sites.operations import Operation, read_operations, with_sound_times
from pipeline.sites.policies import Policies
from pipeline.sites.policy_changes import end_policy, put_policy
from pipeline.sites.site_versions import Key, SiteVersions, policies_of, span_of, with_cells
from sinks.alert import instant_text


def resolved(site: SiteVersions, operations: object, clock_ms: int) -> Edits:
    """What a list of operations does to a sound site when the log's clock stands at ``clock_ms``.

    Operations count one after the other, and together or not at all. Raises ChangeRefused with all faults.
    """
    faults: list[ChangeFault] = []
    return resolved_of(site, read_operations(operations, faults), faults, clock_ms)


def resolved_of(
    site: SiteVersions, operations: Sequence[Operation], faults: Sequence[ChangeFault], clock_ms: int
) -> Edits:
    """The same of operations that were read; ``faults`` are those that were found so far."""
    faults = [*faults]
    draft = _Draft(site, clock_ms, faults)
    for operation in operations:
        draft.take(operation)
    faults += site_faults(site, draft.rows, draft.touched, draft.holidays)
    if faults:
        raise ChangeRefused(sorted(dict.fromkeys(faults), key=lambda fault: fault.operation))
    return draft.edits()


class _Draft:
    """The rows about the ids that a change has touched so far, as they are to be."""

    def __init__(self, site: SiteVersions, clock_ms: int, faults: list[ChangeFault]) -> None:
        self.rows: dict[Key, list[Document]] = {}
        #: The last operation that touched an id.
        self.touched: dict[Key, int] = {}
        self.holidays = site.holidays
        self._site = site
        self._before: dict[Key, Sequence[Document]] = {}
        self._clock_ms = clock_ms
        self._faults = faults
        self._holidays_from_ms = END_MS

    def take(self, operation: Operation) -> None:
        """Makes the rows what the operation says, as far as it can be understood."""
        if operation.effective_ms is not None and operation.effective_ms < self._clock_ms:
            is_new_leave = operation.op == "put" and self._is_new_leave(operation)
            if not is_new_leave:
                self._fault_past(operation, "effective_at", operation.effective_ms, self._clock_ms)
        if operation.table == HOLIDAYS:
            self._add_years(operation)
        else:
            key = operation.table, operation.id
            if key not in self.rows:
                self._before[key] = self._site.versions(key)
                self.rows[key] = list(self._before[key])
            self.touched[key] = operation.number
            if operation.table == POLICIES:
                self._policy(operation, self.rows[key])
            elif operation.op == "put":
                self._put(operation, self.rows[key])
            else:
                self._end(operation, self.rows[key])

    def edits(self) -> Edits:
        """What all of it comes to."""
        found: list[Edit] = []
        earliest_ms = END_MS
        if self.holidays != self._site.holidays:
            found.append({"table": HOLIDAYS, "put": {"text": self.holidays}})
            earliest_ms = self._holidays_from_ms
        for key, rows in self.rows.items():
            part = difference(key, self._before[key], rows)
            found += part.edits
            earliest_ms = min(earliest_ms, part.earliest_ms)
        return Edits(tuple(found), earliest_ms)

    def _put(self, operation: Operation, rows: list[Document]) -> None:
        table = operation.table
        row, times = with_sound_times(operation, self._faults)
        begin_ms = self._begin_ms(operation, times["valid_from"])
        if table == "leaves" and begin_ms < self._clock_ms:
            row = self._entered_late(operation, row, begin_ms, times["approved_at"])
        if times["valid_from"] != begin_ms:
            row = with_cells(table, row, {"valid_from": instant_text(begin_ms)})
        holding = _holding(table, rows, begin_ms)
        if holding is not None:
            slot, (from_ms, to_ms) = holding
            end_ms = END_MS if times["valid_to"] is None else times["valid_to"]
            if contents(table, rows[slot]) == contents(table, row) and to_ms == end_ms:
                return
            if from_ms == begin_ms:
                rows[slot] = row
                return
            rows[slot] = with_cells(table, rows[slot], {"valid_to": instant_text(begin_ms)})
        rows.append(row)

    def _begin_ms(self, operation: Operation, own_ms: int | None) -> int:
        """When the new version begins: never before the clock, but for a leave that is entered late."""
        given_ms = operation.effective_ms
        if self._is_new_leave(operation) and (own_ms is not None or given_ms is not None):
            return max(ms for ms in (given_ms, own_ms) if ms is not None)
        begin_ms = self._clock_ms if given_ms is None else max(given_ms, self._clock_ms)
        return begin_ms if own_ms is None else max(begin_ms, own_ms)

    def _is_new_leave(self, operation: Operation) -> bool:
        return operation.table == "leaves" and not self._site.versions(("leaves", operation.id))

    def _entered_late(
        self, operation: Operation, row: Document, begin_ms: int, approved_ms: int | None
    ) -> Document:
        """A leave that began before it was entered counts for what arrives after the change.

        What arrives in the same millisecond stands before it: so it is approved from the next one on.
        """
        kept_ms = self._policies().kept_from_ms(self._clock_ms)
        if begin_ms < kept_ms:
            self._fault_past(operation, "valid_from", begin_ms, kept_ms)
        if approved_ms is not None and approved_ms > self._clock_ms:
            return row
        return {**row, "approved_at": instant_text(self._clock_ms + 1)}

    def _end(self, operation: Operation, rows: list[Document]) -> None:
        """The version that holds ends, and what would come after it does not come."""
        at_ms = max(operation.effective_ms or self._clock_ms, self._clock_ms)
        table = operation.table
        spans = [span_of(table, row) for row in rows]
        if not any(to_ms > at_ms for _, to_ms in spans):
            wrong = (
                "is not known" if not rows else f"has no version in force at {instant_text(at_ms)} or later"
            )
            self._fault(operation, "", wrong, "an id that is in force then", "not_in_force")
            return
        kept = []
        for row, (from_ms, to_ms) in zip(rows, spans, strict=True):
            if from_ms < at_ms < to_ms:
                kept.append(with_cells(table, row, {"valid_to": instant_text(at_ms)}))
            elif from_ms < at_ms:
                kept.append(row)
        rows[:] = kept

    def _add_years(self, operation: Operation) -> None:
        if operation.op != "put":
            wrong = "public holidays do not end"
            self._fault(operation, "op", wrong, "put, with years to add", "not_supported_yet")
            return
        found = with_years(self.holidays, operation.row)
        for field, wrong, expected, code in found.faults:
            self._fault(operation, field, wrong, expected, code)
        self.holidays = found.text
        self._holidays_from_ms = min(self._holidays_from_ms, found.from_ms)

    def _policy(self, operation: Operation, rows: list[Document]) -> None:
        complain = partial(self._fault, operation)
        if operation.op == "put":
            row, times = with_sound_times(operation, self._faults)
            begin_ms = self._begin_ms(operation, times["valid_from"])
            put_policy(rows, row, begin_ms, self._policies(), self._clock_ms, complain)
        else:
            at_ms = max(operation.effective_ms or self._clock_ms, self._clock_ms)
            end_policy(rows, at_ms, self._policies(), complain)

    def _policies(self) -> Policies:
        """The policies as they are to be so far."""
        drafted = {key: of for key, of in self.rows.items() if key[0] == POLICIES}
        others = [row for row in self._site.policies() if (POLICIES, str(row["version"])) not in drafted]
        return policies_of(self._site.policy, [*others, *(row for of in drafted.values() for row in of)])

    def _fault_past(self, operation: Operation, field: str, ms: int, least_ms: int) -> None:
        wrong = f"{_written(ms)} is in the past: the log's clock stands at {instant_text(self._clock_ms)}"
        self._fault(operation, field, wrong, f"{instant_text(least_ms)} or later", "in_the_past")

    def _fault(self, operation: Operation, field: str, wrong: str, expected: str, code: Code) -> None:
        about = operation.number, operation.table, operation.id
        self._faults.append(ChangeFault(*about, field, wrong, expected, code))


def _written(ms: int) -> str:
    return instant_text(ms) if ms > BEGIN_MS else "always"


def _holding(table: str, rows: Sequence[Document], at_ms: int) -> tuple[int, tuple[int, int]] | None:
    """Number and span of the version in force at an instant."""
    for number, row in enumerate(rows):
        from_ms, to_ms = span_of(table, row)
        if from_ms <= at_ms < to_ms:
            return number, (from_ms, to_ms)
    return None
