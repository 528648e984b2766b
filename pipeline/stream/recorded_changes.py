"""Changes of a site that were recorded with a stream, put between its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from geofences.instant import BEGIN_MS, instant_ms
from pipeline.errors import InputError
from pipeline.reading.raw_batch import RawBatch
from pipeline.reading.rows import USABLE
from pipeline.stream.items import RecordedChange

ARRIVAL = "arrival_time"
_EXPECTED = (
    'a change {"arrival_time": …, "op": …, "table": …, "row": {…}}, or an array of them that is one change'
)


def read_changes(path: Path) -> list[RecordedChange]:
    """The changes of an NDJSON file in the order of its lines; an earlier arrival counts as the last one.

    Raises InputError that names the line where one is no change.
    """
    changes: list[RecordedChange] = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected changes as NDJSON") from None
    latest_ms = BEGIN_MS
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"{path}: line {number}"
            operations, arrival_ms = _change(line, place)
            latest_ms = max(latest_ms, arrival_ms)
            changes.append(RecordedChange(latest_ms, operations, place))
    return changes


def _change(line: bytes, place: str) -> tuple[list[Any], int]:
    try:
        given = msgspec.json.decode(line)
    except msgspec.DecodeError:
        raise InputError(f"{place}: is no JSON; expected {_EXPECTED}") from None
    parts = given if isinstance(given, list) else [given]
    arrivals = {part.get(ARRIVAL) if isinstance(part, dict) else None for part in parts}
    if len(arrivals) != 1 or not all(isinstance(part, dict) for part in parts):
        raise InputError(f"{place}: the parts of a change have several arrival_time; expected {_EXPECTED}")
    (arrival,) = arrivals
    try:
        arrival_ms = instant_ms(arrival) if isinstance(arrival, str) else None
    except ValueError:
        arrival_ms = None
    if arrival_ms is None:
        raise InputError(
            f"{place}: arrival_time is {arrival!r}; expected a time with offset such as 2025-07-14T02:00:00Z"
        )
    return [{name: value for name, value in part.items() if name != ARRIVAL} for part in parts], arrival_ms


def with_changes(
    batches: Iterable[RawBatch], changes: Iterable[RecordedChange]
) -> Iterator[RawBatch | RecordedChange]:
    """Merged rows with the changes among them, each behind the rows that arrive by then."""
    waiting = iter(changes)
    change = next(waiting, None)
    for batch in batches:
        rest = batch
        while change is not None and (place := _first_after(rest, change.arrival_ms)) < len(rest):
            if place:
                yield rest.part(slice(0, place))
            yield change
            rest, change = rest.part(slice(place, None)), next(waiting, None)
        if len(rest):
            yield rest
    if change is not None:
        yield change
    yield from waiting


def _first_after(batch: RawBatch, at_ms: int) -> int:
    """The first row that arrives after an instant; all behind it do, or count as if they did."""
    rows = batch.rows
    arrival_ms = np.where(rows.given_arrival_ms == BEGIN_MS, rows.event_ms, rows.given_arrival_ms)
    later = (arrival_ms > at_ms) & (rows.reason == USABLE)
    return int(np.argmax(later)) if later.any() else len(batch)
