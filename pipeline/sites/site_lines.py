"""A site as lines of JSON, one a row: what a store holds of it, read by columns instead of row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from pipeline.sites.documents import Document, SiteDocuments, TableForm, table_of
from pipeline.sites.joined_lines import JoinedLines
from pipeline.sites.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class SiteLines:
    """Tables of files and fences as JSON, a row each in their order; the rest as in ``SiteDocuments``."""

    rows: Mapping[str, Sequence[str]]
    fences: Sequence[str]
    policy: str = ""
    holidays: str = ""
    places: str = ""
    policies: tuple[Document, ...] = ()

    def documents(self) -> SiteDocuments:
        """The same, every row by itself."""
        rows = {name: tuple(map(json.loads, lines)) for name, lines in self.rows.items()}
        fences = tuple(map(json.loads, self.fences))
        return SiteDocuments(rows, fences, self.policy, self.holidays, self.places, self.policies)


def table_of_lines(lines: Sequence[str], form: TableForm) -> Table:
    """Lines as if they had been read from their file."""
    names = (*form.columns, *form.optional)
    columns: tuple[list[str], ...] = tuple([] for _ in names)
    try:
        for part in JoinedLines.of(lines).parts:  # rows are objects for no longer than their part is read
            rows = _decoder(names).decode(f"[{part.text}]")
            for column, cells in zip(
                columns, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True
            ):
                column += cells
    except msgspec.MsgspecError:  # cells of other types, which the checks will name
        return table_of(tuple(map(json.loads, lines)), form)
    return Table(form.file, range(1, len(lines) + 1), columns, frozenset(columns[0]))


@cache
def _decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[list[Any]]:
    """Of rows with these columns, which are numbered: one is called as no attribute may be."""
    fields = [(_field(at), str) for at in range(len(names))]
    renamed = {_field(at): name for at, name in enumerate(names)}
    form = msgspec.defstruct("Row", fields, rename=renamed, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(list[form])  # type: ignore[valid-type]


def _field(at: int) -> str:
    return f"c{at}"
