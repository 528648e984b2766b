"""What an import of a site would change of another: a difference of timelines from the log's clock on."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.edits import contents
from pipeline.sites.findings import shown
from pipeline.sites.policy_difference import compare_policies
from pipeline.sites.site_versions import FENCES, VERSIONED, key_of, span_of, with_cells
from sinks.alert import instant_text

#: From one instant until before another a row says this.
_Piece = tuple[int, int, Document]


@dataclass(slots=True)
class SiteDifference:
    """The operations that make one site the other from the clock on, and a line for each id.

    ``notes`` say what differs and is not taken, above all of the time before the clock.
    """

    operations: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it for people."""
        return [*self.changes, *(f"not taken: {note}" for note in self.notes)]


def site_difference(now: SiteDocuments, given: SiteDocuments, clock_ms: int) -> SiteDifference:
    """What makes the site ``now`` the one ``given``; both must be sound."""
    found = SiteDifference()
    for table in VERSIONED:
        there, wanted = _by_id(now, table), _by_id(given, table)
        for name in (*wanted, *(name for name in there if name not in wanted)):
            old, new = there.get(name, []), wanted.get(name, [])
            if old != new:
                _compare(found, table, name, old, new, clock_ms)
    policies = compare_policies(now, given, clock_ms)
    found.operations += policies.operations
    found.changes += policies.changes
    found.notes += policies.notes
    _compare_texts(found, now, given)
    return found


def _by_id(site: SiteDocuments, table: str) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for row in site.table(table):
        found.setdefault(key_of(table, row)[1], []).append(row)
    return found


def _compare(
    found: SiteDifference, table: str, name: str, old: list[Document], new: list[Document], clock_ms: int
) -> None:
    if table == "leaves" and not old:  # entered late, it still counts from now on
        new = [row for row in new if span_of(table, row)[1] > clock_ms] or new
    before, after = _pieces(table, old, clock_ms, END_MS), _pieces(table, new, clock_ms, END_MS)
    at_ms = _differ_from(before, after)
    if at_ms is not None:
        found.operations += _operations(table, name, old, new, at_ms, clock_ms)
        found.changes.append(_told(table, name, before, after, at_ms, clock_ms))
    past = [_pieces(table, rows, BEGIN_MS, clock_ms) for rows in (old, new)]
    is_late_leave = table == "leaves" and not old and at_ms is not None
    if _differ_from(*past) is not None and old and not is_late_leave:
        found.notes.append(f"{table} {name}: what the files say of the time before {instant_text(clock_ms)}")
    elif not old and at_ms is None:
        found.notes.append(f"{table} {name}: it was over before {instant_text(clock_ms)}")


def _pieces(table: str, rows: Sequence[Document], from_ms: int, to_ms: int) -> list[_Piece]:
    """What rows say of a span of time, piece by piece; adjoining pieces that say the same are one."""
    found: list[_Piece] = []
    for begin_ms, end_ms, row in sorted(
        ((*span_of(table, row), row) for row in rows), key=lambda one: one[0]
    ):
        begin_ms, end_ms = max(begin_ms, from_ms), min(end_ms, to_ms)
        if begin_ms >= end_ms:
            continue
        said = _said(table, row, from_ms)
        if found and found[-1][1] == begin_ms and found[-1][2] == said:
            found[-1] = found[-1][0], end_ms, said
        else:
            found.append((begin_ms, end_ms, said))
    return found


def _said(table: str, row: Document, from_ms: int) -> Document:
    """What a row says from an instant on: a leave approved by then counts for all that arrives after it."""
    said = contents(table, row)
    if table == "leaves" and said["approved_at"] and instant_ms(said["approved_at"]) <= from_ms + 1:
        return {**said, "approved_at": ""}
    return said


def _differ_from(one: list[_Piece], other: list[_Piece]) -> int | None:
    """The first instant of which two timelines say something else; None where there is none."""
    for (begin_ms, end_ms, said), (other_begin_ms, other_end_ms, other_said) in zip(one, other, strict=False):
        if begin_ms != other_begin_ms:
            return min(begin_ms, other_begin_ms)
        if said != other_said:
            return begin_ms
        if end_ms != other_end_ms:
            return min(end_ms, other_end_ms)
    longer = one[len(other) :] or other[len(one) :]
    return longer[0][0] if longer else None


