"""Any value of any Arrow type as something JSON can say: what it is, as nearly as it can be written."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: Arrow writes nonsense for other years.
FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799

_PER_S = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def row_text(batch: pa.RecordBatch, position: int) -> str:
    """One row as a JSON object; total: there is no row for which it fails.

    Numbers are numbers where JSON has them; text that is no UTF-8 has replacement signs; times are as
    Arrow writes them, in UTC where nobody knows their zone, and ticks where they have no date.
    """
    pairs = zip(batch.schema.names, batch.columns, strict=True)
    values = {name: plain(column, position) for name, column in pairs}
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def plain(column: pa.Array, position: int) -> object:
    """One value of a column as None, bool, int, float, str, list or dict, of nothing else in turn."""
    try:
        if pa.types.is_run_end_encoded(column.type):
            column, position = pc.run_end_decode(column.slice(position, 1)), 0
        return _of_scalar(column[position])
    except Exception:  # a type that a later Arrow has, or a value that breaks its type's rules
        return f"({column.type})"


def _of_scalar(scalar: pa.Scalar[Any]) -> object:
    holds = scalar.type
    if isinstance(scalar, pa.ExtensionScalar | pa.DictionaryScalar | pa.UnionScalar):
        return None if scalar.value is None else _of_scalar(scalar.value)
    if not scalar.is_valid:
        return None
    if isinstance(scalar, pa.StructScalar):
        return _of_struct(scalar)
    if pa.types.is_nested(holds):
        return [plain(scalar.values, place) for place in range(len(scalar.values))]
    if isinstance(scalar, pa.StringScalar | pa.BinaryScalar):
        return scalar.as_buffer().to_pybytes().decode(errors="replace")
    if pa.types.is_temporal(holds):
        return _of_time(scalar)
    return _written(scalar.as_py())


def _of_struct(scalar: pa.StructScalar) -> object:
    """An object, or a list of pairs where a name comes twice."""
    names = [scalar.type[number].name for number in range(scalar.type.num_fields)]
    values = [_of_scalar(scalar[number]) for number in range(len(names))]
    if len(set(names)) < len(names):
        return [list(pair) for pair in zip(names, values, strict=True)]
    return dict(zip(names, values, strict=True))


def _of_time(scalar: pa.Scalar[Any]) -> object:
    """A time as Arrow writes it, else as its number of ticks."""
    holds = scalar.type
    if not pa.types.is_timestamp(holds):
        return _first_that_works(scalar, [pa.string(), pa.int64(), pa.int32()])
    ticks = scalar.cast(pa.int64()).as_py()
    if not FIRST_S <= ticks // _PER_S[holds.unit] <= LAST_S:
        return ticks
    return _first_that_works(scalar, [pa.string(), pa.timestamp(holds.unit, "UTC"), pa.int64()])


def _first_that_works(scalar: pa.Scalar[Any], kinds: list[pa.DataType]) -> object:
    for kind in kinds:
        try:
            found = scalar.cast(kind)
            return (found.cast(pa.string()) if pa.types.is_timestamp(kind) else found).as_py()
        except pa.ArrowException:
            continue
    return str(scalar.as_py())


def _written(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str) else str(value)
