"""A registry's rows are read joined: they are those that stand there, by their places, at each record."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from minimal_site import write_site
from site_operations import NOW_MS

from pipeline.log.site_record import SiteChange, SiteRecord
from pipeline.registry import site_rows
from pipeline.registry.registry import Registry
from pipeline.registry.site_rows import Pair, lines_at
from pipeline.sites.documents import TABLES
from pipeline.sites.edits import Edit
from pipeline.sites.load import load_documents
from sinks.sqlite import sqlite3

FIRST = 100
PEOPLE = [f"N{number}" for number in range(30)]


@pytest.fixture(params=range(12))
def dice(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(int(request.param))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    home = tmp_path / "site"
    home.mkdir()
    with closing(Registry.open(tmp_path / "registry.sqlite")) as registry:
        assert registry.begin(load_documents(write_site(home)), record=FIRST, at_ms=NOW_MS, source="site")
        yield registry


def edit(dice: random.Random, name: str) -> Edit:
    """A row that is put or taken away."""
    if dice.random() < 0.3:
        return {"table": "people", "drop": {"id": name, "valid_from": ""}}
    row = {"person_id": name, "name": f'"],["{dice.random()}', "office_id": "O1", "class": "general",
           "valid_from": "", "valid_to": "", "phone": ""}  # fmt: skip
    return {"table": "people", "put": row}


def standing(connection: sqlite3.Connection, kind: str, record: int) -> list[Any]:
    """Row by row, sorted by place."""
    rows = connection.execute("SELECT kind, place, document, made_by, replaced_by FROM site_row").fetchall()
    there = [
        (place, document)
        for of, place, document, made, replaced in rows
        if of == kind and made <= record and (replaced is None or replaced > record)
    ]
    return [json.loads(document) for _, document in sorted(there)]


@pytest.mark.parametrize("at_once", [1, 3, 2_000])
@pytest.mark.parametrize("longest", [10**9, 4])
def test_rows_at_each_record(
    dice: random.Random, registry: Registry, at_once: int, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_rows, "AT_ONCE", at_once)
    for number in range(FIRST, FIRST + 12):
        edits = tuple(edit(dice, name) for name in dice.sample(PEOPLE, dice.randrange(1, 8)))
        assert registry.take(SiteRecord(number, NOW_MS, SiteChange(f"c{number}", "li", "", (), edits)))
    with registry.paired() as (one, other):
        pair = Pair(Narrow(one, longest), Narrow(other, longest))  # type: ignore[arg-type]
        _every_record_is_read(registry, pair)


def _every_record_is_read(registry: Registry, pair: Pair) -> None:
    for record in range(FIRST - 1, FIRST + 12):
        found = lines_at(pair, record)
        for kind in TABLES:
            assert list(map(json.loads, found.rows[kind])) == standing(registry.file.reading(), kind, record)
        assert list(map(json.loads, found.fences)) == standing(registry.file.reading(), "fences", record)


class Narrow:
    """A connection that refuses to join more than so many rows, as SQLite does where they are too long."""

    def __init__(self, connection: sqlite3.Connection, longest: int) -> None:
        self._connection = connection
        self._longest = longest

    def execute(self, asked: str, values: tuple[Any, ...] = ()) -> Any:
        found = self._connection.execute(asked, values)
        if "group_concat" not in asked:
            return found
        rows = found.fetchall()
        if any(row[-3] > self._longest for row in rows):
            raise sqlite3.DataError("string or blob too big")
        return self._connection.execute(asked, values)
