"""Who changed what of the site, when and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.json_text import json_value
from sinks.sqlite import sqlite3

PAGE_MOST = 1_000


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A change that was taken: the number of its record, the log's clock there, and what it said."""

    number: int
    at_ms: int
    id: str
    by: str
    reason: str
    operations: list[Any]
    edits: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which changes: of an id, of a table, by somebody, from one time until before another."""

    id: str | None = None
    table: str | None = None
    by: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


def entry_of(row: Sequence[Any]) -> HistoryEntry:
    """A row of the table ``change``."""
    record, at_ms, change_id, by, reason, operations, edits = row
    return HistoryEntry(record, at_ms, change_id, by, reason, json_value(operations), json_value(edits))


def entries(
    connection: sqlite3.Connection, wanted: HistoryFilter, before: int | None, most: int
) -> list[HistoryEntry]:
    """The newest changes first, at most so many, before a record where one is given."""
    conditions, values = _conditions(wanted)
    if before is not None:
        conditions.append("record < :before")
        values["before"] = before
    where = " AND ".join(conditions) or "1 = 1"
    asked = (
        "SELECT record, at_ms, change_id, asked_by, reason, operations, edits FROM change"
        f" WHERE {where} ORDER BY record DESC LIMIT :most"
    )
    values["most"] = min(most, PAGE_MOST)
    return [entry_of(row) for row in connection.execute(asked, values)]


def _conditions(wanted: HistoryFilter) -> tuple[list[str], dict[str, Any]]:
    given: Mapping[str, Any] = {
        "asked_by = :by": ("by", wanted.by),
        "at_ms >= :from_ms": ("from_ms", wanted.from_ms),
        "at_ms < :to_ms": ("to_ms", wanted.to_ms),
    }
    conditions = [condition for condition, (_, value) in given.items() if value is not None]
    values = {name: value for name, value in given.values() if value is not None}
    of = {"id": wanted.id, "kind": wanted.table}
    if named := {name: value for name, value in of.items() if value is not None}:
        asked = " AND ".join(f"{name} = :{name}" for name in named)
        conditions.append(f"record IN (SELECT record FROM touched WHERE {asked})")
        values |= named
    return conditions, values
