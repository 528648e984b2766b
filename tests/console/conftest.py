"""A browser and a console for tests of the page; a test that needs another kind makes its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from page_console import PageConsole, page_console
from page_visit import chromium
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Without WebGL: there is no map, and all is quick."""
    with chromium(webgl=False) as launched:
        yield launched


@pytest.fixture
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageConsole]:
    """Nobody moves in it."""
    with page_console(tmp_path_factory.mktemp("page"), is_moving=False) as made:
        yield made
