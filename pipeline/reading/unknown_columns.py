"""Columns that the contract does not name: reported once per file and name."""

from __future__ import annotations

from collections import Counter

#: More names than this are not columns but something gone wrong; the rest is one line.
LISTED_MOST = 50


def unknown_column_warnings(file: str, rows_by_name: Counter[str]) -> list[str]:
    """One line per unknown column with the number of rows that have it, by name."""
    names = sorted(rows_by_name)
    lines = [
        f"{file}: unknown column {name!r} in {rows_by_name[name]} rows, not used"
        for name in names[:LISTED_MOST]
    ]
    if len(names) > LISTED_MOST:
        lines.append(f"{file}: {len(names) - LISTED_MOST} more unknown columns, not used")
    return lines
