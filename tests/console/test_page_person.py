"""From the board to the person: the card, the track with its gaps, and the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from console_world import MINUTE_MS, NOW_MS, World, apply, console_world, violation
from page_console import served
from page_visit import CHROMIUM, Visit, chromium, visit
from playwright.sync_api import Browser, Locator, expect

from console.parts import WEB
from geofences.county import counties
from sinks.access_log import Look
from sinks.positions import Contact, Position
from sinks.tracks import TrackColumn

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

#: Minutes before noon at which there are fixes: a phone's first level of silence is an hour.
FIXES = (300, 290, 280, 200, 190, 20, 10)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    counties()
    with console_world(tmp_path_factory.mktemp("person"), lambda: NOW_MS) as world:
        apply(world, *(violation(number) for number in (10, 20, 30)))
        last_ms = NOW_MS - FIXES[-1] * MINUTE_MS
        world.parts.positions.put([Position("D1", "P1", "O1", last_ms, last_ms, 106.51, 29.53, 12.0, "gnss")])
        world.parts.tracks.append(_track(), "batch")
        yield world


def _track() -> dict[str, TrackColumn]:
    n = len(FIXES)
    at_ms = np.array([NOW_MS - minutes * MINUTE_MS for minutes in FIXES], np.int64)
    return {
        "person_id": ["P1"] * n,
        "device_id": ["D1"] * n,
        "office_id": ["O1"] * n,
        "kind": ["ping"] * n,
        "event_ms": at_ms,
        "arrival_ms": at_ms,
        "lon": 106.5 + np.arange(n) / 500,
        "lat": 29.5 + np.arange(n) / 700,
        "accuracy_m": np.full(n, 12.0),
        "source": ["gnss"] * n,
    }


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    with served(world) as where:
        yield where


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def visitor(browser: Browser, world: World, url: str) -> Iterator[Visit]:
    with visit(browser, width=1366, height=768) as visited:
        visited.page.goto(f"{url}/#token={world.tokens['officer']}")
        visited.sees_board()
        yield visited


@pytest.mark.soak
def test_by_keyboard_from_the_board_to_the_person(world: World, visitor: Visit) -> None:
    """m takes the map there, p opens the card, ? tells of the keys; a letter in a field stays a letter."""
    page = visitor.page
    visitor.sees("人在图上")
    row = page.locator("ol#alerts button").first
    row.focus()
    page.wait_for_timeout(1500)  # the map stands still, then
    before = page.locator("#map").screenshot()
    page.keyboard.press("m")
    page.wait_for_timeout(1500)
    assert page.locator("#map").screenshot() != before, "the map has gone to the person"
    page.keyboard.press("p")
    card = page.locator("#person-card")
    expect(card).to_be_visible()
    for text in ("Person One", "Office One", "未登记", "手机 D1", "± 12 m", "11:50:00"):
        expect(card).to_contain_text(text)
    expect(card.locator(".their-alerts button")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.press("?")
    visitor.sees("打开人员卡")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("搜索姓名或编号")).to_be_focused()
    page.keyboard.type("pm?")
    expect(page.get_by_label("搜索姓名或编号")).to_have_value("pm?")
    expect(card).to_be_hidden()
    looks = [(look.kind, look.person_id) for look in world.parts.accesses.entries()]
    assert (Look.PERSON, "P1") in looks
    assert all(kind is not Look.TRACK for kind, _ in looks), "no track without being asked for"
    assert visitor.complaints == []


def test_a_track_wants_a_purpose_and_shows_its_gaps(world: World, visitor: Visit) -> None:
    page = visitor.page
    visitor.click_first_alert()
    visitor.click("人员卡")
    visitor.click("查看轨迹")
    page.wait_for_timeout(300)
    expect(page.locator("#track-shown input")).to_have_count(0)
    assert all(look.kind is not Look.TRACK for look in world.parts.accesses.entries()), "nothing was asked"
    visitor.labelled("查看目的（会留痕）").fill("核实 7 月 14 日越界")
    visitor.click("查看轨迹")
    visitor.sees("7 个定位点，2 处中断")
    (look,) = [look for look in world.parts.accesses.entries() if look.kind is Look.TRACK]
    assert (look.person_id, look.purpose) == ("P1", "核实 7 月 14 日越界")
    at = page.locator("#track-at")
    expect(at).to_contain_text("11:50:00，精度 ± 12 m")
    slider = page.get_by_label("时间", exact=True)
    # Where the slider stands, in minutes before noon, and what is known of that time.
    for minutes, known in (
        (285, "定位 07-14 07:10:00"),
        (215, "中断：1 小时 5 分钟没有定位"),
        (195, "定位 07-14 08:40:00"),
        (60, "中断："),
        (20, "定位 07-14 11:40:00"),
        (359, "此前没有定位"),
    ):
        slider.fill(str(_at(page.locator("#track-shown input"), minutes)))
        expect(at).to_contain_text(known)
    drawn = page.evaluate(
        """async (minutes) => {
          const { stretches } = await import('/track.js');
          const fixes = minutes.map((m) => ({ device_id: 'D1', event_ms: -m * 60000, lon: 0, lat: 0 }));
          return stretches(fixes, () => 3600000).map((part) => part.length);
        }""",
        list(FIXES),
    )
    assert drawn == [3, 2, 2], "no line is drawn across a gap"


def _at(slider: Locator, minutes: int) -> int:
    """The slider's nearest step at so many minutes before noon."""
    low = int(slider.get_attribute("min") or 0)
    return low + round((NOW_MS - minutes * MINUTE_MS - low) / 15_000) * 15_000


