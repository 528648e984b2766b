"""An officer's work on the page: what is filled in is kept, verdicts are corrected, plain cases settled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_console import PageConsole, page_console
from page_visit import CHROMIUM, Visit, visit
from playwright.sync_api import Browser, Locator, expect

from console.parts import WEB
from geofences.county import counties

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]


@pytest.fixture(scope="module", autouse=True)
def _counties() -> None:
    """Read once, or the first page of a busy machine would lose patience while they are."""
    counties()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[PageConsole]:
    with page_console(tmp_path) as made:
        yield made


@pytest.fixture
def visitor(browser: Browser, console: PageConsole) -> Iterator[Visit]:
    with visit(browser) as visited:
        visited.page.goto(f"{console.url}/#token={console.token}")
        visited.sees_board()
        yield visited


def _note(visitor: Visit) -> Locator:
    return visitor.labelled("备注")


def _found(visitor: Visit, verdict: str, reason: str | None = None) -> None:
    """The first alert, claimed and verified."""
    visitor.click_first_alert()
    visitor.click("认领")
    visitor.click(verdict)
    if reason is not None:
        visitor.page.get_by_label("误报原因").select_option(label=reason)
    visitor.click("提交核实")


def test_what_was_typed_survives_escape_another_alert_and_a_reload(visitor: Visit) -> None:
    _found(visitor, "属实")
    text = visitor.page.locator("#detail h2").inner_text()
    visitor.click("提醒教育")
    _note(visitor).fill("已电话核实，本人在家")
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.locator("#detail")).to_be_hidden()
    visitor.page.locator("ol#alerts li[data-state=open] button").first.click()
    expect(_note(visitor)).to_have_count(0)
    visitor.page.locator("ol#alerts li[data-state=verified] button").first.click()
    expect(_note(visitor)).to_have_value("已电话核实，本人在家")
    visitor.page.reload()
    visitor.sees_board()
    visitor.page.locator("ol#alerts li[data-state=verified] button").first.click()
    expect(_note(visitor)).to_have_value("已电话核实，本人在家")
    expect(visitor.page.locator("#detail h2")).to_have_text(text)
    visitor.labelled("提醒教育").wait_for()
    assert visitor.page.get_by_role("radio", name="提醒教育", exact=True).is_checked()
    visitor.click("提交处置")
    visitor.sees("已电话核实，本人在家")
    assert _drafts(visitor) == [], "its step was taken"


def _drafts(visitor: Visit) -> list[str]:
    found: list[str] = visitor.page.evaluate(
        "Object.keys(sessionStorage).concat(Object.keys(localStorage)).filter((key) => key.includes('draft'))"
    )
    return found


@pytest.mark.soak
def test_a_chosen_verdict_survives_a_lease_that_ran_out(visitor: Visit, console: PageConsole) -> None:
    """Given back and claimed again, as after half an hour; the choice is there as before."""
    visitor.click_first_alert()
    visitor.click("认领")
    visitor.click("误报")
    visitor.page.get_by_label("误报原因").select_option(label="重复预警")
    visitor.click("退回")
    visitor.sees("有未提交的内容")
    visitor.click("认领")
    expect(visitor.page.get_by_label("误报原因")).to_have_value("duplicate")
    assert visitor.page.get_by_role("radio", name="误报", exact=True).is_checked()


@pytest.mark.soak
def test_a_note_survives_a_lost_link(visitor: Visit) -> None:
    _found(visitor, "属实")
    visitor.click("提醒教育")
    _note(visitor).fill("链路中断前写的")
    visitor.page.context.set_offline(True)
    visitor.click("提交处置")
    visitor.sees("未成功")
    expect(_note(visitor)).to_have_value("链路中断前写的")
    visitor.page.context.set_offline(False)
    visitor.sees("连接正常")
    visitor.click("提交处置")
    visitor.sees("这条预警已处置：提醒教育")


def test_whoever_leaves_leaves_nothing_behind(visitor: Visit, console: PageConsole) -> None:
    """On a shared PC: nothing on the disk, nothing in the session, nothing for whoever enters next."""
    _found(visitor, "属实")
    _note(visitor).fill("只给我自己看")
    assert len(_drafts(visitor)) == 1
    assert visitor.page.evaluate("localStorage.length") == 0, "nothing of it outlives the tab"
    visitor.click("退出")
    visitor.labelled("访问令牌").wait_for()
    assert _drafts(visitor) == []


def test_another_person_at_the_same_tab_sees_no_draft(visitor: Visit, console: PageConsole) -> None:
    _found(visitor, "属实")
    _note(visitor).fill("只给我自己看")
    visitor.page.goto(f"{console.url}/#token={console.second}")
    visitor.page.locator("#me", has_text="county").wait_for()
    assert _drafts(visitor) == []


@pytest.mark.soak
def test_a_verdict_is_corrected_on_the_page(visitor: Visit) -> None:
    """True was wrong: the correction is in the timeline, and the outcomes are those of the new verdict."""
    _found(visitor, "属实")
    visitor.labelled("移送公安").wait_for()
    visitor.page.get_by_text("结论“属实”有误？更正").click()
    form = visitor.page.locator("form[name=correct]")
    form.get_by_role("radio", name="误报", exact=True).check()
    form.get_by_label("误报原因").select_option(label="围栏画错或过期")
    form.get_by_label("更正原因").fill("围栏是去年的")
    visitor.click("提交更正")
    visitor.sees("更正核实结论：属实 → 误报")
    visitor.sees("围栏画错或过期；围栏是去年的")
    for measure in ("移送公安", "警告", "提请逮捕"):
        expect(visitor.page.get_by_role("radio", name=measure, exact=True)).to_have_count(0)
    assert visitor.page.get_by_role("radio", name="误报", exact=True).first.is_checked()
    visitor.click("提交处置")
    visitor.sees("这条预警已处置：误报")
    expect(visitor.page.locator("form[name=correct]")).to_have_count(0)


def test_a_plain_case_in_one_step(visitor: Visit) -> None:
    visitor.click_first_alert()
    plain = visitor.page.get_by_label("情况简单：一步办结")
    expect(plain).to_contain_text("定位漂移")
    offered = plain.locator("option").all_inner_texts()
    assert "警告" not in offered, "a measure is never a matter of one step"
    plain.select_option(label="定位漂移")
    visitor.click("一步办结")
    visitor.sees("这条预警已处置并归档：误报")
    steps = visitor.page.locator(".timeline li.step")
    expect(steps).to_have_count(4)
    assert "定位漂移；一步办结" in steps.nth(1).inner_text()


@pytest.mark.soak
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_has_words(visitor: Visit, console: PageConsole, language: str) -> None:
    """Reasons and outcomes in both languages, from the server's own lists."""
    words: list[Any] = visitor.page.evaluate(
        """async (language) => {
          const { chooseLanguage, coded, word } = await import('/words.js');
          const headers = { Authorization: `Bearer ${sessionStorage.getItem('token')}` };
          const site = await (await fetch('/v1/site', { headers })).json();
          chooseLanguage(language);
          const outcomes = [...new Set(Object.values(site.outcomes).flat())];
          return [...site.reasons.map((code) => [code, coded('reason', code), word(`reason_${code}`)]),
                  ...outcomes.map((code) => [code, coded('outcome', code), word(`outcome_${code}`)])];
        }""",
        language,
    )
    assert len(words) > 15
    for code, said, named in words:
        assert said == named
        assert not named.startswith(("reason_", "outcome_")), f"no word for {code}"
        assert named.isascii() == (language == "en"), code
