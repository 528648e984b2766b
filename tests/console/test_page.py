"""The page as a visitor meets it, in a browser, over a console that runs.

By default that is a console of our own with a few alerts; FENCEWATCH_PAGE_URL and FENCEWATCH_PAGE_TOKEN name
another, such as a running demonstration's (its officer's token).
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from page_console import PageConsole, page_console
from page_script import CLICKS_MOST, dispose_of_the_first_alert
from page_visit import CHROMIUM, Visit, chromium, visit
from playwright.sync_api import APIResponse, Browser, Route, expect

from console.parts import WEB

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

_ANYTHING = re.compile(r"\S")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageConsole]:
    running = os.environ.get("FENCEWATCH_PAGE_URL")
    if running:
        token = os.environ["FENCEWATCH_PAGE_TOKEN"]
        yield PageConsole(running, token, os.environ.get("FENCEWATCH_PAGE_SECOND_TOKEN", token))
        return
    with page_console(tmp_path_factory.mktemp("page")) as made:
        yield made


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    """Without the map, which takes most of the time."""
    with visit(browser, without_webgl=True) as visited:
        yield visited
    assert visited.requests_elsewhere == [], "nothing is fetched from outside"


@pytest.fixture
def viewer(browser: Browser) -> Iterator[Visit]:
    """With the map."""
    with visit(browser) as visited:
        yield visited
    assert visited.requests_elsewhere == [], "nothing is fetched from outside"


def enter(visitor: Visit, console: PageConsole) -> None:
    """By the ready link that a demonstration prints."""
    visitor.page.goto(f"{console.url}/#token={console.token}")
    visitor.sees_board()


def asked(console: PageConsole, path: str, token: str, *, post: bool = False) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(console.url + path, headers=headers, method="POST" if post else "GET")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_from_the_first_page_to_a_disposed_alert(viewer: Visit, console: PageConsole) -> None:
    """By what can be read on the page alone; the map has drawn and nobody complained."""
    disposed = "/v1/alerts?state=disposed&limit=500"
    before = len(asked(console, disposed, console.token)["items"])

    dispose_of_the_first_alert(viewer, console.url, console.token)

    assert viewer.clicks <= CLICKS_MOST
    viewer.sees("的手机")
    assert len(asked(console, disposed, console.token)["items"]) == before + 1
    assert viewer.page.locator(".timeline li.step").count() == 3
    viewer.sees("人在图上")
    assert viewer.complaints == []


@pytest.mark.soak
def test_a_disposed_alert_is_closed_by_keyboard(visitor: Visit, console: PageConsole) -> None:
    """After the outcome the focus is on the button that puts the case away."""
    enter(visitor, console)
    visitor.click_first_alert()
    visitor.click("认领")
    visitor.click("属实")
    visitor.click("提交核实")
    visitor.click("提醒教育")
    visitor.click("提交处置")
    expect(visitor.labelled("归档")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.sees("这条预警已处置并归档：提醒教育")
    expect(visitor.page.locator("#detail")).to_be_focused()
    expect(visitor.page.locator(".timeline li.step")).to_have_count(4)
    assert visitor.page.get_by_role("button", name="归档", exact=True).count() == 0


def test_a_false_alarm_wants_a_reason(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    visitor.click_first_alert()
    visitor.click("认领")
    visitor.click("误报")
    visitor.click("提交核实")
    assert visitor.page.locator(".timeline li.step").count() == 1, "nothing was sent without a reason"
    visitor.page.get_by_label("误报原因").select_option(label="定位漂移")
    visitor.click("提交核实")
    visitor.sees("核实：误报")
    expect(visitor.page.locator(".timeline")).to_contain_text("定位漂移")
    assert visitor.page.get_by_role("radio", name="误报", exact=True).is_checked(), "the likely outcome"
    assert visitor.page.get_by_role("radio", name="警告", exact=True).count() == 0, (
        "no measure for a false alarm"
    )


def test_what_is_being_filled_in_stays_whatever_happens(visitor: Visit, console: PageConsole) -> None:
    """The cause of the alert ends while somebody writes the note."""
    if console.clear is None:
        pytest.skip("needs a console of our own")
    enter(visitor, console)
    visitor.page.get_by_label("按类型筛选").select_option(label="未按时签到")
    with visitor.page.expect_response(re.compile(r"/v1/alerts/[0-9a-f]{32}$")) as read:
        visitor.click_first_alert()
    visitor.click("认领")
    visitor.click("属实")
    visitor.click("提交核实")
    visitor.click("提醒教育")
    visitor.labelled("备注").press_sequentially("已电话")
    console.clear(read.value.json()["alert_key"])
    visitor.sees("情况恢复")
    expect(visitor.labelled("备注")).to_be_focused()
    visitor.page.keyboard.type("核实")
    visitor.click("提交处置")
    visitor.sees("这条预警已处置：提醒教育")
    visitor.sees("已电话核实")


@pytest.mark.soak
def test_an_answer_that_comes_late_takes_nothing_back(visitor: Visit, console: PageConsole) -> None:
    """The alert was being read anew when somebody claimed it: how it stood before comes after."""
    if console.clear is None:
        pytest.skip("needs a console of our own")
    one_alert = re.compile(r"/v1/alerts/[0-9a-f]{32}$")
    held: list[tuple[Route, APIResponse]] = []
    enter(visitor, console)
    with visitor.page.expect_response(one_alert) as read:
        visitor.click_first_alert()
    visitor.sees("经过")
    visitor.page.route(one_alert, lambda route: held.append((route, route.fetch())), times=1)
    console.clear(read.value.json()["alert_key"])
    while not held:
        visitor.page.wait_for_timeout(50)  # lets the route be asked
    with visitor.page.expect_response(one_alert):  # of the claim, which is told as well
        visitor.click("认领")
    route, before = held[0]
    with visitor.page.expect_response(one_alert):
        route.fulfill(response=before)
    visitor.page.wait_for_timeout(300)  # what would go wrong goes wrong at once
    expect(visitor.labelled("属实")).to_be_visible()


@pytest.mark.soak
def test_a_claimed_alert_can_be_given_back(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    visitor.click_first_alert()
    visitor.click("认领")
    visitor.click("退回")
    visitor.labelled("认领").wait_for()


def test_whoever_comes_second_is_told_who_was_first(visitor: Visit, console: PageConsole) -> None:
    """Another claims the alert between our click and its arrival."""
    if console.second == console.token:
        pytest.skip("needs the token of a second person")

    def beaten(route: Route) -> None:
        asked(console, route.request.url.removeprefix(console.url), console.second, post=True)
        route.continue_()

    enter(visitor, console)
    visitor.page.route("**/claim", beaten, times=1)
    visitor.click_first_alert()
    visitor.click("认领")
    first = asked(console, "/v1/status", console.second)["you"]["name"]
    visitor.sees(f"已被 {first} 认领")
    visitor.sees(f"{first} 办理中，占用至")


@pytest.mark.soak
def test_the_token_leaves_the_address(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    assert console.token not in visitor.page.url
    visitor.page.reload()
    visitor.sees_board()


def test_a_wrong_token_is_told(visitor: Visit, console: PageConsole) -> None:
    visitor.page.goto(f"{console.url}/#token=wrong")
    visitor.sees("令牌无效")


@pytest.mark.soak
def test_the_words_change_and_stay_changed(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    visitor.click_first_alert()
    visitor.sees("经过")
    visitor.click("English")
    visitor.sees("Timeline")
    visitor.page.reload()
    visitor.sees("Unfinished")
    assert visitor.page.locator("html").get_attribute("lang") == "en"


def test_why_an_alert_fired(visitor: Visit, console: PageConsole) -> None:
    """The sentence names person, place, distance, fixes and how long, in both languages."""
    enter(visitor, console)
    visitor.page.get_by_label("按类型筛选").select_option(label="越界")
    visitor.page.locator("ol#alerts button", has_text="越界").last.click()
    why = visitor.page.locator(".why")
    assert all(
        part in why.inner_text()
        for part in ("越界：", "起在“", "之外；触发依据：", "秒内3 个定位点，最远", "在渡口村附近（1.7 km）")
    )
    visitor.click("English")
    assert all(
        part in why.inner_text()
        for part in ("outside “", "since", "raised after", "fixes within", "at most, near 渡口村 (1.7 km)")
    )


@pytest.mark.soak
def test_an_alert_moves_the_map(viewer: Visit, console: PageConsole) -> None:
    enter(viewer, console)
    viewer.sees("人在图上")
    viewer.page.wait_for_timeout(1500)
    before = viewer.page.locator("#map").screenshot()
    viewer.page.locator("ol#alerts button", has_text="越界").first.click()
    viewer.page.wait_for_timeout(2500)
    assert viewer.page.locator("#map").screenshot() != before


@pytest.mark.soak
def test_the_keyboard_is_enough(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    rows = visitor.page.locator("ol#alerts button")
    rows.first.focus()
    visitor.page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.sees("经过")
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("#detail")).to_be_hidden()
    expect(rows.nth(1)).to_be_focused()


def test_everything_one_can_use_has_a_name(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    visitor.click_first_alert()
    visitor.sees("经过")
    controls = visitor.page.locator("button:visible, select:visible, input:visible, textarea:visible")
    for control in controls.all():
        expect(control).to_have_accessible_name(_ANYTHING)


def test_a_lost_link_is_told_and_mends_itself(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    visitor.sees("连接正常")
    visitor.page.context.set_offline(True)
    visitor.sees("不是现在的")
    visitor.page.context.set_offline(False)
    visitor.sees("连接正常")
    expect(visitor.page.locator("#trouble")).to_be_hidden()


@pytest.mark.soak
def test_a_simulated_clock_says_so(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    if asked(console, "/v1/status", console.token)["simulated"]:
        visitor.sees("模拟时钟")


@pytest.mark.soak
def test_the_address_keeps_the_view(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    visitor.page.get_by_label("按类型筛选").select_option(label="设备失联")
    visitor.page.reload()
    visitor.sees_board()
    texts = visitor.page.locator("ol#alerts button").all_inner_texts()
    assert texts
    assert all("设备失联" in text for text in texts)


ON_TOP_IN_THE_MIDDLE = """name => {
  const box = document.querySelector(name).getBoundingClientRect();
  const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return found !== null && found.closest(name) !== null;
}"""


@pytest.mark.soak
@pytest.mark.parametrize(("width", "height"), [(1440, 860), (1024, 700), (420, 800)])
def test_an_open_alert_covers_neither_banners_nor_the_map(
    browser: Browser, console: PageConsole, width: int, height: int
) -> None:
    """That a clock is simulated or a link lost has to be seen while somebody works; nothing overflows."""
    with visit(browser, width=width, height=height) as visitor:
        enter(visitor, console)
        visitor.click_first_alert()
        visitor.sees("经过")
        for name in ("#simulated", "#map", "#detail", "#freshness"):
            visitor.page.wait_for_function(ON_TOP_IN_THE_MIDDLE, arg=name)  # once the panel has its place
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visitor.page.evaluate("document.documentElement.scrollHeight") <= height


def test_the_board_works_without_a_map(browser: Browser, console: PageConsole) -> None:
    with visit(browser, without_webgl=True) as visitor:
        enter(visitor, console)
        visitor.sees("地图无法显示")
        visitor.click_first_alert()
        visitor.sees("经过")
