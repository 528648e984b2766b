"""What a change does to a site's rows, so plainly that every version of the program does the same with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from geofences.instant import BEGIN_MS, END_MS, instant_ms
from pipeline.sites.documents import POLICIES, Document, SiteDocuments
from pipeline.sites.site_versions import FENCES, ChangingSite, Key, id_of, key_of, span_of

HOLIDAYS = "holidays"

#: ``{"table": T, "put": row}``: the row with this id and valid_from is now this one, there before or not;
#: ``{"table": T, "drop": {"id": I, "valid_from": F}}``: there is no such row any longer;
#: ``{"table": "holidays", "put": {"text": S}}``: the file is now this.
Edit = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edits:
    """The edits of one change, in order; ``earliest_ms``: from when on the site is another one.

    False where nothing is another.
    """

    edits: tuple[Edit, ...]
    earliest_ms: int = END_MS

    def __bool__(self) -> bool:
        return bool(self.edits)


def edited(documents: SiteDocuments, edits: Iterable[Edit]) -> SiteDocuments:
    """The site with edits made, in their order. New rows come at the end of their table."""
    by_table: dict[str, list[Edit]] = {}
    for edit in edits:
        by_table.setdefault(edit["table"], []).append(edit)
    if HOLIDAYS in by_table:
        documents = replace(documents, holidays=by_table.pop(HOLIDAYS)[-1]["put"]["text"])
    for table, of_table in by_table.items():
        rows = _edited_rows(table, documents.table(table), of_table)
        if table == FENCES:
            documents = replace(documents, fences=rows)
        elif table == POLICIES:
            documents = replace(documents, policies=rows)
        else:
            documents = replace(documents, rows={**documents.rows, table: rows})
    return documents


def _edited_rows(table: str, rows: Sequence[Document], edits: Sequence[Edit]) -> tuple[Document, ...]:
    places = list(map(place_of, edits))
    ids = {name for name, _ in places}
    # Of the many rows of a table only those about these ids are looked at any closer.
    slots: list[Document | None] = list(rows)
    found = {
        (key_of(table, row)[1], span_of(table, row)[0]): slot
        for slot, row in enumerate(rows)
        if id_of(table, row) in ids
    }
    for place, edit in zip(places, edits, strict=True):
        if "put" not in edit:
            slots[found.pop(place)] = None
        elif place in found:
            slots[found[place]] = edit["put"]
        else:
            found[place] = len(slots)
            slots.append(edit["put"])
    return tuple(row for row in slots if row is not None)


def place_of(edit: Edit) -> tuple[str, int]:
    """The id and the begin (ms) of the row that an edit of a versioned table is about."""
    if "put" in edit:
        return key_of(edit["table"], edit["put"])[1], span_of(edit["table"], edit["put"])[0]
    text = edit["drop"]["valid_from"]
    return edit["drop"]["id"], instant_ms(text) if text else BEGIN_MS


def about(edit: Edit) -> Key:
    """The table and the id that an edit is about; holidays have no id."""
    table = edit["table"]
    if table == HOLIDAYS:
        return table, ""
    return key_of(table, edit["put"]) if "put" in edit else (table, edit["drop"]["id"])


def apply_edits(site: ChangingSite, edits: Iterable[Edit]) -> None:
    """The same in place, where each change must cost no more than the rows it is about."""
    by_key: dict[Key, list[Edit]] = {}
    for edit in edits:
        if edit["table"] == HOLIDAYS:
            site.holidays = edit["put"]["text"]
        else:
            by_key.setdefault(about(edit), []).append(edit)
    for key, of_id in by_key.items():
        site.replace(key, _edited_rows(key[0], site.versions(key), of_id))


def difference(key: Key, before: Sequence[Document], after: Sequence[Document]) -> Edits:
    """The edits that make the rows about an id others. No two rows of a side begin together."""
    table, name = key
    old = {span_of(table, row)[0]: row for row in before}
    new = {span_of(table, row)[0]: row for row in after}
    edits: list[Edit] = []
    earliest_ms = END_MS
    for from_ms in sorted(old.keys() - new.keys()):
        text = _valid_from(table, old[from_ms])
        edits.append({"table": table, "drop": {"id": name, "valid_from": text}})
        earliest_ms = min(earliest_ms, from_ms)
    for from_ms, row in new.items():
        if old.get(from_ms) != row:
            edits.append({"table": table, "put": row})
            earliest_ms = min(earliest_ms, _differs_from_ms(table, old.get(from_ms), row))
    return Edits(tuple(edits), earliest_ms)


def _valid_from(table: str, row: Document) -> str:
    cells = row["properties"] if table == FENCES else row
    return cells.get("valid_from") or ""


def _differs_from_ms(table: str, old: Document | None, new: Document) -> int:
    """From when on a row says another thing than the one that began with it."""
    from_ms, to_ms = span_of(table, new)
    if old is None or contents(table, old) != contents(table, new):
        return from_ms
    return min(to_ms, span_of(table, old)[1])


def contents(table: str, row: Document) -> Document:
    """What a row says apart from when it holds."""
    cells = row["properties"] if table == FENCES else row
    kept = {name: cell for name, cell in cells.items() if name not in ("valid_from", "valid_to")}
    return {**row, "properties": kept} if table == FENCES else kept
