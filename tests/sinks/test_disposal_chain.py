"""The timeline is a chain: whatever is changed in it behind the queue's back is found at its entry."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from chain_mutations import Chain, mutated
from disposal_alerts import OFFICES, alert, brought_to, told
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from sinks.disposal import DisposalQueue
from sinks.disposal.chain import timeline_break
from sinks.hash_chain import BEGINNING, Head
from sinks.sqlite import sqlite3

MUTATIONS = 1000
ALERTS = 10


def filled(path: Path) -> Head:
    """A queue with entries of the engine and of people; how far its timeline reaches."""
    with DisposalQueue.open(path) as queue:
        queue.set_offices(OFFICES)
        for n in range(ALERTS):
            told(queue, 1, n)
            told(queue, 2, n, cleared_ms=alert(n).raised_ms + 1, distance_m=1.5)
        for n, state in enumerate(("claimed", "verified", "disposed", "closed")):
            brought_to(queue, state, key=alert(n).alert_key)
        assert queue.timeline_break() is None
        return queue.timeline_head()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.sqlite"


def opened(path: Path) -> Engine:
    """A way into the database past the queue."""
    return create_engine(f"sqlite:///{path}", poolclass=NullPool, module=sqlite3)


def chain(head: Head) -> Chain:
    return Chain(
        table="event",
        number="seq",
        columns=("alert_key", "at_ms", "kind", "revision", "actor", "office_id", "details", "salt", "link"),
        changes={
            "alert_key": lambda _: "0" * 32,
            "at_ms": lambda rng: rng.randrange(10**9, 10**10),
            "kind": lambda _: "reinstated",
            "details": lambda rng: rng.choice(
                ['{"note": "other"}', '{"a": {}}', "[]", "null", "no JSON at all"]
            ),
            "salt": lambda rng: rng.randbytes(16),
            "link": lambda rng: rng.choice([rng.randbytes(32), None, "text"]),
        },
        head="UPDATE event_tail SET last_seq = :last, last_link = (SELECT link FROM event WHERE seq = :last)",
        records=head.number,
        # An entry of the engine is there once for each revision.
        copied={"revision": "revision + 1000000000"},
    )


def test_every_one_of_a_thousand_mutations_is_found_at_its_entry(path: Path) -> None:
    head = filled(path)
    rng = random.Random(8)
    with opened(path).connect() as connection:

        def execute(statement: str, values: dict[str, object]) -> None:
            connection.execute(text(statement), values)

        for number in range(MUTATIONS):
            transaction = connection.begin()
            kind, broken = mutated(chain(head), execute, rng)
            found = timeline_break(connection, [head])
            transaction.rollback()
            assert found is not None, f"mutation {number}, {kind}, went unnoticed"
            # An empty tail that was set back to the beginning has no link.
            assert found.number == broken, (number, kind, found)
        assert timeline_break(connection, [head]) is None


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("UPDATE event SET actor = 'other' WHERE seq = :seq", 31),
        ("UPDATE event SET office_id = 'O9' WHERE seq = :seq", 31),
        ("UPDATE event SET revision = 7 WHERE seq = :seq", 3),
    ],
)
def test_who_did_it_and_at_what_place(path: Path, statement: str, number: int) -> None:
    """Columns that only entries of people, or only those of the engine, have."""
    head = filled(path)
    with opened(path).connect() as connection:
        connection.execute(text(statement), {"seq": number})
        found = timeline_break(connection, [head])
        assert found is not None
        assert found.number == number


def test_a_number_and_its_text_are_told_apart(path: Path) -> None:
    """What JSON says otherwise is another entry, though it looks alike."""
    head = filled(path)
    with opened(path).connect() as connection:
        _replace(connection, '"level": 1', '"level": "1"')
        found = timeline_break(connection, [head])
        assert found is not None
        assert found.number == 1


def _replace(connection: Connection, old: str, new: str) -> None:
    statement = "UPDATE event SET details = replace(details, :old, :new) WHERE seq = 1"
    connection.execute(text(statement), {"old": old, "new": new})


def test_a_timeline_of_an_earlier_version_is_linked_as_it_stands(path: Path) -> None:
    head = filled(path)
    settings = Config()
    settings.set_main_option("script_location", "sinks.disposal:migrations")
    with opened(path).begin() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "0002")
    with DisposalQueue.open(path) as queue:
        linked = queue.timeline_head()
        assert linked.number == head.number
        assert linked.link not in (head.link, BEGINNING), "salts are drawn anew"
        assert queue.timeline_break([linked]) is None
        told(queue, 3, 0, cleared_ms=None)
        assert queue.timeline_head().number > head.number
        assert queue.timeline_break([linked]) is None


def test_an_empty_timeline(path: Path) -> None:
    with DisposalQueue.open(path) as queue:
        assert queue.timeline_head() == Head(0, BEGINNING)
        assert queue.timeline_break() is None
        lost = queue.timeline_break([Head(7, b"x" * 32)])
        assert lost is not None
        assert lost.number == 1
