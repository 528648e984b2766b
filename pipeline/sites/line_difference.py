"""What an import would change, found without a look at the rows that are written alike in both sites."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from pipeline.sites.documents import TABLES, Document, SiteDocuments
from pipeline.sites.site_difference import SiteDifference, site_difference
from pipeline.sites.site_lines import SiteLines
from pipeline.sites.site_versions import FENCES, VERSIONED, key_of


def difference_of_lines(now: SiteLines, given: SiteDocuments, clock_ms: int) -> SiteDifference:
    """``site_difference`` of what a registry holds and what is given; both must be sound."""
    there: dict[str, tuple[Document, ...]] = {}
    wanted: dict[str, tuple[Document, ...]] = {}
    for table in VERSIONED:
        lines = now.fences if table == FENCES else now.rows[table]
        there[table], wanted[table] = _differing(table, lines, given.table(table))
    return site_difference(
        SiteDocuments(
            {name: there[name] for name in TABLES}, there[FENCES], now.policy, now.holidays, now.places,
            now.policies,
        ),
        SiteDocuments(
            {name: wanted[name] for name in TABLES}, wanted[FENCES], given.policy, given.holidays,
            given.places, given.policies,
        ),
        clock_ms,
    )  # fmt: skip


def _differing(
    table: str, lines: Sequence[str], rows: Sequence[Document]
) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
    """All rows, there and given, about the ids of which some row is not written alike in both."""
    written = [_line(row) for row in rows]
    known, wanted = set(lines), set(written)
    gone = [json.loads(line) for line in lines if line not in wanted]
    ids = {key_of(table, row) for row in gone}
    ids |= {key_of(table, row) for row, line in zip(rows, written, strict=True) if line not in known}
    if not ids:
        return (), ()
    given = [(row, line) for row, line in zip(rows, written, strict=True) if key_of(table, row) in ids]
    # What is written alike is the same row.
    return (*gone, *(row for row, line in given if line in known)), tuple(row for row, _ in given)


def _line(row: Document) -> str:
    """A row as the registry writes it, for the most part: where a number is written otherwise, it differs."""
    return msgspec.json.encode(row).decode()