def test_a_prosecutors_card_has_neither_name_nor_number(browser: Browser, world: World, url: str) -> None:
    with visit(browser, without_webgl=True) as visited:
        visited.page.goto(f"{url}/#token={world.tokens['prosecutor']}")
        visited.sees_board()
        visited.page.locator("ol#alerts button").first.focus()
        visited.page.keyboard.press("p")
        card = visited.page.locator("#person-card")
        expect(card.locator("h2")).to_have_text("P1")
        expect(card).not_to_contain_text("Person")


# What the store has, the words on the card, those that it lacks, and whether a battery is marked.
@pytest.mark.soak
@pytest.mark.parametrize(
    ("contact", "told", "untold", "is_marked"),
    [
        (  # it was heard after its last fix
            (5, 3.0, False, 7),
            (
                "最后联系",
                "11:55:00 · 5 分钟前",
                "3 % · 电量低 · 未充电",
                "11:53:00 · 7 分钟前",
                "11:50:00 · 10 分钟前",
            ),
            (),
            True,
        ),
        ((5, 15.0, True, 5), ("15 % · 电量低 · 充电中",), (), True),
        ((5, 15.9, None, 5), ("15 %",), ("电量低", "充电"), False),  # just above, and nothing else is known
        ((5, None, None, None), ("11:55:00", "未上报"), ("%", "充电"), False),
        (None, ("最后联系", "11:50:00 · 10 分钟前", "未上报"), (), False),  # from before contacts were kept
    ],
)
def test_last_contact_and_battery(
    world: World,
    visitor: Visit,
    contact: tuple[int, float | None, bool | None, int | None] | None,
    told: tuple[str, ...],
    untold: tuple[str, ...],
    is_marked: bool,
) -> None:
    last_ms = NOW_MS - FIXES[-1] * MINUTE_MS
    world.parts.positions.forget(["D1"])
    heard = [] if contact is None else [_heard(*contact)]
    world.parts.positions.put(
        [Position("D1", "P1", "O1", last_ms, last_ms, 106.51, 29.53, 12.0, "gnss")], heard
    )
    visitor.click_first_alert()
    visitor.click("人员卡")
    device = visitor.page.locator("#person-card .device")
    for text in told:
        expect(device).to_contain_text(text)
    for text in untold:
        expect(device).not_to_contain_text(text)
    expect(device.locator(".wrong")).to_have_count(int(is_marked))
    assert visitor.complaints == []


def _heard(minutes: int, pct: float | None, charging: bool | None, battery_minutes: int | None) -> Contact:
    at_ms = NOW_MS - minutes * MINUTE_MS
    battery_ms = None if battery_minutes is None else NOW_MS - battery_minutes * MINUTE_MS
    return Contact("D1", "P1", "O1", at_ms, at_ms, pct, charging, battery_ms)
