"""What the page asks in vain: it says so, goes on asking for what it shows, and breaks nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from console_world import apply, violation
from page_console import PageConsole
from page_visit import CHROMIUM, PATIENCE_MS, Visit, visit
from playwright.sync_api import Browser, Page, expect

from console.parts import WEB

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

#: Questions whose address fits are given up by the browser as after ten seconds without an answer.
_UNANSWERED = """
window.unanswered = null;
const ask = window.fetch;
window.fetch = (path, options) => window.unanswered !== null && new RegExp(window.unanswered).test(path)
  ? Promise.reject(new DOMException("signal timed out", "TimeoutError")) : ask(path, options);
"""
_BEHIND, _NO_ANSWER = "列表未能更新", "服务器没有应答"


@pytest.fixture
def visitor(browser: Browser, console: PageConsole) -> Iterator[Visit]:
    with visit(browser) as visited:
        visited.page.add_init_script(_UNANSWERED)
        visited.page.goto(f"{console.url}/#token={console.token}")
        visited.sees_board()
        yield visited
        assert visited.complaints == []


def unanswered(page: Page, path: str | None) -> None:
    """From now on no question with such an address is answered; all are again with None."""
    page.evaluate("path => { window.unanswered = path; }", path)


def test_a_choice_that_is_not_answered_is_read_again(visitor: Visit) -> None:
    """Alerts of another state stand there until then, so the board says that they are not what was chosen."""
    behind, rows = visitor.page.locator("#behind"), visitor.page.locator("ol#alerts > li")
    unanswered(visitor.page, "/v1/alerts[?]")
    visitor.page.locator("[data-group=settled]").click()
    expect(behind).to_contain_text(_BEHIND, timeout=PATIENCE_MS)
    visitor.page.wait_for_timeout(2_500)  # it was asked again in vain meanwhile
    expect(behind).to_contain_text(_BEHIND)
    unanswered(visitor.page, None)
    expect(behind).to_be_hidden(timeout=PATIENCE_MS)
    expect(rows).to_have_count(0)


def test_a_press_that_is_not_answered_is_told(visitor: Visit) -> None:
    unanswered(visitor.page, "/v1/alerts/[0-9a-f]{16}")
    visitor.click_first_alert()
    expect(visitor.page.locator("#toasts")).to_contain_text(_NO_ANSWER, timeout=PATIENCE_MS)
    unanswered(visitor.page, None)
    visitor.click_first_alert()
    visitor.sees("经过")


def test_what_is_urgent_is_asked_for_again(visitor: Visit, console: PageConsole) -> None:
    """The one word of it came while no question was answered; the next one would come a minute later."""
    assert console.world is not None
    expect(visitor.page).to_have_title("(1) 紧急预警 · fencewatch", timeout=PATIENCE_MS)
    unanswered(visitor.page, "severity=1")
    apply(console.world, violation(5, severity=1))
    visitor.page.wait_for_timeout(2_500)  # the word of it came, and it was asked for in vain
    expect(visitor.page).to_have_title("(1) 紧急预警 · fencewatch")
    unanswered(visitor.page, None)
    expect(visitor.page).to_have_title("(2) 紧急预警 · fencewatch", timeout=PATIENCE_MS)


def test_a_page_lives_although_its_first_questions_are_not_answered(
    browser: Browser, console: PageConsole
) -> None:
    """A busy server: who entered sees that the list is not there yet, and then the list."""
    with visit(browser) as visited:
        visited.page.add_init_script(_UNANSWERED + 'window.unanswered = "/v1/alerts";')
        visited.page.goto(f"{console.url}/#token={console.token}")
        expect(visited.page.locator("#behind")).to_contain_text(_BEHIND, timeout=PATIENCE_MS)
        unanswered(visited.page, None)
        visited.sees_board()
        expect(visited.page.locator("#behind")).to_be_hidden()
        assert visited.complaints == []
