"""A token that was looked up before is known without reading its file, and never a moment too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sinks.access import TokenStore
from sinks.sqlite import sqlite3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[TokenStore]:
    with closing(TokenStore.open(path)) as store:
        yield store


def test_only_what_was_looked_up_is_known(store: TokenStore) -> None:
    token = store.create("operator", name="x", now_ms=1)
    assert store.remembered(token, now_ms=2) is None
    found = store.lookup(token, now_ms=2)
    assert found is not None
    assert store.remembered(token, now_ms=2) == found
    assert store.remembered(token + "x", now_ms=2) is None


def test_one_that_is_revoked_by_another_program_is_forgotten_at_once(store: TokenStore, path: Path) -> None:
    token = store.create("operator", name="x", now_ms=1)
    store.lookup(token, now_ms=2)
    with closing(TokenStore.open(path)) as other:
        other.revoke("x", now_ms=3)
    assert store.remembered(token, now_ms=4) is None
    assert store.lookup(token, now_ms=4) is None
    assert store.remembered(token, now_ms=4) is None, "a token that counts no longer is never remembered"


def test_one_that_is_revoked_by_this_one_too(store: TokenStore) -> None:
    token = store.create("operator", name="x", now_ms=1)
    store.lookup(token, now_ms=2)
    store.revoke("x", now_ms=3)
    assert store.remembered(token, now_ms=4) is None


def test_it_expires_at_its_time(store: TokenStore) -> None:
    token = store.create("operator", name="x", now_ms=1, expires_ms=10)
    store.lookup(token, now_ms=2)
    assert store.remembered(token, now_ms=9) is not None
    assert store.remembered(token, now_ms=10) is None


def test_any_write_to_the_file_makes_it_be_read_again(store: TokenStore) -> None:
    first = store.create("operator", name="first", now_ms=1)
    store.lookup(first, now_ms=2)
    second = store.create("operator", name="second", now_ms=3)
    assert store.remembered(first, now_ms=4) is None
    store.lookup(second, now_ms=4)
    assert store.remembered(first, now_ms=4) is None, "what was known before the write is gone"
    store.lookup(first, now_ms=4)
    assert None not in (store.remembered(first, now_ms=5), store.remembered(second, now_ms=5))


def test_a_file_that_cannot_be_asked_is_read_by_whoever_may_wait(store: TokenStore, path: Path) -> None:
    token = store.create("operator", name="x", now_ms=1)
    store.lookup(token, now_ms=2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.remembered(token, now_ms=3) is not None, "a write that is not finished changes nothing"
    store.close()
    assert store.remembered(token, now_ms=3) is None
