"""Rows in the body of a message: decoded and judged like those of files, and made into columns."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import columns_of
from pipeline.ingest.counting import has_more_elements, has_more_lines
from pipeline.ingest.errors import OtherDevice, TooManyRows, UnreadableMessage
from pipeline.ingest.log_columns import FEW_ROWS, log_batch, log_batch_of_few
from pipeline.ingest.received import Received
from pipeline.reading.arrow_types import other_types
from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import COLUMN_NAMES, DeviceIds
from pipeline.reading.exact import json_object, object_of, row_of_object
from pipeline.reading.fields import BROKEN, FIELDS, UNPLAIN, WRONG_VALUE, Fields, checked_rows
from pipeline.reading.json_rows import UNKNOWN_COLUMNS_MOST, decode_lines
from pipeline.reading.nesting import elements_of
from pipeline.reading.other_columns import column_of_cells, is_unicode, other_cells
from pipeline.reading.rows import BAD_VALUE, USABLE, RawRows
from pipeline.reading.text_stream import BOM, LINE_MOST

#: Rows of one body: memory goes by their number, and a short row takes fifty times its length. A device
#: sends what one person gathered.
ROWS_MOST = 100_000
DEVICE_ROWS_MOST = 10_000
_ORDER_MOST = 64


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
    text += b"\n"
    fields = _decoded(text, kind, devices)
    bounds = zip(fields["start"].tolist(), fields["end"].tolist(), strict=True)
    lines = [text[start:end] for start, end in bounds]
    if own is not None:
        _check_own(lines, own)
    flags = int(np.bitwise_or.reduce(fields["flags"])) if len(fields) else 0
    names = _other_names(fields, flags, kind)
    rows, challenges = _checked(fields, flags, text, lines, kind, devices)
    others = _others(rows, names, lines, kind)
    usable = rows if not rows.reason.any() else rows.select(rows.reason == USABLE)
    batch = _batch(usable, others, challenges, kind, devices)
    return Received(kind, rows.reason, rows.event_ms, batch, lines)


def _batch(
    rows: RawRows, others: dict[str, list[Any]], challenges: list[str], kind: int, devices: DeviceIds
) -> pa.RecordBatch:
    if len(rows) <= FEW_ROWS:
        return log_batch_of_few(rows, others, challenges, kind, devices)
    columns = {name: column_of_cells(cells, name, kind) for name, cells in others.items()}
    return log_batch(rows, columns, challenges, kind, devices)


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
    order = np.full(_ORDER_MOST, -1, np.int64)
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


def _checked(
    fields: Fields, flags: int, text: bytes, lines: list[bytes], kind: int, devices: DeviceIds
) -> tuple[RawRows, list[str]]:
    """All rows with their reasons, and the challenge ids they number; rows not plain go one by one.

    ``flags`` are those that any row has. Those are plain in ``fields`` from then on.
    """
    codes, challenges = np.full(len(fields), -1, np.int32), Challenges()
    has_challenge = fields["challenge_start"] >= 0
    if not flags & UNPLAIN and not has_challenge.any():  # as nearly all bodies are
        return checked_rows(fields, codes), challenges.texts
    plain = fields["flags"] & (UNPLAIN | BROKEN) == 0
    for row in np.flatnonzero(plain & has_challenge).tolist():
        start, end = fields["challenge_start"][row], fields["challenge_end"][row]
        codes[row] = challenges.code(text[start:end].decode())
    for row in np.flatnonzero(fields["flags"] & UNPLAIN).tolist():
        exact = row_of_object(json_object(lines[row]), columns_of(kind), devices.numbers)
        if not is_unicode(exact.challenge):
            exact.flags |= WRONG_VALUE
        elif exact.challenge is not None:
            codes[row] = challenges.code(exact.challenge)
        exact.store(fields[row])
    return checked_rows(fields, codes), challenges.texts


def _other_names(fields: Fields, flags: int, kind: int) -> list[str]:
    """The columns beside whose, when and where, as far as any row may have them."""
    if flags & UNPLAIN:
        return list(other_types(kind))
    given = int(np.bitwise_or.reduce(fields["given"])) if len(fields) else 0
    return [name for name, bit in _other_bits(kind) if given & bit]


@cache
def _other_bits(kind: int) -> list[tuple[str, int]]:
    """Such columns with their bit in ``given``."""
    return [(name, 1 << COLUMN_NAMES.index(name)) for name in other_types(kind)]


def _others(rows: RawRows, names: list[str], lines: list[bytes], kind: int) -> dict[str, list[Any]]:
    """Columns beside whose, when and where, as cells of the usable rows.

    The log cannot hold text that is no Unicode (a lone surrogate), so such a row is a bad value.
    """
    if not names:
        return {}
    usable = np.flatnonzero(rows.reason == USABLE).tolist()
    try:
        return other_cells([lines[row] for row in usable], names, kind)
    except ValueError:
        found = [values for row in usable if (values := _own_values(rows, row, lines[row], names))]
        return {name: [values[name] for values in found] for name in names}


def _own_values(rows: RawRows, row: int, line: bytes, names: list[str]) -> dict[str, Any]:
    """Some columns of one row; nothing where the row turns out to be of no use."""
    found = object_of(line)
    values = {name: found.get(name) for name in names}
    if not all(map(is_unicode, values.values())):
        rows.reason[row] = BAD_VALUE
        return {}
    return values
