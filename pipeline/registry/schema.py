"""The tables of the registry: rows with the records that made and replaced them, changes, and requests.

They are what SQLite and PostgreSQL have in common. Times are milliseconds since 1970; documents are JSON.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement

metadata = MetaData()

#: What the registry began with, and the last record that it took: one row, once there is a site.
registry = Table(
    "registry",
    metadata,
    Column("slot", Integer, CheckConstraint("slot = 1"), primary_key=True, autoincrement=False),
    Column("record", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("last_record", BigInteger, nullable=False),
)

#: Versions of rows: ``made_by`` a record, 0 at the import, and until ``replaced_by`` another one.
site_row = Table(
    "site_row",
    metadata,
    Column("place", Integer, nullable=False),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("made_by", BigInteger, primary_key=True, autoincrement=False),
    Column("replaced_by", BigInteger),
    Index("site_row_by_place", "place"),
)

#: What names what, or once did, so that a change is checked against its neighbourhood alone.
reference = Table(
    "reference",
    metadata,
    Column("target_kind", Text, primary_key=True),
    Column("target_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Index("reference_of", "kind", "id"),
)

#: Every change that was taken, by its record.
change = Table(
    "change",
    metadata,
    Column("record", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("change_id", Text, nullable=False, unique=True),
    Column("asked_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("operations", Text, nullable=False),
    Column("edits", Text, nullable=False),
)

#: Which ids a change was about.
touched = Table(
    "touched",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("record", BigInteger, ForeignKey("change.record"), primary_key=True, autoincrement=False),
    Index("touched_by_id", "id", "record"),
)

#: Changes that another process asks for, with the answer once there is one.
request = Table(
    "request",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("until_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("is_begun", Integer, nullable=False),
    Column("answer", Text),
)


def embedded_script() -> str:
    """What makes the tables in SQLite, as far as they are not there; it may run any number of times."""
    dialect = sqlite.dialect()
    steps: list[DDLElement] = [CreateTable(table, if_not_exists=True) for table in metadata.sorted_tables]
    steps += [
        CreateIndex(index, if_not_exists=True)
        for table in metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
    return ";\n".join(str(step.compile(dialect=dialect)).strip() for step in steps)
