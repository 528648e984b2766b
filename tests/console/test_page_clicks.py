"""What an officer does daily takes as many clicks as docs/page.md says: each is done and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, violation
from documents import CHECKOUT, section
from page_console import served
from page_visit import CHROMIUM, PATIENCE_MS, Visit, visit
from playwright.sync_api import Browser, Locator, expect

from console.parts import WEB
from geofences.county import counties
from sinks.positions import Position

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

TABLE = section((CHECKOUT / "docs" / "page.md").read_text("utf-8"), "## What it takes: clicks and keys")
#: The number of each thing to do, with its clicks.
CLICKS = {int(n): int(clicks) for n, clicks in re.findall(r"^\| (\d+) \|.*\| (\d+) \|[^|]*\|$", TABLE, re.M)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    counties()
    with console_world(tmp_path_factory.mktemp("clicks"), lambda: NOW_MS) as world:
        apply(world, *(violation(n, severity=1 + n % 3) for n in range(1, 31)))
        cleared = [violation(n, severity=3, person="P3") for n in range(100, 106)]
        apply(world, *(replace(alert, cleared_ms=alert.raised_ms + MINUTE_MS) for alert in cleared))
        world.parts.positions.put([Position("D1", "P1", "O1", NOW_MS, NOW_MS, 106.51, 29.53, 12.0, "gnss")])
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


def _choose(visitor: Visit, where: Locator | str, label: str) -> None:
    """Two clicks with a mouse: open the list, and take one."""
    found = visitor.page.get_by_label(where) if isinstance(where, str) else where
    found.select_option(label=label)
    visitor.clicks += 2


def _click(visitor: Visit, where: Locator) -> None:
    where.click(timeout=PATIENCE_MS)
    visitor.clicks += 1


def _claim(visitor: Visit) -> None:
    _click(visitor, visitor.page.locator("ol#alerts li[data-state=open] button").first)
    visitor.click("认领")


def _verify(visitor: Visit, verdict: str, reason: str | None = None) -> None:
    _claim(visitor)
    visitor.click(verdict)
    if reason is not None:
        _choose(visitor, "误报原因", reason)
    visitor.click("提交核实")
    visitor.labelled("提交处置").wait_for()


def _answer(visitor: Visit, verdict: str, outcome: str) -> None:
    _verify(visitor, verdict)
    visitor.click(outcome)
    visitor.click("提交处置")
    visitor.sees(f"这条预警已处置：{outcome}")


def see_the_most_urgent(visitor: Visit) -> None:
    expect(visitor.page.locator("ol#alerts .severity text").first).to_have_text("1")


def open_an_alert(visitor: Visit) -> None:
    visitor.click_first_alert()
    visitor.sees("经过")


def give_back(visitor: Visit) -> None:
    _claim(visitor)
    visitor.click("退回")
    visitor.labelled("认领").wait_for()


def find_false(visitor: Visit) -> None:
    _verify(visitor, "误报", "定位漂移")
    visitor.click("提交处置")
    visitor.sees("这条预警已处置：误报")


def put_away(visitor: Visit) -> None:
    _answer(visitor, "属实", "提醒教育")
    visitor.click("归档")
    visitor.sees("这条预警已处置并归档")


def settle_one(visitor: Visit) -> None:
    _click(visitor, visitor.page.locator("ol#alerts li[data-state=open] button").first)
    _choose(visitor, "情况简单：一步办结", "定位漂移")
    visitor.click("一步办结")
    visitor.sees("这条预警已处置并归档：误报")


def settle_many(visitor: Visit) -> None:
    _click(visitor, visitor.page.locator("#selection button").first)
    visitor.click("一起办结…")
    _choose(visitor, visitor.page.locator("dialog select"), "重复预警")
    _click(visitor, visitor.page.locator("dialog button.main"))
    visitor.page.get_by_role("heading", name="全部办结").wait_for(timeout=4 * PATIENCE_MS)
    visitor.click("知道了")


def pick_a_range(visitor: Visit) -> None:
    boxes = visitor.page.locator("input.pick")
    _click(visitor, boxes.first)
    boxes.nth(3).click(modifiers=["Shift"])
    visitor.clicks += 1
    visitor.sees("已选 4 条")
    visitor.page.evaluate("document.querySelector('#selection .quiet').click()")


def correct(visitor: Visit) -> None:
    _verify(visitor, "属实")
    _click(visitor, visitor.page.locator(".correction summary"))
    form = visitor.page.locator("form[name=correct]")
    _click(visitor, form.get_by_role("radio", name="误报", exact=True))
    _choose(visitor, form.get_by_label("误报原因"), "重复预警")
    form.get_by_label("更正原因").fill("同一件事")
    visitor.click("提交更正")
    visitor.sees("更正核实结论：属实 → 误报")


def go_on_after_a_reload(visitor: Visit) -> None:
    _verify(visitor, "属实")
    visitor.labelled("备注").fill("写到一半")
    visitor.page.reload()
    visitor.sees_board()
    visitor.clicks = 0
    key = visitor.page.evaluate(
        "Object.keys(sessionStorage).find((k) => k.startsWith('draft')).split(':').at(-1)"
    )
    _click(visitor, visitor.page.locator(f"ol#alerts [data-key='{key}']"))
    expect(visitor.labelled("备注")).to_have_value("写到一半")


def _chosen(where: str, label: str) -> Callable[[Visit], None]:
    def choose(visitor: Visit) -> None:
        with visitor.page.expect_response("**/v1/alerts?*"):
            _choose(visitor, where, label)

    return choose


def only_urgent(visitor: Visit) -> None:
    option = visitor.page.locator("#severity option").nth(1).inner_text()
    _choose(visitor, "按级别筛选", option)
    expect(visitor.page.locator("ol#alerts .severity text", has_text=re.compile("[234]"))).to_have_count(0)


def mine(visitor: Visit) -> None:
    with visitor.page.expect_response("**/v1/alerts?*mine=true*"):
        visitor.click("我的")


def find_a_person(visitor: Visit) -> None:
    _click(visitor, visitor.page.get_by_label("搜索姓名或编号"))
    with visitor.page.expect_response("**/v1/alerts?*q=One*"):
        visitor.page.keyboard.type("One")


def one_person_together(visitor: Visit) -> None:
    visitor.click("按人")
    _click(visitor, visitor.page.locator("ol#people > li > button").first)
    visitor.page.locator("ol#people .alerts-of li").first.wait_for()


def where_now(visitor: Visit) -> None:
    visitor.click_first_alert()  # the map goes there with the alert
    visitor.sees("经过")


def phone_number(visitor: Visit) -> None:
    visitor.click_first_alert()
    visitor.click("人员卡")
    visitor.sees("未登记")


def track(visitor: Visit) -> None:
    phone_number(visitor)
    visitor.labelled("查看目的（会留痕）").fill("核实")
    visitor.click("查看轨迹")
    visitor.page.locator("#track-shown > *").first.wait_for()


def where_at(visitor: Visit) -> None:
    track(visitor)
    visitor.clicks += 1  # one drag of the slider; test_page_person.py moves it


def language(visitor: Visit) -> None:
    visitor.click("English")
    visitor.sees("Unfinished")


DEEDS: dict[int, Callable[[Visit], None]] = {
    1: see_the_most_urgent,
    2: open_an_alert,
    3: _claim,
    4: give_back,
    5: lambda visitor: _answer(visitor, "属实", "提醒教育"),
    6: find_false,
    7: lambda visitor: _answer(visitor, "无法核实", "系统/设备原因"),
    8: put_away,
    9: settle_one,
    11: pick_a_range,
    10: settle_many,
    12: correct,
    13: go_on_after_a_reload,
    14: _chosen("排序", "最新优先"),
    15: _chosen("排序", "最早优先"),
    16: mine,
    17: _chosen("按类型筛选", "越界"),
    18: only_urgent,
    19: find_a_person,
    20: one_person_together,
    21: where_now,
    22: phone_number,
    23: track,
    24: where_at,
    25: language,
}


#: These are done in every run of the suite; the others, which are variants of them or are done without being
#: counted in test_page_work.py, in the long form.
MAIN = (6, 10, 12, 23)


def test_the_table_has_twenty_five_things() -> None:
    assert sorted(CLICKS) == sorted(DEEDS) == list(range(1, 26))


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in MAIN else pytest.mark.soak) for n in DEEDS]
)
def test_clicks(visitor: Visit, number: int) -> None:
    DEEDS[number](visitor)
    assert visitor.clicks == CLICKS[number]
