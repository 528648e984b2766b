"""The site is changed on the page: a leave granted and ended, a device added and ended; all of it follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from changing_world import changing_world
from console_world import MINUTE_MS, NOW_MS, World, apply, violation
from page_console import served
from page_visit import CHROMIUM, Visit, chromium, visit
from playwright.sync_api import Browser, Locator, expect

from console.parts import WEB
from geofences.county import counties
from geofences.instant import instant_ms
from pipeline.sites.documents import Document
from pipeline.sites.site_versions import Key
from sinks.positions import Position

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with changing_world(tmp_path) as world:
        apply(world, violation(10))
        world.parts.positions.put([Position("D1", "P1", "O1", NOW_MS, NOW_MS, 106.5, 29.5, 12.0, "gnss")])
        yield world


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    counties()
    with chromium() as launched:  # a map only where one is looked at
        yield launched


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(world) as where:
        yield where


@pytest.fixture
def visitor(browser: Browser, world: World, url: str) -> Iterator[Visit]:
    with visit(browser, without_webgl=True, width=1366, height=900) as visited:
        enter(visited, world, url, "officer")
        yield visited


def enter(visitor: Visit, world: World, url: str, who: str) -> Locator:
    """Somebody at the card of the first alert's person."""
    visitor.page.goto(f"{url}/#token={world.tokens[who]}")
    visitor.sees_board()
    visitor.click_first_alert()
    visitor.click("人员卡", "Person")
    card = visitor.page.locator("#person-card")
    expect(card).to_be_visible()
    return card


def versions(world: World, key: Key) -> list[Document]:
    assert world.parts.running_site is not None
    return list(world.parts.running_site.registry.versions(key))


def test_a_leave_is_granted_and_ended(world: World, visitor: Visit) -> None:
    """By what is filled in, for who approves nine days is the county; a mistake is told beside the form."""
    page, card = visitor.page, visitor.page.locator("#person-card")
    expect(card.locator(".leave.valid")).to_contain_text("就医")
    visitor.click("批准请假")
    form = card.locator("form[name=leave]")
    expect(form.locator("[name=module]")).to_have_value("judicial_office")
    form.locator("[name=category]").select_option(label="参与诉讼")
    form.locator("[name=from]").fill("2025-07-21T08:00")
    form.locator("[name=to]").fill("2025-07-30T08:00")
    expect(form.locator("[name=module]")).to_have_value("county")
    form.locator("[name=lon]").fill("106.71")
    form.locator("[name=lat]").fill("29.72")
    form.locator("[name=reason]").fill("法院传票")
    form.locator("[name=to]").fill("2025-07-21T08:00")
    visitor.click("批准")
    expect(form.locator(".faults")).to_contain_text("与现有数据冲突")
    form.locator("[name=to]").fill("2025-07-30T08:00")
    visitor.click("批准")
    expect(form).to_have_count(0)
    coming = card.locator(".leave.coming")
    for text in ("参与诉讼", "07-21 08:00:00 → 07-30 08:00:00", "半径 2.0 km", "县级"):
        expect(coming).to_contain_text(text)
    (key,) = [("leaves", name) for name in leaves_of(world) if name not in ("L1", "L2")]
    (row,) = versions(world, key)
    assert (row["person_id"], row["category"], row["lon"]) == ("P1", "litigation", "106.71")
    assert instant_ms(row["valid_to"]) == instant_ms("2025-07-30T08:00:00+08:00")
    card.locator(".leave.valid button").click()
    expect(card.locator("form[name=end]")).to_be_visible()
    card.locator("form[name=end] [name=reason]").fill("提前返回")
    visitor.click("立即结束")
    expect(card.locator(".leave.over")).to_have_count(1)
    ended_ms = instant_ms(versions(world, ("leaves", "L1"))[0]["valid_to"])
    assert NOW_MS < ended_ms < NOW_MS + 5 * MINUTE_MS
    page.get_by_role("button", name="English").click()
    expect(coming).to_contain_text("legal proceedings")
    assert visitor.complaints == [] or all("422" in line for line in visitor.complaints)


def leaves_of(world: World) -> set[str]:
    running = world.parts.running_site
    assert running is not None
    edits = [edit for change in running.registry.history() for edit in change.edits]
    return {edit["put"]["leave_id"] for edit in edits if edit["table"] == "leaves"}


@pytest.mark.soak
def test_a_leave_to_a_fence(world: World, visitor: Visit) -> None:
    card = visitor.page.locator("#person-card")
    visitor.click("批准请假")
    form = card.locator("form[name=leave]")
    form.get_by_text("已有围栏").click()
    expect(form.locator("[name=lon]")).to_be_hidden()
    form.locator("[name=fence]").select_option(label="Market")
    form.locator("[name=reason]").fill("赶集")
    visitor.click("批准")
    expect(card.locator(".leave.valid").filter(has_text="Market")).to_have_count(1)
    (name,) = leaves_of(world)
    (row,) = versions(world, ("leaves", name))
    assert (row["fence_ids"], row["lon"]) == ("both", "")


