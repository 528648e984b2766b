"""A fresh queue on every database at hand: SQLite, and PostgreSQL where FENCEWATCH_TEST_POSTGRES says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from disposal_alerts import OFFICES
from made_queue import put_empty_queue
from sqlalchemy import create_engine, make_url, text

from sinks.disposal import DisposalQueue

#: e.g. postgresql+psycopg://user@host/database; each test works in a schema of its own there.
POSTGRES = os.environ.get("FENCEWATCH_TEST_POSTGRES")
BACKENDS = ["sqlite", *(["postgresql"] if POSTGRES else [])]

NewPlace = Callable[[], str]


@pytest.fixture(params=BACKENDS)
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewPlace]:
    """Makes the address of a database that has nothing in it, as often as it is called."""
    numbers = count()
    if request.param == "sqlite":
        yield lambda: str(tmp_path / f"queue-{next(numbers)}.sqlite")
    else:
        yield from _schemas()


@pytest.fixture
def place(new_place: NewPlace) -> str:
    """The address of one such database."""
    return new_place()


@pytest.fixture
def queue(place: str) -> Iterator[DisposalQueue]:
    """An empty queue that knows the offices."""
    if "://" not in place:
        put_empty_queue(Path(place))
    with DisposalQueue.open(place) as opened:
        opened.set_offices(OFFICES)
        yield opened


def _schemas() -> Iterator[NewPlace]:
    assert POSTGRES is not None
    url = make_url(POSTGRES)
    engine = create_engine(url)
    made: list[str] = []

    def new() -> str:
        made.append(f"queue_{os.getpid()}_{len(made)}")
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {made[-1]}"))
        there = url.update_query_dict({"options": f"-csearch_path={made[-1]}"})
        return there.render_as_string(hide_password=False)

    yield new
    with engine.begin() as connection:
        for schema in made:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()
