"""Columns that nobody asked for: told once per file and name."""

from __future__ import annotations

from collections import Counter

#: More names than this are not columns but something gone wrong; they are told as one.
TOLD_MOST = 50


def stranger_warnings(file: str, rows_by_name: Counter[str]) -> list[str]:
    """One line per unknown column with the number of rows that have it, by name."""
    names = sorted(rows_by_name)
    lines = [
        f"{file}: unknown column {name!r} in {rows_by_name[name]} rows, not used"
        for name in names[:TOLD_MOST]
    ]
    if len(names) > TOLD_MOST:
        lines.append(f"{file}: {len(names) - TOLD_MOST} more unknown columns, not used")
    return lines