def test_a_device_is_added_and_ended(world: World, visitor: Visit) -> None:
    card = visitor.page.locator("#person-card")
    visitor.click("绑定设备")
    form = card.locator("form[name=device]")
    form.locator("[name=id]").fill("D2")
    form.locator("[name=kind]").select_option(label="腕带")
    form.locator("[name=reason]").fill("入矫发放")
    visitor.click("绑定")
    expect(form.locator(".faults")).to_contain_text("其他机构")
    form.locator("[name=id]").fill("D8")
    visitor.click("绑定")
    expect(card.locator(".device")).to_have_count(2)
    card.locator(".device").filter(has_text="D1").get_by_role("button").click()
    card.locator("form[name=end] [name=reason]").fill("损坏")
    visitor.click("立即结束")
    expect(card.locator(".device")).to_have_count(1)
    expect(card.locator(".device")).to_contain_text("腕带 D8")
    ended_ms = instant_ms(versions(world, ("devices", "D1"))[0]["valid_to"])
    assert NOW_MS < ended_ms < NOW_MS + 5 * MINUTE_MS


def test_somebody_else_was_faster(world: World, visitor: Visit) -> None:
    """The card still shows the device as it was; the second is told, and sees how it stands."""
    card = visitor.page.locator("#person-card")
    card.locator(".device").get_by_role("button").click()
    assert world.parts.running_site is not None
    row = {"device_id": "D1", "person_id": "P1", "kind": "wristband"}
    world.parts.running_site.submit([{"op": "put", "table": "devices", "row": row}], by="x", reason="y")
    card.locator("form[name=end] [name=reason]").fill("损坏")
    expect(card.locator(".device")).to_contain_text("腕带 D1")
    assert card.locator("form[name=end] [name=reason]").input_value() == "损坏", (
        "what was typed is still there"
    )
    visitor.click("立即结束")
    expect(card.locator("form[name=end] .faults")).to_contain_text("别人刚刚改动过")
    assert len(versions(world, ("devices", "D1"))) == 2


def test_the_page_follows_without_being_loaded_anew(world: World, visitor: Visit) -> None:
    """Another office and another name, by somebody else."""
    page = visitor.page
    page.evaluate("window.sameLoad = true")
    assert world.parts.running_site is not None
    rows = [
        {
            "op": "put",
            "table": "people",
            "row": {"person_id": "P1", "name": "新名字", "office_id": "O1", "class": "strict"},
        },
    ]
    world.parts.running_site.submit(rows, by="x", reason="y")
    expect(page.locator("#person-card")).to_contain_text("严管")
    expect(page.locator("#person-name")).to_have_text("新名字")
    assert page.evaluate("window.sameLoad") is True


@pytest.mark.soak
def test_who_may_change_nothing_is_offered_nothing(world: World, browser: Browser, url: str) -> None:
    with visit(browser, without_webgl=True) as visited:
        card = enter(visited, world, url, "prosecutor")
        expect(card.locator(".leave.valid")).to_have_count(1)
        for word in ("批准请假", "绑定设备", "销假", "解绑"):
            expect(card.get_by_role("button", name=word)).to_have_count(0)


@pytest.mark.soak
def test_the_middle_of_a_circle_is_clicked_on_the_map(world: World, browser: Browser, url: str) -> None:
    """While the form is open a click is a place, not a person; the circle is drawn as it is chosen."""
    with visit(browser, width=1366, height=900) as visited:
        card = enter(visited, world, url, "officer")
        visited.sees("人在图上")
        visited.click("批准请假")
        form = card.locator("form[name=leave]")
        form.locator("[name=radius]").fill("1500")
        visited.page.wait_for_timeout(1500)  # the map stands still, then
        before = visited.page.locator("#map").screenshot()
        visited.page.locator("#map").click(position={"x": 300, "y": 300})
        expect(form.locator("[name=lon]")).not_to_have_value("")
        visited.page.wait_for_timeout(1500)
        assert visited.page.locator("#map").screenshot() != before, "the circle is on the map"
        form.locator("[name=reason]").fill("住院")
        visited.click("批准")
        expect(card.locator(".leave.valid")).to_have_count(2)
        (name,) = leaves_of(world)
        (row,) = versions(world, ("leaves", name))
        assert (abs(float(row["lon"]) - 106.5) < 1, abs(float(row["lat"]) - 29.5) < 1) == (True, True)
        expect(visited.page.locator("#detail")).to_be_visible()
