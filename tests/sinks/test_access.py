"""Tokens: who they stand for, and until when."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.access import Identity, Role, TokenStore, WrongToken
from sinks.sqlite import sqlite3


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenStore]:
    store = TokenStore.open(tmp_path / "tokens.sqlite")
    yield store
    store.close()


def test_a_token_is_known_until_it_is_revoked(tokens: TokenStore) -> None:
    officer = tokens.create("officer", office_id="O1", now_ms=1, name="Li")
    device = tokens.create("device", device_id="D1", now_ms=1)
    assert tokens.lookup(officer, now_ms=1) == Identity(Role.OFFICER, "O1", None, "Li")
    found = tokens.lookup(device, now_ms=1)
    assert found is not None
    assert (found.role, found.device_id) == (Role.DEVICE, "D1")
    assert [identity.name for identity in tokens.identities(now_ms=1)] == ["Li", found.name]
    assert tokens.revoke("Li", now_ms=2)
    assert not tokens.revoke("Li", now_ms=3)
    assert (tokens.lookup(officer, now_ms=2), tokens.lookup("\ud800", now_ms=2)) == (None, None)
    assert (tokens.former(officer), tokens.former("x")) == ("Li", None)


def test_a_token_expires(tokens: TokenStore) -> None:
    text = tokens.create("officer", office_id="O1", now_ms=1, name="Li", expires_ms=100)
    for_good = tokens.create("officer", office_id="O1", now_ms=1, name="Wu")
    assert [tokens.lookup(text, now_ms=at) is not None for at in (1, 99, 100, 101)] == [
        True,
        True,
        False,
        False,
    ]
    assert tokens.lookup(for_good, now_ms=1 << 50) is not None
    assert [identity.name for identity in tokens.identities(now_ms=100)] == ["Wu"]
    assert tokens.revoke("Wu", now_ms=50)
    states = [
        (row.identity.name, row.state, row.expires_ms, row.revoked_ms) for row in tokens.rows(now_ms=100)
    ]
    assert states == [("Li", "expired", 100, None), ("Wu", "revoked", None, 50)]
    with pytest.raises(WrongToken, match="past"):
        tokens.create("operator", now_ms=100, expires_ms=100)


def test_a_name_goes_on_to_the_next_token_of_the_same_person(tokens: TokenStore) -> None:
    old = tokens.create("officer", office_id="O1", now_ms=1, name="Li", expires_ms=100)
    with pytest.raises(WrongToken, match="'Li' is taken"):
        tokens.create("officer", office_id="O1", now_ms=99, name="Li")
    with pytest.raises(WrongToken, match="'Li' is taken"):  # somebody else of that name: another office
        tokens.create("officer", office_id="O2", now_ms=100, name="Li")
    new = tokens.create("officer", office_id="O1", now_ms=100, name="Li")
    assert tokens.lookup(old, now_ms=100) is None
    assert tokens.lookup(new, now_ms=100) == Identity(Role.OFFICER, "O1", None, "Li")


def test_a_file_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    """Before tokens expired; theirs last until they are revoked."""
    path = tmp_path / "tokens.sqlite"
    old = sqlite3.connect(path)
    old.execute(
        "CREATE TABLE token (sha256 BLOB PRIMARY KEY, role TEXT NOT NULL, office_id TEXT, device_id TEXT,"
        " name TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL, revoked_ms INTEGER) WITHOUT ROWID"
    )
    row = (hashlib.sha256(b"text").digest(), "officer", "O1", None, "Li", 1, None)
    old.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    old.commit()
    old.close()
    for _ in range(2):  # opened again it is as it should be
        store = TokenStore.open(path)
        assert store.lookup("text", now_ms=1 << 50) == Identity(Role.OFFICER, "O1", None, "Li")
        assert [row.expires_ms for row in store.rows(now_ms=1)] == [None]
        store.close()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "nobody"),
        ("  ", "nobody"),
        ("12345", "no letter"),
        ("\u3164", "a letter that shows as nothing"),
        ("Li\n", None),
        ("L\ni", "a control sign: two lines of a list"),
        ("Li\u202eiW", "turns the direction: reads as another name"),
        ("Li\u200b", "not seen: reads as another's name"),
        ("Li\u2028", None),
        ("L\u2028i", "a line separator"),
        ("operator:root@host", "so the machine's operator is called"),
        ("Operator:x", "the same"),
        ("x" * 201, "too long"),
        ("李敏", None),
        ("officer 7", None),
        ("Łukasz O’Brien", None),
    ],
)
def test_names_are_text_that_reads_as_it_is(tokens: TokenStore, name: str, why: str | None) -> None:
    if why is None:
        text = tokens.create("officer", office_id="O1", now_ms=1, name=name)
        found = tokens.lookup(text, now_ms=1)
        assert found is not None
        assert found.name == name.strip()
    else:
        with pytest.raises(WrongToken, match="name: "):
            tokens.create("officer", office_id="O1", now_ms=1, name=name)


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
