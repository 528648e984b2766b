"""Columns that nothing judges by yet: they are checked for their type, and kept in the log as they come."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from pipeline.columns import NUMBER, TEXT, TRUTH, columns_of

_TYPES = {NUMBER: pa.float64(), TRUTH: pa.bool_(), TEXT: pa.string()}


@cache
def unjudged(kind: int) -> dict[str, pa.DataType]:
    """Such columns of a kind of row, with the type they are kept as."""
    return {name: _TYPES[content] for name, content in columns_of(kind).items() if content in _TYPES}


def unjudged_columns(rows: Sequence[Mapping[str, Any]], kind: int) -> dict[str, pa.Array]:
    """Such columns of rows that are objects; a value is of its column's type, or missing.

    Text that is no Unicode, as a file may hold it, gets replacement signs.
    """
    return {name: _column([row.get(name) for row in rows], holds) for name, holds in unjudged(kind).items()}


def unicode_text(text: str) -> str:
    """The text with a replacement sign for each lone surrogate, which no UTF-8 can say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _column(cells: list[Any], holds: pa.DataType) -> pa.Array:
    if pa.types.is_floating(holds):
        return pa.array(map(_float, cells), holds)
    if pa.types.is_string(holds):
        return pa.array([None if cell is None else unicode_text(cell) for cell in cells], holds)
    return pa.array(cells, holds)


def _float(value: float | None) -> float | None:
    """A number of JSON, however many digits it is written with."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.copysign(math.inf, value or 0)