def _operations(
    table: str, name: str, old: list[Document], new: list[Document], at_ms: int, clock_ms: int
) -> Iterator[dict[str, Any]]:
    """What is there ends where the difference begins, and from there on comes what is given."""
    at = None if at_ms <= clock_ms else instant_text(at_ms)
    if not _is_replaced(table, old, new, at_ms) and any(span_of(table, row)[1] > at_ms for row in old):
        yield {"op": "end", "table": table, "row": _named(table, name), "effective_at": at}
    for row in sorted(new, key=lambda row: span_of(table, row)[0]):
        begin_ms, end_ms = span_of(table, row)
        if end_ms <= at_ms:
            continue
        if begin_ms < at_ms and not (table == "leaves" and not old):
            row = with_cells(table, row, {"valid_from": ""})
        yield {"op": "put", "table": table, "row": row, "effective_at": at}


def _is_replaced(table: str, old: Sequence[Document], new: Sequence[Document], at_ms: int) -> bool:
    """Whether one row is in force and others follow neither it nor the one that takes its place at once."""
    spans = [
        [span for span in (span_of(table, row) for row in rows) if span[1] > at_ms] for rows in (old, new)
    ]
    return table != "leaves" and all(len(of) == 1 and of[0][0] <= at_ms for of in spans)


def _named(table: str, name: str) -> Document:
    return {"fence_id" if table == FENCES else TABLES[table].id_column: name}


def _told(table: str, name: str, before: list[_Piece], after: list[_Piece], at_ms: int, clock_ms: int) -> str:
    """A line for one id: what it says from when on in place of what."""
    when = "from now on" if at_ms <= clock_ms else f"from {instant_text(at_ms)} on"
    old, new = _said_at(before, at_ms), _said_at(after, at_ms)
    if new is None and not any(begin_ms > at_ms for begin_ms, _, _ in after):
        return f"{table} {name}: ends {'now' if at_ms <= clock_ms else instant_text(at_ms)}"
    if old is None and not before:
        return f"{table} {name}: new {when}"
    if old is None or new is None:
        return f"{table} {name}: another validity {when}"
    differing = ", ".join(_cells(table, old, new)) or "another validity"
    return f"{table} {name}: {differing}, {when}"


def _said_at(pieces: list[_Piece], at_ms: int) -> Document | None:
    return next((said for begin_ms, end_ms, said in pieces if begin_ms <= at_ms < end_ms), None)


def _cells(table: str, old: Document, new: Document) -> Iterator[str]:
    if table == FENCES:
        if old["geometry"] != new["geometry"]:
            yield "another geometry"
        old, new = old["properties"], new["properties"]
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield f"{name} {shown(old.get(name, ''))} -> {shown(new.get(name, ''))}"


def _compare_texts(found: SiteDifference, now: SiteDocuments, given: SiteDocuments) -> None:
    if now.holidays != given.holidays:
        _compare_holidays(found, now.holidays, given.holidays)
    if now.places != given.places:
        found.notes.append("places.csv: `serve` reads the names of places where it is configured")


def _compare_holidays(found: SiteDifference, now: str, given: str) -> None:
    before, after = (tomllib.loads(text) if text.strip() else {"days_off": {}} for text in (now, given))
    if lost := sorted(before["days_off"].keys() - after["days_off"].keys()):
        found.notes.append(f"holidays.toml: it lacks {', '.join(lost)}; years are never taken away")
    years = {year: days for year, days in after["days_off"].items() if before["days_off"].get(year) != days}
    if years:
        row = json.loads(json.dumps({"version": after["version"], "days_off": years}))
        found.operations.append({"op": "put", "table": "holidays", "row": row, "effective_at": None})
        found.changes.append(f"holidays.toml: the days off of {', '.join(sorted(years))}")
