"""A site as the rows that people write, before anything is made of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.sites.fences import PROPERTIES
from pipeline.sites.leaves import COLUMNS as LEAVE_COLUMNS
from pipeline.sites.offices import COLUMNS as OFFICE_COLUMNS
from pipeline.sites.offices import VALIDITY
from pipeline.sites.people import DEVICE_COLUMNS, PEOPLE_COLUMNS, PHONE
from pipeline.sites.table import Table

FENCES, PEOPLE, DEVICES, OFFICES = "fences.geojson", "people.csv", "devices.csv", "offices.csv"
LEAVES, POLICY, HOLIDAYS, PLACES = "leaves.csv", "policy.toml", "holidays.toml", "places.csv"
FILES = (FENCES, PEOPLE, DEVICES, OFFICES, LEAVES, POLICY, HOLIDAYS, PLACES)

#: A row of a table: every column of its file by name, "" where it is not given.
Row = dict[str, str]
#: A feature of fences.geojson with the properties that we know, or a row of another table.
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableForm:
    """A table of a site: its file, the columns it must have, and those that it may leave out."""

    file: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def id_column(self) -> str:
        """The column that names what a row is about."""
        return self.columns[0]


#: The tables that are files of rows, each by its name in a change.
TABLES = {
    "offices": TableForm(OFFICES, OFFICE_COLUMNS, VALIDITY),
    "people": TableForm(PEOPLE, PEOPLE_COLUMNS, (PHONE,)),
    "devices": TableForm(DEVICES, DEVICE_COLUMNS),
    "leaves": TableForm(LEAVES, LEAVE_COLUMNS),
}


@dataclass(frozen=True, slots=True)
class SiteDocuments:
    """A site as people write it. Rows keep their order; a text is "" where there is no such file.

    ``rows`` has the tables offices, people, devices and leaves; ``fences`` are GeoJSON features.
    """

    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=lambda: dict.fromkeys(TABLES, ()))
    fences: tuple[Document, ...] = ()
    policy: str = ""
    holidays: str = ""
    places: str = ""

    def table(self, name: str) -> tuple[Document, ...]:
        """The rows of a table by its name in a change, ``fences`` too."""
        return self.fences if name == "fences" else self.rows[name]


def rows_of(table: Table, form: TableForm) -> tuple[Row, ...]:
    """The sound rows of a file, by column."""
    names = (*form.columns, *form.optional)
    return tuple(dict(zip(names, cells, strict=True)) for _, cells in table.rows)


def table_of(rows: tuple[Row, ...], form: TableForm) -> Table:
    """Rows as if they had been read from their file."""
    names = (*form.columns, *form.optional)
    numbered = [(number, tuple(row[name] for name in names)) for number, row in enumerate(rows, 1)]
    return Table(form.file, numbered, frozenset(row[form.id_column] for row in rows))


def known_feature(feature: Document) -> Document:
    """A feature with nothing but what a fence is made of."""
    given = feature["properties"]
    properties = {name: given[name] for name in PROPERTIES if given.get(name) is not None}
    return {"type": "Feature", "properties": properties, "geometry": feature.get("geometry")}


def write_documents(documents: SiteDocuments, directory: Path) -> None:
    """The files of a site in a directory that is there; an optional column only where a row has it."""
    for name, form in TABLES.items():
        (directory / form.file).write_text(
            _csv_text(documents.rows[name], form), encoding="utf-8", newline=""
        )
    (directory / FENCES).write_text(_features_text(documents.fences), encoding="utf-8")
    for name, text in (
        (POLICY, documents.policy),
        (HOLIDAYS, documents.holidays),
        (PLACES, documents.places),
    ):
        if text:
            (directory / name).write_text(text, encoding="utf-8", newline="")


def _csv_text(rows: tuple[Row, ...], form: TableForm) -> str:
    given = [name for name in form.optional if any(row[name] for row in rows)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = (*form.columns, *given)
    writer.writerow(names)
    writer.writerows([row[name] for name in names] for row in rows)
    return text.getvalue()


def _features_text(features: tuple[Document, ...]) -> str:
    """One feature a line, so that two exports can be compared line by line."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'
