"""The record of who looked at whom: appended to, linked, and every change of it found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chain_mutations import Chain, mutated

from sinks.access_log import Access, AccessLog, Look, PurposeMissing
from sinks.hash_chain import Head
from sinks.sqlite import sqlite3

TRACK = Access(1, "Li", "officer", "O1", "P1", 10, 20, "alert 7")
VISIT = Access(2, "Li", "officer", "O1", None, None, None, None, kind=Look.VISIT)
PERSON = Access(3, "王", "county", "C1", "P2", None, None, "月度检查", kind=Look.PERSON)
DENIED = Access(
    4, "D1", "device", None, None, None, None, None, kind=Look.REFUSED, route="GET /x", answer=403
)
RECORDS = 40
MUTATIONS = 1000


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AccessLog]:
    log = AccessLog.open(tmp_path / "accesses.sqlite")
    yield log
    log.close()


@pytest.fixture
def raw(log: AccessLog, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the file in their hands."""
    connection = sqlite3.connect(tmp_path / "accesses.sqlite", isolation_level=None)
    yield connection
    connection.close()


def filled(log: AccessLog) -> Head:
    looks = (TRACK, VISIT, PERSON, DENIED)
    for number in range(RECORDS):
        log.record(replace(looks[number % 4], at_ms=number, actor=f"Li {number % 7}"))
    return log.head()


def test_looks_are_kept_in_order(log: AccessLog) -> None:
    numbers = [log.record(look) for look in (TRACK, VISIT, PERSON, DENIED)]
    assert numbers == [1, 2, 3, 4]
    told = [replace(look, access_id=number) for number, look in enumerate((TRACK, VISIT, PERSON, DENIED), 1)]
    assert log.entries() == told
    assert log.entries(person_id="P1") == told[:1]
    assert log.entries(after=2, limit=1) == told[2:3]
    assert log.entries(offices=["O1", "O9"]) == told[:2]
    assert log.entries(offices=[]) == []
    assert log.first_break() is None


@pytest.mark.parametrize(
    ("purpose", "why"),
    [
        ("", "none"),
        ("  \n", "none"),
        ("x" * 1001, "too long"),
        ("123", "no letter"),
        ("alert\x00", "a control sign"),
        ("alert \u202e7", "turns the direction"),
        ("alert\u200b", "a sign that is not seen"),
        ("\ud800", "half of a pair"),
    ],
)
def test_no_track_without_a_purpose_that_can_be_read(log: AccessLog, purpose: str, why: str) -> None:
    with pytest.raises(PurposeMissing):
        log.record(replace(TRACK, purpose=purpose))
    assert log.entries() == [], why


def test_what_a_request_brings_along_is_kept_as_text(log: AccessLog) -> None:
    log.record(replace(DENIED, person_id="\ud800" + "x" * 300, route="r" * 300))
    (entry,) = log.entries()
    assert (entry.person_id or "")[:7] == "\\ud800x"
    assert len(entry.route or "") == 200
    assert log.first_break() is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE looks SET purpose = 'other'",
        "DELETE FROM looks",
        "INSERT OR REPLACE INTO looks SELECT access_id, 9, kind, actor, role, office_id, person_id, from_ms,"
        " to_ms, purpose, route, answer, salt, link FROM looks",
    ],
)
def test_nothing_is_changed_or_removed_by_accident(
    log: AccessLog, raw: sqlite3.Connection, statement: str
) -> None:
    log.record(TRACK)
    with pytest.raises(sqlite3.IntegrityError, match="only ever appended to"):
        raw.execute(statement)


CHAIN = Chain(
    table="looks",
    number="access_id",
    columns=(
        "at_ms", "kind", "actor", "role", "office_id", "person_id", "from_ms", "to_ms", "purpose", "route",
        "answer", "salt", "link",
    ),
    changes={
        "at_ms": lambda rng: rng.randrange(10**9, 10**10),
        "actor": lambda rng: f"somebody {rng.random()}",
        "role": lambda _: "other",
        "office_id": lambda _: "O99",
        "person_id": lambda _: "P99",
        "purpose": lambda _: "another purpose",
        "route": lambda _: "GET /other",
        "answer": lambda _: 299,
        "salt": lambda rng: rng.randbytes(16),
        "link": lambda rng: rng.randbytes(32),
    },
    head="UPDATE looks_head SET number = :last,"
    " link = coalesce((SELECT link FROM looks WHERE access_id = :last), zeroblob(32))",
    records=RECORDS,
)  # fmt: skip


def test_every_one_of_a_thousand_mutations_is_found_at_its_record(
    log: AccessLog, raw: sqlite3.Connection
) -> None:
    """By somebody who drops the triggers first; each mutation is undone before the next."""
    kept_elsewhere = filled(log)
    assert log.first_break([kept_elsewhere]) is None
    for name in ("changed", "removed", "replaced"):
        raw.execute(f"DROP TRIGGER look_is_not_{name}")
    rng = random.Random(8)
    connection = log._file.reading()  # the mutation is seen by the log before it is undone
    for number in range(MUTATIONS):
        connection.execute("SAVEPOINT mutation")
        kind, broken = mutated(CHAIN, connection.execute, rng)
        found = log.first_break([kept_elsewhere])
        connection.execute("ROLLBACK TO mutation")
        connection.execute("RELEASE mutation")
        assert found is not None, f"mutation {number}, {kind}, went unnoticed"
        assert found.number == broken, (number, kind, found)
    assert log.first_break([kept_elsewhere]) is None


def test_a_chain_written_anew_is_found_by_a_head_kept_elsewhere(tmp_path: Path) -> None:
    """Whoever forges every link from a record on can be told by nothing in the file."""
    heads = []
    for name, purpose in (("true", "alert 7"), ("forged", "another")):
        log = AccessLog.open(tmp_path / f"{name}.sqlite")
        log.record(TRACK)
        log.record(replace(TRACK, purpose=purpose))
        log.record(TRACK)
        heads.append(log.head())
        assert log.first_break() is None
        found = log.first_break(heads[:1])
        assert (found is None) == (name == "true")
        log.close()


def test_a_log_of_an_earlier_version_is_linked_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "accesses.sqlite"
    old = sqlite3.connect(path)
    old.executescript(
        """
        CREATE TABLE access (access_id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER, actor TEXT,
            role TEXT, office_id TEXT, person_id TEXT, from_ms INTEGER, to_ms INTEGER, purpose TEXT);
        CREATE INDEX access_by_person ON access (person_id, access_id);
        CREATE TRIGGER access_is_not_removed BEFORE DELETE ON access
        BEGIN SELECT RAISE(ABORT, 'the access log is only ever appended to'); END;
        INSERT INTO access VALUES (1, 1, 'Li', 'officer', 'O1', 'P1', 10, 20, 'alert 7');
        INSERT INTO access VALUES (2, 2, 'Wu', 'county', 'C1', 'P2', 10, 20, '检查');
        """
    )
    old.close()
    for _ in range(2):  # opened again nothing is taken over twice
        log = AccessLog.open(path)
        assert [(entry.access_id, entry.actor, entry.kind) for entry in log.entries()] == [
            (1, "Li", Look.TRACK),
            (2, "Wu", Look.TRACK),
        ]
        assert log.first_break() is None
        log.close()
