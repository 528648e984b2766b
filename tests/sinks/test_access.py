"""Tokens and the log of who looked at whose track."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sinks.access import Identity, Role, TokenStore, WrongToken
from sinks.access_log import Access, AccessLog, PurposeMissing


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenStore]:
    store = TokenStore.open(tmp_path / "tokens.sqlite")
    yield store
    store.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AccessLog]:
    log = AccessLog.open(tmp_path / "accesses.sqlite")
    yield log
    log.close()


def test_a_token_is_known_until_it_is_revoked(tokens: TokenStore) -> None:
    officer = tokens.create("officer", office_id="O1", now_ms=1, name="Li")
    device = tokens.create("device", device_id="D1", now_ms=1)
    assert tokens.lookup(officer) == Identity(Role.OFFICER, "O1", None, "Li")
    found = tokens.lookup(device)
    assert found is not None
    assert (found.role, found.device_id) == (Role.DEVICE, "D1")
    assert [identity.name for identity in tokens.identities()] == ["Li", found.name]
    assert tokens.revoke("Li", now_ms=2)
    assert not tokens.revoke("Li", now_ms=3)
    assert (tokens.lookup(officer), tokens.lookup("\ud800")) == (None, None)


def test_only_the_hash_is_kept_and_only_the_owner_reads_it(tokens: TokenStore, tmp_path: Path) -> None:
    text = tokens.create("operator", now_ms=1)
    tokens.close()
    assert len(text) >= 43
    for path in tmp_path.iterdir():
        assert text.encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("role", "office", "device", "wrong"),
    [
        ("boss", None, None, "role"),
        ("officer", None, None, "office"),
        ("county", "", None, "office"),
        ("prosecutor", "C1", "D1", "device"),
        ("device", "O1", None, "device"),
    ],
)
def test_parts_that_do_not_fit(
    tokens: TokenStore, role: str, office: str | None, device: str | None, wrong: str
) -> None:
    with pytest.raises(WrongToken, match=wrong):
        tokens.create(role, office_id=office, device_id=device, now_ms=1)


def test_names_are_holders_and_so_no_two_are_the_same(tokens: TokenStore) -> None:
    tokens.create("officer", office_id="O1", now_ms=1, name="Li")
    with pytest.raises(WrongToken, match="'Li' is taken"):
        tokens.create("officer", office_id="O2", now_ms=1, name="Li")


LOOK = Access(1, "Li", "officer", "O1", "P1", 10, 20, "alert 7")


def test_looks_are_kept_in_order(log: AccessLog) -> None:
    numbers = [log.record(replace(LOOK, person_id=person)) for person in ("P1", "P2", "P1")]
    assert numbers == [1, 2, 3]
    assert [entry.person_id for entry in log.entries()] == ["P1", "P2", "P1"]
    assert log.entries(person_id="P1", after=1) == [replace(LOOK, access_id=3)]


@pytest.mark.parametrize("purpose", ["", "  \n", "x" * 1001])
def test_no_look_without_a_purpose(log: AccessLog, purpose: str) -> None:
    with pytest.raises(PurposeMissing):
        log.record(replace(LOOK, purpose=purpose))
    assert log.entries() == []


@pytest.mark.parametrize("statement", ["UPDATE access SET purpose = 'other'", "DELETE FROM access"])
def test_nothing_in_the_log_is_changed_or_removed(log: AccessLog, tmp_path: Path, statement: str) -> None:
    log.record(LOOK)
    other = sqlite3.connect(tmp_path / "accesses.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="only ever appended to"):
        other.execute(statement)
    other.close()
