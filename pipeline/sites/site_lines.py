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
from pipeline.sites.row_columns import Names
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
    columns = tuple(map(_column, names))
    try:
        for part in JoinedLines.of(lines).parts:  # rows are objects for no longer than their part is read
            rows = _decoder(names).decode(f"[{part.text}]")
            cells_of = zip(*map(msgspec.structs.astuple, rows), strict=True)
            for column, cells in zip(columns, cells_of, strict=True):
                column.take(cells)
    except msgspec.MsgspecError:  # cells of other types, which the checks will name
        return table_of(tuple(map(json.loads, lines)), form)
    ids = frozenset(columns[0]) if form.is_named else None
    return Table(form.file, range(1, len(lines) + 1), columns, ids)


def _column(name: str) -> Names | _Texts | _Shared:
    return Names() if name in _IDS else _Shared() if name in _REPEATED else _Texts()


#: Columns by which rows are found, and those in which many rows have the same few texts.
_IDS = frozenset(("person_id", "device_id"))
_REPEATED = frozenset(("office_id", "class", "kind", "valid_from", "valid_to"))


class _Texts(list[str]):
    """A column of any texts."""

    def take(self, texts: Sequence[str]) -> None:
        """Further texts."""
        self.extend(texts)


class _Shared(list[str]):
    """A column in which equal texts are one object: the others go at once, and later looks find few."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, str] = {}

    def take(self, texts: Sequence[str]) -> None:
        """Further texts."""
        self.extend(map(self._known.setdefault, texts, texts) if any(texts) else texts)


@cache
def _decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[list[Any]]:
    """Of rows with these columns, which are numbered: one is called as no attribute may be."""
    fields = [(_field(at), str) for at in range(len(names))]
    renamed = {_field(at): name for at, name in enumerate(names)}
    form = msgspec.defstruct("Row", fields, rename=renamed, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(list[form])  # type: ignore[valid-type]


def _field(at: int) -> str:
    return f"c{at}"
