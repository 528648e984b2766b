"""Rows as they come over the network: decoded and judged like those of files, and made into columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from console.errors import BadBody, NotAllowed
from geofences.crs import CRS
from pipeline.intake import AHEAD_MOST_MS
from pipeline.policy import SOURCES
from pipeline.reading.challenges import Challenges
from pipeline.reading.column import NUMBER, TEXT, TRUTH, columns_of
from pipeline.reading.device_ids import COLUMN_NAMES, DeviceIds
from pipeline.reading.exact import json_object, row_of_object
from pipeline.reading.fields import FIELDS, UNPLAIN, WRONG_VALUE, Fields, checked_rows
from pipeline.reading.json_rows import STRANGERS_MOST, decode_lines
from pipeline.reading.rows import BAD_COORDINATES, BAD_TIME, BAD_VALUE, REASONS, TOO_LATE, USABLE, RawRows
from pipeline.reading.text_stream import BOM, LINE_MOST

_INSTANT = pa.timestamp("ms", "UTC")
_OWN_TYPE = {NUMBER: (float, pa.float64()), TRUTH: (bool, pa.bool_()), TEXT: (str, pa.string())}
_ORDER_MOST = 64


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """Rows of one request. ``reason`` and ``event_ms`` are of all rows, ``batch`` holds the usable ones."""

    kind: int
    reason: NDArray[np.int8]
    event_ms: NDArray[np.int64]
    batch: pa.RecordBatch

    def __len__(self) -> int:
        return len(self.reason)

    def at(self, arrival_ms: int, horizon_ms: int) -> Received:
        """The same rows with what their arrival decides: a clock too far ahead, and too late."""
        reason = self.reason.copy()
        readable = np.isin(reason, (USABLE, BAD_COORDINATES, BAD_VALUE))
        reason[readable & (self.event_ms > arrival_ms + AHEAD_MOST_MS)] = BAD_TIME
        reason[(reason == USABLE) & (self.event_ms < arrival_ms - horizon_ms)] = TOO_LATE
        kept = (reason == USABLE)[self.reason == USABLE]
        batch = self.batch if kept.all() else self.batch.filter(pa.array(kept))
        return Received(self.kind, reason, self.event_ms, batch)

    def answer(self) -> dict[str, Any]:
        """What the sender is told."""
        refused = np.flatnonzero(self.reason != USABLE).tolist()
        return {
            "accepted": len(self.reason) - len(refused),
            "rejected": [{"index": row, "reason": REASONS[self.reason[row]]} for row in refused],
        }


def received(body: bytes, kind: int, devices: DeviceIds, *, own: str | None, is_ndjson: bool) -> Received:
    """The rows of a body, a JSON array or one object a line (``is_ndjson``: surely the latter).

    ``own`` is the only device a row may name (None: any). Raises BadBody and NotAllowed.
    """
    text = body.removeprefix(BOM)
    if not is_ndjson and text.lstrip(b" \t\r\n")[:1] == b"[":
        text = b"\n".join(_elements(text))
    text += b"\n"
    fields = _decoded(text, kind, devices)
    lines = [text[start:end] for start, end in zip(fields["start"].tolist(), fields["end"].tolist(), strict=True)]
    if own is not None:
        _check_own(lines, own)
    extras = _extras(text, lines, kind)
    rows = _checked(fields, text, lines, kind, devices, extras)
    return Received(kind, rows.rows.reason, rows.rows.event_ms, _batch(rows, kind, devices, extras))


def _elements(text: bytes) -> list[bytes]:
    """The elements of an array, each on one line; one that could be read in no file stays unreadable."""
    try:
        raw = [bytes(element) for element in msgspec.json.decode(text, type=list[msgspec.Raw])]
        plain = not any(b"\n" in element or b"\r" in element for element in raw)
    except msgspec.MsgspecError:
        plain = False
    if plain:
        return raw
    try:
        return [json.dumps(element).encode() for element in json.loads(text)]
    except (ValueError, RecursionError) as error:
        raise BadBody(f"the body is no JSON array: {error}") from error


def _decoded(text: bytes, kind: int, devices: DeviceIds) -> Fields:
    room = np.empty(text.count(b"\n"), FIELDS)
    columns = columns_of(kind)
    content = np.array([columns.get(column, -1) for column in COLUMN_NAMES], np.int8)
    order = np.full(_ORDER_MOST, -1, np.int64)
    strangers = np.zeros((STRANGERS_MOST, 3), np.int64)
    letters = np.frombuffer(text, np.uint8)
    rows, _ = decode_lines(letters, 0, True, LINE_MOST, content, order, *devices.words, strangers, room)
    return room[:rows]


def _check_own(lines: list[bytes], own: str) -> None:
    for line in lines:
        device_id = (json_object(line) or {}).get("device_id")
        if isinstance(device_id, str) and device_id != own:
            raise NotAllowed(f"a token of the device {own} sends for no other")


@dataclass(frozen=True, slots=True, eq=False)
class _Checked:
    rows: RawRows
    challenges: list[str]


def _checked(
    fields: Fields, text: bytes, lines: list[bytes], kind: int, devices: DeviceIds, extras: _Extras
) -> _Checked:
    """All rows with their reasons; those that are not plain go one by one."""
    codes, challenges = np.full(len(fields), -1, np.int32), Challenges()
    for row in np.flatnonzero((fields["challenge_start"] >= 0) & (fields["flags"] & UNPLAIN == 0)).tolist():
        start, end = fields["challenge_start"][row], fields["challenge_end"][row]
        codes[row] = challenges.code(text[start:end].decode())
    for row in np.flatnonzero(fields["flags"] & UNPLAIN).tolist():
        values = json_object(lines[row])
        exact = row_of_object(values, columns_of(kind), devices.numbers)
        if not all(_is_text(exact.challenge, *(extras.odd.get(row) or {}).values())):
            exact.flags |= WRONG_VALUE
        elif exact.challenge is not None:
            codes[row] = challenges.code(exact.challenge)
        exact.store(fields[row])
    return _Checked(checked_rows(fields, codes), challenges.texts)
