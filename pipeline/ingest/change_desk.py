"""Where changes of the site are taken, in the one process that writes the log.

A change is resolved by the writer's thread at the log's clock, is durable in the log, then in the registry,
and only then answered. What a kill left between the first two is taken from the log at the next start: it is
in force once or not at all, and asking again with the same id tells which.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.host.collection import collected_later
from pipeline.ingest.errors import unanswered
from pipeline.ingest.journal_writer import JournalWriter
from pipeline.ingest.resolved_ahead import ResolvedAhead, resolved_ahead
from pipeline.json_text import json_text, json_value
from pipeline.log.record import PAYLOAD_BYTES_MOST, Entry
from pipeline.log.site_record import SiteChange, SiteRecord, site_entry
from pipeline.registry.history import HistoryEntry
from pipeline.registry.registry import Registry
from pipeline.sites.change_faults import ChangeFault, ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.edits import Edit
from sinks.errors import SinkFailed

#: What somebody has seen: the record that last changed an id (0: as imported, None: it was not there).
Expected = Mapping[tuple[str, str], int | None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a change: the ``number`` of its record, None where none was needed.

    It is in force from ``at_ms`` on at the earliest, the log's clock at its place.
    """

    id: str
    number: int | None
    at_ms: int
    edits: tuple[Edit, ...]


class SiteDesk(Protocol):
    """Whoever takes changes, here or in another process."""

    def submit(
        self,
        operations: Sequence[Any],
        *,
        by: str,
        reason: str,
        id: str | None = None,
        expected: Expected | None = None,
        timeout_s: float = 30.0,
    ) -> Answer:
        """Takes a change, all of it or nothing; durable on return.

        A change whose ``id`` was taken already is answered as it was then. Raises ChangeRefused with all
        faults (``changed_meanwhile`` where something is not as ``expected``), GatewayError where nothing can
        be taken at the moment, DeskSilent where there is no answer in time.
        """


class ChangeDesk:
    """The desk of the process that writes the log."""

    def __init__(self, writer: JournalWriter, registry: Registry) -> None:
        """The registry must have taken all that stands in the log (``caught_up``)."""
        self._writer = writer
        self._registry = registry
        self._listeners: list[Callable[[SiteRecord], None]] = []
        #: Durable in the log, and not in the registry, which could not be written.
        self._owed: list[SiteRecord] = []
        self._taking = threading.Lock()

    def on_taken(self, listener: Callable[[SiteRecord], None]) -> None:
        """Tells a listener of each change that is taken here from now on, by the writer's thread."""
        self._listeners.append(listener)

    def submit(
        self,
        operations: Sequence[Any],
        *,
        by: str,
        reason: str,
        id: str | None = None,
        expected: Expected | None = None,
        timeout_s: float = 30.0,
    ) -> Answer:
        """As a SiteDesk."""
        given_up_s = time.monotonic() + timeout_s
        with collected_later():
            asked = self._asked(operations, by, reason, id or secrets.token_hex(16), expected or {})
            try:
                self._writer.submit_change(asked).result(max(0.0, given_up_s - time.monotonic()))
            except TimeoutError:
                raise unanswered(asked.id) from None
            self._settle()
        assert asked.answer is not None
        return asked.answer

    def _asked(
        self, operations: Sequence[Any], by: str, reason: str, change_id: str, expected: Expected
    ) -> _Asked:
        asked = _Asked(self, operations, by, reason, change_id, expected)
        asked.look_ahead(self._registry, self._writer.clock_ms)
        return asked

    @property
    def registry(self) -> Registry:
        """The registry, with all that was taken. Raises SinkFailed."""
        with self._taking:
            while self._owed:
                self._registry.take(self._owed[0])
                self._owed.pop(0)
        return self._registry

    def _settle(self) -> None:
        """What is durable into the registry, by whoever asked: rows go on into the log meanwhile."""
        try:
            _ = self.registry
        except SinkFailed as failure:  # the log has it; the next change or the next start tries again
            _log.error("a change is in the log and not in the registry yet: %s", failure)

    def take(self, record: SiteRecord) -> None:
        """A change is durable; called by the writer's thread."""
        self._owed.append(record)
        for listener in self._listeners:
            try:
                listener(record)
            except Exception:
                _log.exception("whoever follows the site was not told of record %d", record.number)


class _Asked:
    """One change on its way."""

    def __init__(
        self,
        desk: ChangeDesk,
        operations: Sequence[Any],
        by: str,
        reason: str,
        change_id: str,
        expected: Expected,
    ) -> None:
        self.answer: Answer | None = None
        self._desk = desk
        self._written = json_text(list(operations))
        self._operations = json_value(self._written)  # as the log will have them
        self._by = by
        self._reason = reason
        self.id = change_id
        self._expected = expected
        self._change: SiteChange | None = None
        self._ahead: ResolvedAhead | None = None

    def look_ahead(self, registry: Registry, clock_ms: int) -> None:
        """Resolves a change of many rows before its turn. Raises ChangeRefused."""
        if not self._expected:
            self._ahead = resolved_ahead(registry, self.id, self._operations, clock_ms)

    def prepare(self, clock_ms: int) -> Entry | None:
        """The record of the change; None where its answer is known already."""
        registry = self._desk.registry
        if (before := registry.answered(self.id)) is not None:
            self.answer = self._as_before(before)
            return None
        _fault_stale(registry, self._expected)
        ahead = None if self._ahead is None else self._ahead.at(registry.last_record, clock_ms)
        edits = resolved(registry, self._operations, clock_ms).edits if ahead is None else ahead
        if not edits:
            self.answer = Answer(self.id, None, clock_ms, ())
            return None
        self._change = SiteChange(self.id, self._by, self._reason, self._operations, edits, self._written)
        entry = site_entry(self._change)
        if len(entry.payload) > PAYLOAD_BYTES_MOST:
            expected = f"at most {PAYLOAD_BYTES_MOST >> 20} MiB of JSON; make several changes of it"
            raise ChangeRefused([_whole("", "the change is too large for one", expected)])
        return entry

    def taken(self, number: int, clock_ms: int) -> None:
        """The change is durable."""
        assert self._change is not None, "prepared before it is taken"
        self.answer = Answer(self.id, number, clock_ms, tuple(self._change.edits))
        self._desk.take(SiteRecord(number, clock_ms, self._change))

    def _as_before(self, before: HistoryEntry) -> Answer:
        if before.operations != self._operations:
            raise ChangeRefused([_whole("id", f"'{self.id}' is another change already", "a new id")])
        return Answer(before.id, before.number, before.at_ms, tuple(before.edits))


def _fault_stale(registry: Registry, expected: Expected) -> None:
    faults = []
    for (table, name), seen in expected.items():
        if (stands := registry.made_by((table, name))) != seen:
            told = _record(stands), _record(seen)
            faults.append(ChangeFault(0, table, name, "", *told, "changed_meanwhile"))
    if faults:
        raise ChangeRefused(faults)


def _record(number: int | None) -> str:
    if number is None:
        return "there is no such row"
    return f"record {number} made it what it is" if number else "it is as it was imported"


def _whole(field: str, wrong: str, expected: str) -> ChangeFault:
    """A fault of a change as a whole."""
    return ChangeFault(0, "", "", field, wrong, expected, "malformed")
