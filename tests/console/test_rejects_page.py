"""The operator's panel in a browser: whoever sees no people is led to the rows that were refused."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from console_world import ping
from page_console import PageConsole
from page_visit import CHROMIUM, Visit, visit
from playwright.sync_api import Browser, expect

from console.parts import WEB

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    with visit(browser) as visited:
        yield visited


def test_an_operator_finds_out_why_a_row_was_refused(console: PageConsole, visitor: Visit) -> None:
    assert console.world is not None
    rows = [ping("D1", lat=91.123), ping("D99")]
    said = httpx2.post(
        f"{console.url}/v1/pings", json=rows, headers=console.world.bearer("operator"), timeout=60
    )
    assert said.json()["accepted"] == 0
    page = visitor.page
    page.goto(f"{console.url}/#token={console.world.tokens['operator']}")
    expect(page.locator("h1")).to_contain_text("被拒收的数据")
    table = page.locator("#rows")
    for _ in range(20):  # rows are kept a moment after they were refused
        page.locator("#choice button").click()
        if table.locator("tr").count() == 2:
            break
        page.wait_for_timeout(250)
    expect(table.locator("tr")).to_have_count(2)
    expect(table).to_contain_text("坐标有误")
    expect(table).to_contain_text("##.###")
    expect(table).not_to_contain_text("106.5")
    page.locator("[data-language=en]").click()
    expect(page.locator("#heads")).to_contain_text("Device or sender")
    expect(table).to_contain_text("unknown device")
    page.locator("#device").fill("D99")
    page.locator("#choice button").click()
    expect(table.locator("tr")).to_have_count(1)
    expect(table).to_contain_text("D99")
    page.locator("#leave").click()
    expect(page.locator("#entry")).to_be_visible()
