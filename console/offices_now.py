"""How offices stand above each other at a time, worked out once for as long as it stays so."""

from __future__ import annotations

from collections.abc import Sequence

from geofences.instant import END_MS
from pipeline.sites.offices import office_trees, offices_above, present_offices
from pipeline.sites.records import Office


class OfficesNow:
    """The offices of a site as they are from ``at_ms`` until ``until_ms``; it never changes."""

    def __init__(self, rows: Sequence[Office], at_ms: int) -> None:
        self.rows = rows
        self.at_ms = at_ms
        self.present = present_offices(rows, at_ms)
        #: Of each office itself and all above it, nearest first.
        self.above = offices_above(rows, at_ms)
        self.parents = {name: office.parent_id for name, office in self.present.items()}
        turns_ms = (tree.from_ms for tree in office_trees(rows))
        self.until_ms = min((turn_ms for turn_ms in turns_ms if turn_ms > at_ms), default=END_MS)

    @classmethod
    def following(cls, before: OfficesNow | None, rows: Sequence[Office], at_ms: int) -> OfficesNow:
        """Those of a later state of a site: the very same where no row is another and none has turned."""
        if before is not None and before.rows is rows and before.at_ms <= at_ms < before.until_ms:
            return before
        return cls(rows, at_ms)
