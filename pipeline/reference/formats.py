"""NDJSON, CSV and Parquet files as raw rows, read the slow and obvious way."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from geofences.instant import instant_ms
from pipeline.reading.nesting import NESTING_MOST
from pipeline.reference.parsing import RawRow, UnreadableError

_STRINGS = re.compile(r'"(\\.|[^"\\])*"')


def raw_rows(path: Path) -> Iterator[RawRow]:
    """The rows of one file in order; blank lines are none."""
    if path.suffix == ".parquet":
        return _parquet(path)
    return _csv(path) if path.suffix == ".csv" else _ndjson(path)


def _ndjson(path: Path) -> Iterator[RawRow]:
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        try:
            # A number may have any number of digits.
            values = None if _depth(line) > NESTING_MOST else json.loads(line.decode(), parse_int=float)
        except (ValueError, RecursionError):
            values = None
        yield _typed(values if isinstance(values, dict) else None)


def _depth(line: bytes) -> int:
    """How many brackets are open within each other at most, those of strings left out."""
    steps = {"[": 1, "{": 1, "]": -1, "}": -1}
    signs = _STRINGS.sub("", line.decode(errors="replace"))
    return max(accumulate((steps.get(sign, 0) for sign in signs), initial=0))


def _csv(path: Path) -> Iterator[RawRow]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        lines = csv.reader(stream)
        header = next(lines, [])
        for cells in lines:
            if len(cells) == 0 or (len(cells) == 1 and not cells[0].strip() and len(header) > 1):
                continue
            good = len(cells) == len(header) and not _undecoded("".join(cells))
            named = zip(header, cells, strict=False)
            values = {name: cell or None for name, cell in named} if good else None
            yield RawRow(values, _text_time, _written_number, _written_flag, _text)


def _parquet(path: Path) -> Iterator[RawRow]:
    table = pq.read_table(path)
    for name in ("event_time", "arrival_time"):
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array(_column_times(table.column(name))))
    for values in table.to_pylist():
        yield RawRow(values, _whole, _number, _flag, _text)


_PER_MS = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000)}


def _column_times(column: pa.ChunkedArray) -> list[object]:
    """Milliseconds since 1970, None where null; a text that no row can read where it is no UTC instant."""
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        return ["unreadable"] * len(column)
    times, over = _PER_MS[column.type.unit]
    raw = column.cast(pa.int64()).to_pylist()
    return [None if value is None else value * times // over for value in raw]


def _typed(values: dict[str, object] | None) -> RawRow:
    return RawRow(values, _text_time, _number, _flag, _text)


def _text_time(value: object) -> int:
    if not isinstance(value, str):
        raise UnreadableError(value)
    try:
        return instant_ms(value)
    except (ValueError, OverflowError) as error:
        raise UnreadableError(value) from error


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise UnreadableError(value)
    return value


def _number(value: object) -> float:
    """TypeError where it is no number at all: that is graver for a coordinate than a bad number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    try:
        return float(value)
    except OverflowError as error:
        raise UnreadableError(value) from error


def _written_number(value: object) -> float:
    text = str(value)
    try:
        if "_" in text or not text.isascii():
            raise ValueError(text)
        return float(text)
    except ValueError as error:
        raise UnreadableError(value) from error


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnreadableError(value)
    return value


def _written_flag(value: object) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    try:
        return known[str(value).strip().lower()]
    except KeyError as error:
        raise UnreadableError(value) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnreadableError(value)
    return value


def _undecoded(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
