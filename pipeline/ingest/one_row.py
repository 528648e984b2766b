"""The row of a device's message: judged by the definition, and made into columns, without becoming text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from pipeline.columns import columns_of
from pipeline.ingest.errors import OtherDevice
from pipeline.ingest.log_columns import log_batch_of_few
from pipeline.ingest.protocols.protocol import Message
from pipeline.ingest.received import Received, refused
from pipeline.ping import PING
from pipeline.reading.arrow_types import other_types
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.exact import row_of_object
from pipeline.reading.fields import FIELDS, checked_rows
from pipeline.reading.other_columns import is_unicode
from pipeline.reading.rows import BAD_VALUE, NOT_FIXED, USABLE


def received_message(message: Message, devices: DeviceIds, *, own: str | None) -> Received:
    """One row as ``bodies.received`` has those of a body. Raises OtherDevice where it is not of ``own``."""
    values = {name: _as_read(value) for name, value in message.row.items() if value is not None}
    device_id = values.get("device_id")
    if own is not None and isinstance(device_id, str) and device_id != own:
        raise OtherDevice(f"a token of the device {own} sends for no other")
    fields = np.zeros(1, FIELDS)
    row_of_object(values, columns_of(PING), devices.numbers).store(fields[0])
    rows = checked_rows(fields, np.full(1, -1, np.int32))
    others = {name: [values[name]] for name in other_types(PING) if name in values}
    if rows.reason[0] == USABLE and not all(is_unicode(cell) for (cell,) in others.values()):
        rows.reason[0] = BAD_VALUE
    is_usable = rows.reason[0] == USABLE
    cells = others if is_usable else {name: [] for name in others}
    batch = log_batch_of_few(rows.select(rows.reason == USABLE), cells, [], PING, devices)
    found = Received(PING, rows.reason, rows.event_ms, batch, _Lines(message.row))
    return found if message.is_fixed else refused(found, NOT_FIXED)


def _as_read(value: Any) -> Any:
    """A value as it is in a row that was read: all numbers are float64."""
    return float(value) if type(value) is int else value


class _Lines(Sequence[bytes]):
    """The row as text, for whoever wants to see what was refused."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __len__(self) -> int:
        return 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        return [json.dumps(self._row).encode()][index]
