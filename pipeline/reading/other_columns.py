"""Columns beside whose, when and where: they are checked for their type, and kept in the log as they come."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from pipeline.columns import NUMBER, TEXT, TRUTH, columns_of
from pipeline.reading.arrow_types import other_types

_JSON_TYPES = {NUMBER: float, TRUTH: bool, TEXT: str}


def other_columns(rows: Sequence[Mapping[str, Any]], kind: int) -> dict[str, pa.Array]:
    """Such columns of rows that are objects; a value is of its column's type, or missing.

    Text that is no Unicode, as a file may hold it, gets replacement signs.
    """
    return {name: column_of_cells([row.get(name) for row in rows], name, kind) for name in other_types(kind)}


def column_of_cells(cells: Sequence[Any], name: str, kind: int) -> pa.Array:
    """Such a column from its cells, as ``other_columns`` has it."""
    holds = other_types(kind)[name]
    if pa.types.is_floating(holds):
        return pa.array(map(number_of, cells), holds)
    if pa.types.is_string(holds):
        return pa.array([None if cell is None else unicode_text(cell) for cell in cells], holds)
    return pa.array(cells, holds)


def other_cells(lines: Sequence[bytes], names: Sequence[str], kind: int) -> dict[str, list[Any]]:
    """What such columns (``names``) hold in lines that are usable rows, None where nothing.

    Raises ValueError where a line has to be looked at by itself: text in it is no Unicode, or a column is
    given twice with different types.
    """
    try:
        rows = _decoder(tuple(names), kind)(b"\n".join(lines))
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    assert len(rows) == len(lines), "every line is an object"
    return {name: list(map(attrgetter(name), rows)) for name in names}


@cache
def _decoder(names: tuple[str, ...], kind: int) -> Callable[[bytes], list[Any]]:
    """Decodes lines to objects that have just these columns."""
    columns = columns_of(kind)
    fields = [(name, _JSON_TYPES[columns[name]] | None, None) for name in names]
    return msgspec.json.Decoder(msgspec.defstruct("Cells", fields)).decode_lines


def unicode_text(text: str) -> str:
    """The text with a replacement sign for each lone surrogate, which no UTF-8 can say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def is_unicode(value: object) -> bool:
    """Whether a value is no text with a lone surrogate."""
    if not isinstance(value, str):
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def number_of(value: float | None) -> float | None:
    """A number of JSON, however many digits it is written with."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.copysign(math.inf, value or 0)
