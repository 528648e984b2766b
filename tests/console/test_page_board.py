"""The board on the page with 1,800 alerts that wait: in every order, searched, by person, many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, violation
from page_console import served
from page_visit import CHROMIUM, PATIENCE_MS, Visit, visit
from playwright.sync_api import Browser, expect

from console.parts import WEB
from geofences.county import counties

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

WAITING, CLEARED = 1800, 110
#: A row of the board is drawn once, and once more for each alert that changes; never all of them.
DRAWN_MOST = 100


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """P1 has the grave ones, P3 those that cleared themselves, P5 (of no people.csv) the rest."""
    counties()  # read once, or the first page of a busy machine would lose patience while they are
    with console_world(tmp_path_factory.mktemp("board"), lambda: NOW_MS) as world:
        cleared = [violation(n, severity=3, person="P3") for n in range(1, CLEARED + 1)]
        apply(world, *(replace(alert, cleared_ms=alert.raised_ms + MINUTE_MS) for alert in cleared))
        others = [
            violation(n, severity=1 + (n % 3), person="P5") for n in range(200, 200 + WAITING - CLEARED - 3)
        ]
        apply(world, *others, *(violation(n, severity=1, person="P1") for n in (3000, 3001, 3002)))
        yield world


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    with served(world) as where:
        yield where


@pytest.fixture
def visitor(browser: Browser, world: World, url: str) -> Iterator[Visit]:
    with visit(browser, width=1366, height=768) as visited:
        visited.page.goto(f"{url}/#token={world.tokens['officer']}")
        visited.sees_board()
        yield visited


def _first(visitor: Visit) -> str:
    return visitor.page.locator("#board .alerts:not([hidden]) button").first.inner_text()


def test_eighteen_hundred_are_no_burden(visitor: Visit) -> None:
    """A page of them is read and drawn, not all; a round of reading anew changes no element that stays."""
    expect(visitor.page.locator("[data-group=waiting] b")).to_have_text(str(WAITING))
    rows = visitor.page.locator("ol#alerts > li")
    assert rows.count() == DRAWN_MOST
    visitor.page.evaluate(
        """() => { window.changed = 0;
          new MutationObserver((all) => { for (const one of all) window.changed += one.addedNodes.length; })
            .observe(document.getElementById('alerts'), { childList: true }); }"""
    )
    with visitor.page.expect_response("**/v1/alerts?*"):
        visitor.page.evaluate("document.querySelector('[data-group=waiting]').click()")
    with visitor.page.expect_response("**/v1/alerts?*"):
        visitor.page.evaluate("document.querySelector('[data-group=unfinished]').click()")
    visitor.page.wait_for_timeout(300)
    assert visitor.page.evaluate("window.changed") <= DRAWN_MOST
    for _ in range(3):
        before = rows.count()
        visitor.click("加载更多")
        expect(rows).to_have_count(before + DRAWN_MOST)


def test_more_come_although_all_is_read_anew_meanwhile(visitor: Visit, world: World) -> None:
    """A colleague claims one between the press and the answer, which is then no longer the newest."""
    rows, queue = visitor.page.locator("ol#alerts > li"), world.parts.queue
    expect(rows).to_have_count(DRAWN_MOST)
    visitor.page.evaluate(
        """() => { const ask = window.fetch, held = new Promise((go) => window.release = go);
          window.fetch = async (path, options) => {
            const answer = await ask(path, options);
            if (String(path).includes("cursor=")) await held;
            return answer; }; }"""
    )
    with visitor.page.expect_response("**/v1/alerts?*"):  # the next page, or all where that is being read
        visitor.click("加载更多")
    key = next(item.alert.alert_key for item in queue.every_alert(now_ms=NOW_MS) if item.state == "open")
    with visitor.page.expect_response("**/v1/alerts/counts?*", timeout=PATIENCE_MS):
        queue.claim(key, actor="colleague", office="O1", now_ms=NOW_MS)
    visitor.page.evaluate("window.release()")
    try:
        expect(rows).to_have_count(2 * DRAWN_MOST, timeout=PATIENCE_MS)
    finally:
        queue.release(key, actor="colleague", office="O1", now_ms=NOW_MS)


@pytest.mark.soak
def test_orders(visitor: Visit) -> None:
    """Each order shows its first; the address keeps it."""
    order = visitor.page.get_by_label("排序")
    for label, who, severity in (
        ("最新优先", "Person Three", "3"),
        ("最早优先", "Person One", "1"),
        ("按级别", "Person One", "1"),
    ):
        order.select_option(label=label)
        row = visitor.page.locator("ol#alerts button").first
        expect(row.locator(".who")).to_have_text(who, timeout=PATIENCE_MS)
        expect(row.locator(".severity text")).to_have_text(severity)
    visitor.page.reload()
    visitor.sees_board()
    expect(order).to_have_value("severity")


@pytest.mark.soak
def test_severities_are_counted(visitor: Visit) -> None:
    offered = visitor.page.locator("#severity option")
    expect(offered.nth(1)).to_have_text("1 紧急 (565)")
    counted = [int(text.split("(")[1].rstrip(")")) for text in offered.all_inner_texts()[1:]]
    assert sum(counted) == WAITING


def test_search_by_name_and_by_number(visitor: Visit) -> None:
    rows = visitor.page.locator("ol#alerts > li")
    for text, count in (("person one", 3), ("P1", 3), ("nobody", 0)):
        visitor.page.get_by_label("搜索姓名或编号").fill(text)
        expect(rows).to_have_count(count, timeout=PATIENCE_MS)
    visitor.page.get_by_label("搜索姓名或编号").fill("")
    expect(rows).to_have_count(DRAWN_MOST, timeout=PATIENCE_MS)


def test_a_prosecutor_finds_nobody_by_name(browser: Browser, world: World, url: str) -> None:
    with visit(browser) as visited:
        visited.page.goto(f"{url}/#token={world.tokens['prosecutor']}")
        visited.sees_board()
        rows = visited.page.locator("ol#alerts > li")
        visited.page.get_by_label("搜索姓名或编号").fill("Person One")
        visited.sees("没有符合条件的预警。")
        visited.page.get_by_label("搜索姓名或编号").fill("P1")
        expect(rows).to_have_count(3, timeout=PATIENCE_MS)
        assert visited.page.locator("input.pick").count() == 0, "who does not act picks nothing"


@pytest.mark.soak
def test_by_person(visitor: Visit) -> None:
    """One card each, the gravest and the count on it; it opens into the alerts."""
    visitor.click("按人")
    cards = visitor.page.locator("ol#people > li > button")
    expect(cards).to_have_count(3)
    texts = cards.all_inner_texts()
    assert "Person One" in texts[0]
    assert "3 条预警" in texts[0]
    assert any("P5" in text and f"{WAITING - CLEARED - 3:d} 条预警" in text for text in texts)
    cards.first.click()
    inside = visitor.page.locator("ol#people .alerts-of > li > button")
    expect(inside).to_have_count(3)
    inside.first.click()
    visitor.sees("经过")
    visitor.page.keyboard.press("Escape")
    visitor.click("按人")
    expect(visitor.page.locator("ol#alerts > li")).to_have_count(DRAWN_MOST)


@pytest.mark.soak
def test_what_is_mine(visitor: Visit) -> None:
    visitor.page.get_by_label("排序").select_option(label="最早优先")
    expect(visitor.page.locator("ol#alerts .who").first).to_have_text("Person One", timeout=PATIENCE_MS)
    visitor.click_first_alert()
    visitor.click("认领")
    visitor.labelled("属实").wait_for()
    visitor.click("我的")
    expect(visitor.page.locator("ol#alerts > li")).to_have_count(1, timeout=PATIENCE_MS)
    visitor.click("退回")
    visitor.sees("没有符合条件的预警。")


@pytest.mark.soak
def test_a_range_is_picked_with_shift(visitor: Visit) -> None:
    visitor.page.get_by_label("排序").select_option(label="最新优先")
    boxes = visitor.page.locator("input.pick")
    expect(boxes).to_have_count(DRAWN_MOST, timeout=PATIENCE_MS)
    boxes.nth(2).click()
    boxes.nth(6).click(modifiers=["Shift"])
    visitor.sees("已选 5 条")
    boxes.nth(4).click()
    visitor.sees("已选 4 条")
    visitor.click("取消选择")
    expect(visitor.page.locator("input.pick:checked")).to_have_count(0)


@pytest.mark.soak
def test_what_is_open_cannot_be_picked(visitor: Visit) -> None:
    expect(visitor.page.locator("ol#alerts li[data-state=open]").first).to_be_visible()
    assert visitor.page.locator("ol#alerts li[data-state=open] input").count() == 0


@pytest.mark.soak
def test_all_that_cleared_themselves_are_settled_together(world: World, visitor: Visit) -> None:
    """The last test of the file. One is claimed by a colleague meanwhile: it is left, and named."""
    queue = world.parts.queue
    cleared = [item for item in queue.every_alert(now_ms=NOW_MS) if item.state == "self_cleared"]
    assert len(cleared) == CLEARED
    visitor.click(f"全选自动消除的（{CLEARED}）")
    visitor.sees(f"已选 {CLEARED} 条")
    visitor.click("一起办结…")
    visitor.sees(f"一起办结 {CLEARED} 条预警")
    key = cleared[7].alert.alert_key
    queue.claim(key, actor="colleague", office="O1", now_ms=NOW_MS)
    visitor.page.locator("dialog").get_by_label("情况简单：一步办结").select_option(label="定位漂移")
    visitor.click(f"办结这 {CLEARED} 条")
    title = visitor.page.get_by_role("heading", name=f"办结 {CLEARED - 1} 条，共 {CLEARED} 条")
    title.wait_for(timeout=6 * PATIENCE_MS)  # a transaction for each
    assert f"{key[:10]} 已认领 · colleague" in visitor.page.locator("dialog .refused").inner_text()
    visitor.click("知道了")
    expect(visitor.page.locator("#selection")).to_be_hidden(timeout=PATIENCE_MS)
    settled = [item for item in queue.every_alert(now_ms=NOW_MS) if item.state == "closed"]
    assert len(settled) == CLEARED - 1
    assert {item.reason for item in settled} == {"gps_drift"}
    me = visitor.page.locator("#me").inner_text().split(" · ")[0]
    assert {item.closed_by for item in settled} == {me}
