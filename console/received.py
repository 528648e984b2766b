"""Rows as they come over the network: decoded and judged like those of files, and made into columns."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
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
from pipeline.ping import PING
from pipeline.policy import SOURCES
from pipeline.reading.challenges import Challenges
from pipeline.reading.column import NUMBER, TEXT, TRUTH, columns_of
from pipeline.reading.device_ids import COLUMN_NAMES, DeviceIds
from pipeline.reading.exact import json_object, row_of_object
from pipeline.reading.fields import BROKEN, FIELDS, UNPLAIN, WRONG_VALUE, Fields, checked_rows
from pipeline.reading.json_rows import STRANGERS_MOST, decode_lines
from pipeline.reading.rows import BAD_COORDINATES, BAD_TIME, BAD_VALUE, REASONS, TOO_LATE, USABLE, RawRows
from pipeline.reading.text_stream import BOM, LINE_MOST

_INSTANT = pa.timestamp("ms", "UTC")
_TYPES = {NUMBER: pa.float64(), TRUTH: pa.bool_(), TEXT: pa.string()}
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
    lines = [text[start:end] for start, end in fields[["start", "end"]].tolist()]
    if own is not None:
        _check_own(lines, own)
    rows, challenges = _checked(fields, text, lines, kind, devices)
    values = _own_values(rows, text, lines, kind)
    batch = _batch(rows.take(rows.reason == USABLE), values, challenges, kind, devices)
    return Received(kind, rows.reason, rows.event_ms, batch)


def refused(rows: Received, reason: int) -> Received:
    """The same rows where all that is usable is refused, as the protocol they came by says."""
    found = rows.reason.copy()
    found[found == USABLE] = reason
    return Received(rows.kind, found, rows.event_ms, rows.batch.slice(0, 0))


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


def _checked(
    fields: Fields, text: bytes, lines: list[bytes], kind: int, devices: DeviceIds
) -> tuple[RawRows, list[str]]:
    """All rows with their reasons, and the challenge ids they number; rows not plain go one by one."""
    codes, challenges = np.full(len(fields), -1, np.int32), Challenges()
    plain = fields["flags"] & (UNPLAIN | BROKEN) == 0
    for row in np.flatnonzero(plain & (fields["challenge_start"] >= 0)).tolist():
        start, end = fields["challenge_start"][row], fields["challenge_end"][row]
        codes[row] = challenges.code(text[start:end].decode())
    for row in np.flatnonzero(fields["flags"] & UNPLAIN).tolist():
        exact = row_of_object(json_object(lines[row]), columns_of(kind), devices.numbers)
        if not _is_unicode(exact.challenge):
            exact.flags |= WRONG_VALUE
        elif exact.challenge is not None:
            codes[row] = challenges.code(exact.challenge)
        exact.store(fields[row])
    return checked_rows(fields, codes), challenges.texts


def _own_values(rows: RawRows, text: bytes, lines: list[bytes], kind: int) -> list[dict[str, Any]]:
    """The objects of usable rows where they have columns that nothing judges by yet; else nothing.

    Files may hold text that is no Unicode (a lone surrogate); the log cannot, so such a row is a bad value.
    """
    names = _kept(kind)
    if not any(f'"{name}"'.encode() in text for name in names) and b"\\" not in text:
        return []
    values = []
    for row in np.flatnonzero(rows.reason == USABLE).tolist():
        found = _object(lines[row])
        if all(_is_unicode(found.get(name)) for name in names):
            values.append(found)
        else:
            rows.reason[row] = BAD_VALUE
    return values


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except msgspec.MsgspecError:
        found = json_object(line)
    assert isinstance(found, dict), "a usable row is an object"
    return found


def _is_unicode(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _kept(kind: int) -> dict[str, int]:
    """Columns that nothing judges by yet; they are kept as they come."""
    return {name: content for name, content in columns_of(kind).items() if content in _TYPES}


def _batch(
    rows: RawRows, values: list[dict[str, Any]], challenges: list[str], kind: int, devices: DeviceIds
) -> pa.RecordBatch:
    """Usable rows as columns of the contract; the arrival is put there when it is known."""
    ids = devices.ids
    columns: dict[str, pa.Array] = {
        "device_id": pa.array([ids[device] for device in rows.device.tolist()], pa.string()),
        "event_time": pa.array(rows.event_ms).cast(_INSTANT),
        **{name: pa.array(getattr(rows, name), from_pandas=True) for name in ("lon", "lat", "accuracy_m")},
    }
    if kind == PING:
        columns["source"] = _texts(rows.source, 0, SOURCES)
        columns["crs"] = _texts(rows.crs, 1, CRS)
    else:
        columns["face_ok"] = pa.array(rows.face_ok)
        columns["challenge_id"] = _texts(rows.challenge, 0, challenges)
    for name, content in _kept(kind).items() if values else ():
        cells = [found.get(name) for found in values]
        columns[name] = pa.array(map(_float, cells) if content == NUMBER else cells, _TYPES[content])
    return pa.RecordBatch.from_pydict(columns)


def _texts(codes: NDArray[Any], first: int, texts: Sequence[str]) -> pa.Array:
    """Codes as what they stand for, nothing where they are below the first."""
    return pa.array([texts[code] if code >= first else None for code in codes.tolist()], pa.string())


def _float(value: float | None) -> float | None:
    """A number of JSON, however many digits it is written with."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.copysign(math.inf, value or 0)
