"""The registry's tables are the same in every database that may hold them."""

from __future__ import annotations

import re
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from pipeline.registry.registry import Registry
from pipeline.registry.schema import metadata
from sinks.sqlite import sqlite3


def test_an_opened_file_has_the_tables_as_the_program_has_them(tmp_path: Path) -> None:
    path = tmp_path / "registry.sqlite"
    for _ in range(2):  # what is there already is left as it is
        Registry.open(path).close()
    engine = create_engine(f"sqlite:///{path}", module=sqlite3, poolclass=NullPool)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    # Only the bearing is there besides, which every store has.
    assert [(what, table.name) for what, table in differences] == [("remove_table", "bearing")]


def test_times_and_records_are_wide_enough_everywhere() -> None:
    """SQLite takes any integer for INTEGER; others take 32 bits, which end in 1970 plus 25 days."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        said = str(CreateTable(table).compile(dialect=dialect))
        for name in ("record", "at_ms", "from_ms", "until_ms", "made_by", "replaced_by", "last_record"):
            assert not re.search(rf"\b{name} (?!BIGINT)[A-Z]", said), said
