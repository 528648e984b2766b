"""Alerts as rows of the table, and back again unchanged."""

from __future__ import annotations

import math
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import RowMapping

from sinks.alert import Alert, EvidenceFix

#: Columns under a name of their own, as ``group`` is a word of SQL.
_RENAMED = {"group": "fence_group"}
#: (field, column) of all that a row holds as it is.
_PLAIN = tuple(
    (field.name, _RENAMED.get(field.name, field.name)) for field in fields(Alert) if field.name != "evidence"
)
#: The columns that a newer revision replaces.
FACT_COLUMNS = (
    *(column for _, column in _PLAIN if column != "alert_key"),
    "evidence",
    "revision",
    "fact_seq",
)


def without_nan(alert: Alert) -> Alert:
    """NaN as None: it equals nothing, itself included, and databases and JSON know none."""
    return replace(
        alert,
        lon=_known(alert.lon),
        lat=_known(alert.lat),
        distance_m=_known(alert.distance_m),
        evidence=tuple(replace(fix, accuracy_m=_known(fix.accuracy_m)) for fix in alert.evidence),
    )


def row_of(alert: Alert, revision: int, fact_seq: int) -> dict[str, Any]:
    """The engine's part of a row."""
    row = {column: getattr(alert, field) for field, column in _PLAIN}
    evidence = [asdict(fix) for fix in alert.evidence]
    return {**row, "evidence": evidence, "revision": revision, "fact_seq": fact_seq}


def alert_of(row: RowMapping) -> Alert:
    """The alert a row holds."""
    evidence = tuple(EvidenceFix(**fix) for fix in row["evidence"])
    return Alert(**{field: row[column] for field, column in _PLAIN}, evidence=evidence)


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
