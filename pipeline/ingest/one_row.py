"""The row of a device's message: judged by the definition, and made into columns, without becoming text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from pipeline.columns import columns_of
from pipeline.ingest.errors import OtherDevice
from pipeline.ingest.log_columns import cells_of_few
from pipeline.ingest.protocols.protocol import Message
from pipeline.ingest.received import Received, refused, span_of
from pipeline.ingest.usable import NONE_USABLE, UsableCells
from pipeline.ping import PING
from pipeline.reading.arrow_types import other_types
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.exact import row_of_object
from pipeline.reading.fields import FIELDS, field_reasons
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
    reason = field_reasons(fields)
    others = {name: [values[name]] for name in other_types(PING) if name in values}
    if reason[0] == USABLE and not all(is_unicode(cell) for (cell,) in others.values()):
        reason[0] = BAD_VALUE
    usable = NONE_USABLE
    if reason[0] == USABLE:
        rows: list[Any] = fields.tolist()
        usable = UsableCells(1, cells_of_few(rows, others, [None], PING, devices))
    event_ms = fields["event_ms"].copy()
    span_ms = span_of(reason, event_ms)
    found = Received(PING, reason, event_ms, usable, _Lines(message.row), span_ms)
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
