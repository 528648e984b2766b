"""Rows in the body of a message: decoded and judged like those of files, and made into columns."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.columns import columns_of
from pipeline.ingest.counting import has_more_elements, has_more_lines
from pipeline.ingest.errors import OtherDevice, TooManyRows, UnreadableMessage
from pipeline.ingest.log_columns import cells_of_few, log_batch
from pipeline.ingest.received import Received, span_of
from pipeline.ingest.usable import NONE_USABLE, UsableBatch, UsableCells
from pipeline.reading.arrow_types import other_types
from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import COLUMN_NAMES, DeviceIds
from pipeline.reading.exact import json_object, object_of, row_of_object
from pipeline.reading.fields import (
    BROKEN,
    FIELDS,
    UNPLAIN,
    WRONG_VALUE,
    Fields,
    checked_rows,
    field_reasons,
)
from pipeline.reading.json_rows import UNKNOWN_COLUMNS_MOST, decode_lines
from pipeline.reading.nesting import elements_of
from pipeline.reading.other_columns import column_of_cells, is_unicode, other_cells
from pipeline.reading.rows import BAD_VALUE, USABLE
from pipeline.reading.text_stream import BOM, LINE_MOST

#: Rows of one body: memory goes by their number, and a short row takes fifty times its length. A device
#: sends what one person gathered.
ROWS_MOST = 100_000
DEVICE_ROWS_MOST = 10_000
_NO_ORDER = np.full(64, -1, np.int64)
#: As many rows are sooner read as objects than as columns.
FEW_ROWS = 256
_EVENT, _START, _END, _CHALLENGE, _GIVEN, _FLAGS = map(
    (FIELDS.names or ()).index, ("event_ms", "start", "end", "challenge_start", "given", "flags")
)


def received(body: bytes, kind: int, devices: DeviceIds, *, own: str | None, is_ndjson: bool) -> Received:
    """The rows of a body, a JSON array or one object a line (``is_ndjson``: surely the latter).

    ``own`` is the only device a row may name (None: any). Raises TooManyRows, UnreadableMessage and
    OtherDevice.
    """
    text = body.removeprefix(BOM)
    is_array = not is_ndjson and text.lstrip(b" \t\r\n")[:1] == b"["
    rows_most = ROWS_MOST if own is None else DEVICE_ROWS_MOST
    if has_more_elements(text, rows_most) if is_array else has_more_lines(text, rows_most):
        raise TooManyRows(f"more than {rows_most} rows; send fewer at a time")
    if is_array:
        text = b"\n".join(_elements(text))
    fields = _decoded(text + b"\n", kind, devices)
    read = _few if len(fields) <= FEW_ROWS else _many
    return read(text, fields, kind, devices, own)


def _few(text: bytes, fields: Fields, kind: int, devices: DeviceIds, own: str | None) -> Received:
    """Rows as plain objects of Python, which for few of them is sooner than as arrays."""
    rows = fields.tolist()
    lines = [text[row[_START] : row[_END]] for row in rows]
    if own is not None:
        _check_own(lines, own)
    flags, given, is_challenged = 0, 0, False
    for row in rows:
        flags |= row[_FLAGS]
        given |= row[_GIVEN]
        is_challenged |= row[_CHALLENGE] >= 0
    challenges: list[str | None] = [None] * len(rows)
    if flags & UNPLAIN or is_challenged:
        challenges = _made_plain(fields, text, lines, kind, devices)
        rows = fields.tolist()
    reason = field_reasons(fields)
    names = _other_names(flags, given, kind)
    others = _others(reason, names, lines, kind)
    codes = reason.tolist()
    event_ms = [row[_EVENT] for row in rows]
    usable, span_ms = NONE_USABLE, None
    if not any(codes):
        span_ms = (min(event_ms), max(event_ms)) if rows else None
    else:
        kept = [row for row, code in enumerate(codes) if code == USABLE]
        rows, challenges = [rows[row] for row in kept], [challenges[row] for row in kept]
    if rows:
        usable = UsableCells(len(rows), cells_of_few(rows, others, challenges, kind, devices))
    return Received(kind, reason, np.array(event_ms, np.int64), usable, lines, span_ms)


def _many(text: bytes, fields: Fields, kind: int, devices: DeviceIds, own: str | None) -> Received:
    """Rows as columns."""
    bounds = zip(fields["start"].tolist(), fields["end"].tolist(), strict=True)
    lines = [text[start:end] for start, end in bounds]
    if own is not None:
        _check_own(lines, own)
    flags = int(np.bitwise_or.reduce(fields["flags"]))
    given = int(np.bitwise_or.reduce(fields["given"]))
    codes, challenges = np.full(len(fields), -1, np.int32), Challenges()
    if flags & UNPLAIN or (fields["challenge_start"] >= 0).any():
        for row, challenge in enumerate(_made_plain(fields, text, lines, kind, devices)):
            if challenge is not None:
                codes[row] = challenges.code(challenge)
    rows = checked_rows(fields, codes)
    names = _other_names(flags, given, kind)
    others = _others(rows.reason, names, lines, kind)
    columns = {name: column_of_cells(cells, name, kind) for name, cells in others.items()}
    batch = log_batch(rows.select(rows.reason == USABLE), columns, challenges.texts, kind, devices)
    span_ms = span_of(rows.reason, rows.event_ms)
    return Received(kind, rows.reason, rows.event_ms, UsableBatch(batch), lines, span_ms)


def _elements(text: bytes) -> list[bytes]:
    """The elements of an array, each on one line; one that could be read in no file stays unreadable."""
    try:
        raw = [bytes(element) for element in msgspec.json.decode(text, type=list[msgspec.Raw])]
        if not any(b"\n" in element or b"\r" in element for element in raw):
            return raw
    except (msgspec.MsgspecError, RecursionError):
        pass
    if (found := elements_of(text)) is None:
        raise UnreadableMessage("the body is no JSON array: its brackets, quotes or commas do not match")
    return found


def _decoded(text: bytes, kind: int, devices: DeviceIds) -> Fields:
    room = np.empty(text.count(b"\n"), FIELDS)
    content = _content(kind)
    order = _NO_ORDER.copy()
    unknown_columns = np.zeros((UNKNOWN_COLUMNS_MOST, 3), np.int64)
    letters = np.frombuffer(text, np.uint8)
    rows, _ = decode_lines(letters, 0, True, LINE_MOST, content, order, *devices.words, unknown_columns, room)
    return room[:rows]


@cache
def _content(kind: int) -> NDArray[np.int8]:
    """What each of COLUMN_NAMES holds in a kind of row, -1 where it has no such column."""
    columns = columns_of(kind)
    return np.array([columns.get(column, -1) for column in COLUMN_NAMES], np.int8)


def _check_own(lines: list[bytes], own: str) -> None:
    for line in lines:
        device_id = (json_object(line) or {}).get("device_id")
        if isinstance(device_id, str) and device_id != own:
            raise OtherDevice(f"a token of the device {own} sends for no other")


def _made_plain(
    fields: Fields, text: bytes, lines: list[bytes], kind: int, devices: DeviceIds
) -> list[str | None]:
    """The challenge ids of all rows; rows not plain in ``fields`` are read one by one, and are plain then."""
    challenges: list[str | None] = [None] * len(fields)
    plain = fields["flags"] & (UNPLAIN | BROKEN) == 0
    for row in np.flatnonzero(plain & (fields["challenge_start"] >= 0)).tolist():
        start, end = fields["challenge_start"][row], fields["challenge_end"][row]
        challenges[row] = text[start:end].decode()
    for row in np.flatnonzero(fields["flags"] & UNPLAIN).tolist():
        exact = row_of_object(json_object(lines[row]), columns_of(kind), devices.numbers)
        if is_unicode(exact.challenge):
            challenges[row] = exact.challenge
        else:
            exact.flags |= WRONG_VALUE
        exact.store(fields[row])
    return challenges


def _other_names(flags: int, given: int, kind: int) -> list[str]:
    """The columns beside whose, when and where, as far as any row may have them by its flags and bits."""
    if flags & UNPLAIN:
        return list(other_types(kind))
    return [name for name, bit in _other_bits(kind) if given & bit]


@cache
def _other_bits(kind: int) -> list[tuple[str, int]]:
    """Such columns with their bit in ``given``."""
    return [(name, 1 << COLUMN_NAMES.index(name)) for name in other_types(kind)]


def _others(
    reason: NDArray[np.int8], names: list[str], lines: list[bytes], kind: int
) -> dict[str, list[Any]]:
    """Columns beside whose, when and where, as cells of the usable rows.

    The log cannot hold text that is no Unicode (a lone surrogate), so such a row is a bad value.
    """
    if not names:
        return {}
    usable = np.flatnonzero(reason == USABLE).tolist()
    try:
        return other_cells([lines[row] for row in usable], names, kind)
    except ValueError:
        found = [values for row in usable if (values := _own_values(reason, row, lines[row], names))]
        return {name: [values[name] for values in found] for name in names}


def _own_values(reason: NDArray[np.int8], row: int, line: bytes, names: list[str]) -> dict[str, Any]:
    """Some columns of one row; nothing where the row turns out to be of no use."""
    found = object_of(line)
    values = {name: found.get(name) for name in names}
    if not all(map(is_unicode, values.values())):
        reason[row] = BAD_VALUE
        return {}
    return values
