"""Rows one by one in Python: what text means by definition, and the way of every row that is not plain."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from geofences.crs import CRS
from geofences.instant import BEGIN_MS, instant_ms
from pipeline.columns import (
    ACCURACY,
    ARRIVAL_TIME,
    CHALLENGE,
    CRS_NAME,
    DEVICE,
    EVENT_TIME,
    FACE,
    LAT,
    LON,
    NUMBER,
    SOURCE,
    TEXT,
    TRUTH,
)
from pipeline.ping import NO_SOURCE
from pipeline.reading.fields import (
    BROKEN,
    FACE_OK,
    HAS_LAT,
    HAS_LON,
    NO_DEVICE,
    NO_TIME,
    WRONG_TIME,
    WRONG_VALUE,
    Field,
)
from pipeline.reading.nesting import is_too_deep
from pipeline.sites.policy import SOURCES

_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_SOURCE_CODE = {name: code for code, name in enumerate(SOURCES)}
_CRS_CODE: dict[str, int] = {name: code for code, name in enumerate(CRS)}
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(slots=True)
class ExactRow:
    """One row being read; flags and values as in ``fields.Fields``, the challenge id as text."""

    flags: int = NO_DEVICE | NO_TIME
    device: int = -1
    event_ms: int = BEGIN_MS
    arrival_ms: int = BEGIN_MS
    lon: float = float("nan")
    lat: float = float("nan")
    accuracy_m: float = float("nan")
    source: int = NO_SOURCE
    crs: int = 0
    challenge: str | None = None

    def store(self, row: Field) -> None:
        """Writes everything but the challenge id."""
        row["flags"] = self.flags
        row["device"] = self.device
        row["event_ms"] = self.event_ms
        row["arrival_ms"] = self.arrival_ms
        row["lon"] = self.lon
        row["lat"] = self.lat
        row["accuracy_m"] = self.accuracy_m
        row["source"] = self.source
        row["crs"] = self.crs


def json_object(line: bytes) -> dict[str, object] | None:
    """The object on a line, numbers all as float; None where the line is no JSON object."""
    if is_too_deep(line):
        return None
    try:
        value = json.loads(line.decode(), parse_int=float)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def object_of(line: bytes) -> dict[str, Any]:
    """The object on a line that is known to hold one, read the fast way; numbers as they are written."""
    try:
        found = msgspec.json.decode(line)
    except msgspec.MsgspecError:
        found = json_object(line)
    assert isinstance(found, dict), "a usable row is an object"
    return found


def row_of_object(
    values: Mapping[str, object] | None, columns: dict[str, int], devices: dict[str, int]
) -> ExactRow:
    """The row that an object stands for; None stands for a line that is no object."""
    row = ExactRow()
    if values is None:
        row.flags = BROKEN
        return row
    for name, content in columns.items():
        value = values.get(name)
        if value is not None:
            _put_value(row, content, value, devices)
    return row


def row_of_cells(cells: list[str] | None, contents: list[int], devices: dict[str, int]) -> ExactRow:
    """The row that cells stand for; None stands for a record that cannot be taken apart."""
    row = ExactRow()
    if cells is None or len(cells) != len(contents):
        row.flags = BROKEN
        return row
    for content, cell in zip(contents, cells, strict=True):
        if content not in (DEVICE, SOURCE, CRS_NAME, CHALLENGE, EVENT_TIME, ARRIVAL_TIME):
            cell = cell.strip(" \t")
        elif content in (EVENT_TIME, ARRIVAL_TIME) and not cell.strip(" \t"):
            cell = ""
        if content >= 0 and cell:
            _put_value(row, content, value_of_cell(content, cell), devices)
    return row


def cells_of_record(record: str) -> list[str] | None:
    """The cells of one record without its line end; None where a quote is in a wrong place."""
    if '"' not in record:
        return record.split(",")
    cells, place = [], 0
    while True:
        if record[place : place + 1] != '"':
            end = record.find(",", place)
            end = len(record) if end < 0 else end
            cells.append(record[place:end])
        else:
            end = _closing_quote(record, place + 1)
            if end < 0 or record[end + 1 : end + 2] not in ("", ","):
                return None
            cells.append(record[place + 1 : end].replace('""', '"'))
            end += 1
        if end == len(record):
            return cells
        place = end + 1


def _closing_quote(record: str, place: int) -> int:
    """Where the quoted cell ends whose text begins at ``place``; -1 where it does not."""
    while True:
        place = record.find('"', place)
        if place < 0 or record[place + 1 : place + 2] != '"':
            return place
        place += 2


def value_of_cell(content: int, cell: str) -> object:
    """What a cell that is not empty says, as JSON would have said it."""
    if content in (LON, LAT, ACCURACY, NUMBER):
        if _NUMBER.fullmatch(cell):
            return float(cell)
        return float("nan") if content in (LON, LAT) else cell
    if content in (TRUTH, FACE):
        return _TRUTHS.get(cell.lower(), cell)
    return cell


def _put_value(row: ExactRow, content: int, value: object, devices: dict[str, int]) -> None:
    """One value that is given."""
    if content == DEVICE:
        if isinstance(value, str) and value:
            row.device = devices.get(value, -1)
            row.flags &= ~NO_DEVICE
    elif content in (EVENT_TIME, ARRIVAL_TIME):
        _put_time(row, content, value)
    elif content in (LON, LAT):
        _put_degrees(row, content, value)
    elif content == ACCURACY and isinstance(value, float) and 0 <= value < float("inf"):
        row.accuracy_m = value
    elif content == SOURCE and isinstance(value, str) and value in _SOURCE_CODE:
        row.source = _SOURCE_CODE[value]
    elif content == CRS_NAME and isinstance(value, str) and value in _CRS_CODE:
        row.crs = _CRS_CODE[value]
    elif content == FACE and isinstance(value, bool):
        row.flags |= FACE_OK if value else 0
    elif content == CHALLENGE and isinstance(value, str):
        row.challenge = value
    elif not _harmless(content, value):
        row.flags |= WRONG_VALUE


def _harmless(content: int, value: object) -> bool:
    """Whether a value is of the type of a column that nothing looks at yet.

    A number beyond what float64 can hold is read as infinite, and is no value of anything.
    """
    if content == NUMBER:
        return isinstance(value, float) and not math.isinf(value)
    if content == TRUTH:
        return isinstance(value, bool)
    return content == TEXT and isinstance(value, str)


def _put_time(row: ExactRow, content: int, value: object) -> None:
    try:
        at_ms = instant_ms(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        at_ms = None
    if at_ms is None:
        row.flags |= WRONG_TIME
    elif content == EVENT_TIME:
        row.event_ms = at_ms
        row.flags &= ~NO_TIME
    else:
        row.arrival_ms = at_ms


def _put_degrees(row: ExactRow, content: int, value: object) -> None:
    if not isinstance(value, float):
        row.flags |= BROKEN
    elif content == LON:
        row.lon = value
        row.flags |= HAS_LON
    else:
        row.lat = value
        row.flags |= HAS_LAT
