"""The access tokens of a data directory, opened by themselves: most commands want nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fencewatch.config import TOKENS
from fencewatch.entrance import fit
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import adopt
from sinks.access import TokenStore


@contextmanager
def opened_tokens(data: Path) -> Iterator[TokenStore]:
    """The access tokens of a data directory."""
    data.mkdir(parents=True, exist_ok=True)
    fit(data, Store.TOKENS)
    store = TokenStore.open(data / TOKENS)
    try:
        adopt(data, [Store.TOKENS])
        yield store
    finally:
        store.close()
