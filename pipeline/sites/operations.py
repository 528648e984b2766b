"""Operations as people send them, read one by one: whatever cannot be read is a fault with its field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from geofences.instant import instant_ms
from pipeline.sites.cells import TIME_EXPECTED, is_number, is_unicode
from pipeline.sites.change_faults import ChangeFault, Code
from pipeline.sites.documents import POLICIES, TABLES, Document, known_feature
from pipeline.sites.fences import PROPERTIES
from pipeline.sites.findings import listed, shown
from pipeline.sites.site_versions import FENCES, VERSIONED, with_cells
from sinks.alert import instant_text

_KEYS = ("op", "table", "row", "effective_at", "by", "reason", "id", "arrival_time")
_OPS = ("put", "end")
#: Tables of a site that a change may be about.
CHANGEABLE = (*VERSIONED, POLICIES, "holidays")


class _Complain(Protocol):
    """Notes a fault of the operation that is being read."""

    def __call__(self, field: str, wrong: str, expected: str, code: Code = "malformed") -> None: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a change that could be read: ``number`` is its place, from 0.

    ``row`` has every column of its table; ``effective_ms`` is None for the log's clock.
    """

    number: int
    op: str
    table: str
    id: str
    row: Document
    effective_ms: int | None


def read_operations(given: object, faults: list[ChangeFault]) -> list[Operation]:
    """Those that could be read; the faults of the others, and of what was left out of these."""
    if not isinstance(given, list) or not given:
        expected = 'a list of operations such as {"op": "put", "table": "people", "row": {…}}'
        faults.append(ChangeFault(0, "", "", "", "is no list of operations", expected, "malformed"))
        return []
    found = [_operation(number, item, faults) for number, item in enumerate(given)]
    return [operation for operation in found if operation is not None]


def _operation(number: int, item: Any, faults: list[ChangeFault]) -> Operation | None:
    item = item if isinstance(item, dict) else {}
    op, table, row = item.get("op"), item.get("table"), item.get("row")
    before = len(faults)

    def complain(field: str, wrong: str, expected: str, code: Code = "malformed") -> None:
        table_name = table if isinstance(table, str) else ""
        faults.append(ChangeFault(number, table_name, name, field, wrong, expected, code))

    name = ""
    if op not in _OPS:
        complain("op", f"{shown(op)} will not do", "put or end")
    if table not in CHANGEABLE:
        complain("table", f"{shown(table)} will not do", f"one of {', '.join(CHANGEABLE)}")
    if not isinstance(row, dict):
        complain("row", f"{shown(row)} is no row", "an object with the columns of the table")
    if len(faults) > before:
        return None
    assert isinstance(table, str)
    assert isinstance(row, dict)
    name = _id(table, row)
    for key in item.keys() - set(_KEYS):
        complain(str(key), "unknown key", f"one of {', '.join(_KEYS)}")
    effective_ms = _instant(item.get("effective_at"), "effective_at", complain)
    if table not in (*VERSIONED, POLICIES):
        return Operation(number, str(op), table, name, row, effective_ms)
    if not name:
        complain(_id_column(table), "is missing", f"a {_id_column(table)}")
        return None
    if table == POLICIES:
        return _policy(Operation(number, str(op), table, name, row, effective_ms), complain)
    read = _feature(row, complain) if table == FENCES else _cells(table, row, complain)
    return Operation(number, str(op), table, name, read, effective_ms)


def _policy(operation: Operation, complain: _Complain) -> Operation | None:
    """The operation where its policy can be written; what it says is checked with the site."""
    if is_unicode(json.dumps(operation.row, ensure_ascii=False)):
        return operation
    complain("row", "is no Unicode text", "texts without halves of letters")
    return None


def _id_column(table: str) -> str:
    if table == POLICIES:
        return "version"
    return "fence_id" if table == FENCES else TABLES[table].id_column


def _id(table: str, row: dict[str, Any]) -> str:
    if table not in (*VERSIONED, POLICIES):
        return ""
    properties = row.get("properties")
    # To end a fence its id is enough.
    cells = properties if table == FENCES and isinstance(properties, dict) else row
    found = cells.get(_id_column(table))
    return found if isinstance(found, str) and is_unicode(found) else ""


def _instant(text: object, field: str, complain: _Complain) -> int | None:
    if text is None or text == "":
        return None
    try:
        found_ms = instant_ms(text) if isinstance(text, str) else _no_instant(text)
        instant_text(found_ms)  # beyond the calendar there is no way to write it
        return found_ms
    except (ValueError, OverflowError):
        complain(field, f"{shown(text)} is no time with offset", TIME_EXPECTED)
        return None


def _no_instant(value: object) -> int:
    raise ValueError(f"{value!r} is no text")


def _cells(table: str, row: dict[str, Any], complain: _Complain) -> Document:
    form = TABLES[table]
    names = (*form.columns, *form.optional)
    for name in sorted(map(str, row.keys() - set(names))):
        complain(name, "unknown column", f"one of {', '.join(names)}")
    return {name: _cell(name, row.get(name), complain) for name in names}


def _cell(name: str, value: object, complain: _Complain) -> str:
    """A value as it would stand in the file; numbers may be given as such."""
    if value is None:
        return ""
    if isinstance(value, str) and is_unicode(value):
        return value
    if is_number(value):
        return json.dumps(value)
    complain(name, f"{shown(value)} is no text", "a text as in the file, or a number")
    return ""


def _feature(row: dict[str, Any], complain: _Complain) -> Document:
    properties = row.get("properties")
    if not isinstance(properties, dict):
        if row.keys() == {"fence_id"}:  # enough to end one; a put has the faults of a fence without geometry
            properties = row
        else:
            complain("properties", "are missing", "a GeoJSON Feature with properties and geometry")
            properties = {"fence_id": _id(FENCES, row)}
    elif row.get("type") != "Feature":
        complain("type", f"{shown(row.get('type'))} will not do", "Feature")
    for name in sorted(map(str, properties.keys() - set(PROPERTIES))):
        complain(name, "unknown property", f"one of {listed(PROPERTIES)}")
    return known_feature({"properties": properties, "geometry": row.get("geometry")})


def with_sound_times(
    operation: Operation, faults: list[ChangeFault]
) -> tuple[Document, dict[str, int | None]]:
    """The row of an operation and its times by column (None: not given); what is no time is left out."""
    cells = operation.row["properties"] if operation.table == FENCES else operation.row

    def complain(field: str, wrong: str, expected: str, code: Code = "malformed") -> None:
        about = operation.number, operation.table, operation.id
        faults.append(ChangeFault(*about, field, wrong, expected, code))

    names = ("valid_from", "valid_to", *(("approved_at",) if operation.table == "leaves" else ()))
    times = {name: _instant(cells.get(name), name, complain) for name in names}
    wrong = {name: "" for name in names if times[name] is None and cells.get(name)}
    return with_cells(operation.table, operation.row, wrong) if wrong else operation.row, times
