"""A change of the site as a record of the log: what was asked for, and what it does to which rows.

The log's clock at the record is the instant that the change was resolved with. What it does stands in it, so
that a later version of the program, which may resolve otherwise, does the same with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from pipeline.json_text import json_text, json_value
from pipeline.log.record import SITE, Entry, Record


@dataclass(frozen=True)
class SiteChange:
    """Who asked for what and why, and the edits that it comes to. ``id`` is the asker's own name for it.

    ``written``: the operations as JSON, where somebody has them so already.
    """

    id: str
    by: str
    reason: str
    operations: Sequence[Any]
    edits: Sequence[Mapping[str, Any]]
    written: str | None = field(default=None, compare=False, repr=False)

    @cached_property
    def operations_json(self) -> str:
        """The operations as JSON: thousands of them are written once."""
        return json_text(list(self.operations)) if self.written is None else self.written

    @cached_property
    def edits_json(self) -> str:
        """The edits as JSON."""
        return json_text(list(self.edits))


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """A change in its place: the ``number`` of its record, and the log's clock there."""

    number: int
    at_ms: int
    change: SiteChange

    @classmethod
    def of(cls, record: Record) -> Self:
        """The change that a record of kind SITE holds."""
        said = json_value(record.payload)
        change = SiteChange(said["id"], said["by"], said["reason"], said["operations"], said["edits"])
        return cls(record.number, record.clock_ms, change)


def devices_put(edits: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ids of devices that edits put in, each once, in their order."""
    rows = (edit["put"] for edit in edits if edit["table"] == "devices" and "put" in edit)
    return list(dict.fromkeys(row["device_id"] for row in rows))


def site_entry(change: SiteChange) -> Entry:
    """The change to append; the log's clock must stand at the instant that it was resolved with."""
    said = json_text({"id": change.id, "by": change.by, "reason": change.reason}).removesuffix("}")
    rows = f'"operations":{change.operations_json},"edits":{change.edits_json}'
    return Entry(SITE, f"{said},{rows}}}".encode())
