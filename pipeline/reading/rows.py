"""Rows as read from a file: columns, what is wrong with each row, and its raw text when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

#: Why a row is not used; a row's ``reason`` is an index into this, 0 meaning that it is usable.
#: The order is the precedence: the first that holds is the one reported.
REASONS = (
    "",
    "malformed",
    "unknown_device",
    "bad_time",
    "bad_coordinates",
    "bad_value",
    "not_fixed",
    "duplicate",
    "too_late",
)
(
    USABLE,
    MALFORMED,
    UNKNOWN_DEVICE,
    BAD_TIME,
    BAD_COORDINATES,
    BAD_VALUE,
    NOT_FIXED,
    DUPLICATE,
    TOO_LATE,
) = range(len(REASONS))

#: A device's clock may be this much ahead of the arrival; further ahead it is wrong.
AHEAD_MOST_MS = 300_000


@dataclass(frozen=True, slots=True, eq=False)
class RawRows:
    """Decoded rows, shape (n,) each; a column means something only as far as ``reason`` lets it.

    ``reason`` is what is wrong with the row by itself. ``device`` is an index into the device ids given
    at opening; ``given_arrival_ms`` is BEGIN_MS where not given; ``lon``/``lat`` are degrees as given,
    both NaN for a heartbeat; ``accuracy_m`` is NaN where not given; ``source`` numbers
    ``policy.SOURCES`` (-1: not given), ``crs`` numbers ``geofences.crs.CRS`` (0: WGS-84);
    ``challenge`` is a code of ``Challenges`` (-1: not given).
    """

    reason: NDArray[np.int8]
    device: NDArray[np.int32]
    event_ms: NDArray[np.int64]
    given_arrival_ms: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    source: NDArray[np.int8]
    crs: NDArray[np.int8]
    face_ok: NDArray[np.bool_]
    challenge: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.reason)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> RawRows:
        """The same columns at some row numbers, a mask or a slice."""
        return RawRows(*(getattr(self, column.name)[rows] for column in fields(self)))

    @staticmethod
    def joined(parts: list[RawRows]) -> RawRows:
        """The rows of all parts, one after another; ``parts`` is not empty."""
        if len(parts) == 1:
            return parts[0]
        names = [column.name for column in fields(RawRows)]
        return RawRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class RawChunk(ABC):
    """Some rows of one file in file order, the first of them being row ``first_row`` (from 1)."""

    __slots__ = ("first_row", "rows")

    def __init__(self, rows: RawRows, first_row: int) -> None:
        self.rows = rows
        self.first_row = first_row

    def __len__(self) -> int:
        return len(self.rows)

    @abstractmethod
    def raw(self, position: int) -> str:
        """The text of the row at a position of this chunk (0 is the first), as read."""

    def others(self, positions: NDArray[np.intp]) -> dict[str, pa.Array]:
        """Columns beside whose, when and where at positions of usable rows, typed as the log keeps them.

        A column that the file lacks, or of which none of these rows has a value, may be left out.
        """
        return {}


class StreamFile(ABC):
    """One file of pings or confirmations, read once from front to back.

    ``name`` is the file as the user gave it, ``kind`` is ``ping.PING`` or ``ping.CONFIRMATION``,
    ``number`` its place among the files of a run. ``bytes_read`` of ``bytes_total`` says how far
    reading has come (for Parquet estimated by rows).
    """

    def __init__(self, name: str, kind: int, number: int) -> None:
        self.name = name
        self.kind = kind
        self.number = number
        self.bytes_total = 0
        self.bytes_read = 0
        self.rows_read = 0

    @abstractmethod
    def __iter__(self) -> Iterator[RawChunk]:
        """The chunks in file order; raises InputError where the file breaks off in a way no row can say."""

    @abstractmethod
    def warnings(self) -> list[str]:
        """What is worth reporting once per file, complete after the last chunk (unknown columns, ...)."""
