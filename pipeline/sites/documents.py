"""A site as the rows that people write, before anything is made of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from geofences.instant import instant_ms
from pipeline.sites.fences import PROPERTIES
from pipeline.sites.leaves import COLUMNS as LEAVE_COLUMNS
from pipeline.sites.offices import COLUMNS as OFFICE_COLUMNS
from pipeline.sites.offices import VALIDITY
from pipeline.sites.people import DEVICE_COLUMNS, PEOPLE_COLUMNS, PHONE
from pipeline.sites.table import Table
from pipeline.sites.toml_text import toml_text
from sinks.alert import instant_text

FENCES, PEOPLE, DEVICES, OFFICES = "fences.geojson", "people.csv", "devices.csv", "offices.csv"
LEAVES, POLICY, HOLIDAYS, PLACES = "leaves.csv", "policy.toml", "holidays.toml", "places.csv"
#: The directory of the policies by date, a TOML file each.
POLICIES = "policies"
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
    #: Whether rows of other tables name those of this one.
    is_named: bool = True

    @property
    def id_column(self) -> str:
        """The column that names what a row is about."""
        return self.columns[0]


#: The tables that are files of rows, each by its name in a change.
TABLES = {
    "offices": TableForm(OFFICES, OFFICE_COLUMNS, VALIDITY),
    "people": TableForm(PEOPLE, PEOPLE_COLUMNS, (PHONE,)),
    "devices": TableForm(DEVICES, DEVICE_COLUMNS, is_named=False),
    "leaves": TableForm(LEAVES, LEAVE_COLUMNS, is_named=False),
}


@dataclass(frozen=True, slots=True)
class SiteDocuments:
    """A site as people write it. Rows keep their order; a text is "" where there is no such file.

    ``rows`` has the tables offices, people, devices and leaves; ``fences`` are GeoJSON features; ``policies``
    what the files of policies/ hold.
    """

    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=lambda: dict.fromkeys(TABLES, ()))
    fences: tuple[Document, ...] = ()
    policy: str = ""
    holidays: str = ""
    places: str = ""
    policies: tuple[Document, ...] = ()

    def table(self, name: str) -> tuple[Document, ...]:
        """The rows of a table by its name in a change, ``fences`` and ``policies`` too."""
        if name == POLICIES:
            return self.policies
        return self.fences if name == "fences" else self.rows[name]


def rows_of(table: Table, form: TableForm) -> tuple[Row, ...]:
    """The sound rows of a file, by column."""
    names = (*form.columns, *form.optional)
    return tuple(dict(zip(names, cells, strict=True)) for cells in table.rows)


def table_of(rows: tuple[Row, ...], form: TableForm) -> Table:
    """Rows as if they had been read from their file."""
    names = (*form.columns, *form.optional)
    columns = tuple([row[name] for row in rows] for name in names)
    return Table(form.file, range(1, len(rows) + 1), columns, frozenset(columns[0]))


def known_feature(feature: Document) -> Document:
    """A feature with nothing but what a fence is made of."""
    given = feature["properties"]
    properties = {name: given[name] for name in _known(tuple(given)) if given[name] is not None}
    return {"type": "Feature", "properties": properties, "geometry": feature.get("geometry")}


@lru_cache(maxsize=1_000)
def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a feature's properties that we know, in our order; most features have the same ones."""
    return tuple(name for name in PROPERTIES if name in names)


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
    _write_policies(documents.policies, directory / POLICIES)


def policy_files(directory: Path) -> list[Path]:
    """The files of the policies by date of a site, by name."""
    return sorted((directory / POLICIES).glob("*.toml"))


def _write_policies(policies: tuple[Document, ...], folder: Path) -> None:
    """A file each, named by the instant it begins."""
    for policy in policies:
        folder.mkdir(exist_ok=True)
        name = instant_text(instant_ms(policy["valid_from"])).replace(":", "").replace(".000Z", "Z")
        (folder / f"{name}.toml").write_text(toml_text(policy), encoding="utf-8", newline="")


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
