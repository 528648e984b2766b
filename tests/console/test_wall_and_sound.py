"""The screen on a wall, which nobody touches, and the alarm, which is heard from a tab that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from console_world import NOW_MS, apply, violation
from page_console import PageConsole
from page_visit import CHROMIUM, Visit, visit
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from console.app import create_app
from console.parts import WEB

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

_COUNT_TONES = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
"""
#: The browser's own rule, that nothing is heard before somebody touches the page, but blind to Playwright:
#: for Chromium whatever it reads from a page is a touch, so how a page begins would depend on who is faster.
_SILENT_UNTIL_TOUCHED = """
let isTouched = false;
const touch = () => { isTouched = true; };
for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, touch, true);
window.AudioContext = class extends AudioContext {
  constructor() { super(); if (!isTouched) super.suspend(); }
  get state() { return isTouched ? super.state : "suspended"; }
  async resume() { if (isTouched) await super.resume(); }
};
"""
_HIDE = "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
#: Pixels of 1,080: on a screen of 55 inches 20 mm, which good eyes read from five metres.
_READABLE = 30.0
_LEAST_FONT = """() => Math.min(...
  [...document.querySelectorAll('#wall-total, .tile h3, .tile p:not(:empty), .tile li b')]
    .filter(one => one.getClientRects().length > 0).map(one => parseFloat(getComputedStyle(one).fontSize)))"""


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    with visit(browser) as visited:
        visited.page.add_init_script(_COUNT_TONES + _SILENT_UNTIL_TOUCHED)
        yield visited


def enter(visitor: Visit, console: PageConsole, more: str = "") -> None:
    visitor.page.goto(f"{console.url}/#token={console.token}{more}")
    visitor.page.locator("#sound").wait_for()


def urgent(console: PageConsole, number: int) -> str:
    """Something urgent happens."""
    assert console.world is not None
    return apply(console.world, violation(number, severity=1))[0]


def tones(visitor: Visit) -> int:
    heard: int = visitor.page.evaluate("window.tones")
    return heard


def hears(visitor: Visit, count: int) -> None:
    """So many tones have begun by now, or soon."""
    visitor.page.wait_for_function("count => window.tones === count", arg=count)


def test_an_alarm_goes_on_in_a_hidden_tab_until_somebody_claims(visitor: Visit, console: PageConsole) -> None:
    """Blocked until the page is touched, and it says so; then heard for each new urgent alert, and named."""
    assert console.world is not None
    enter(visitor, console)
    sound = visitor.page.locator("#sound")
    expect(sound).to_contain_text("提示音被阻止")
    expect(visitor.page).to_have_title("(1) 紧急预警 · fencewatch")
    assert tones(visitor) == 0
    sound.click()
    expect(sound).to_contain_text("提示音开")
    hears(visitor, 3)  # for the one that waits already
    visitor.page.evaluate(_HIDE)
    key = urgent(console, 5)
    expect(visitor.page).to_have_title("(2) 紧急预警 · fencewatch")
    hears(visitor, 6)
    console.world.parts.queue.claim(key, actor="somebody", office=None, now_ms=NOW_MS, lease_ms=10**9)
    expect(visitor.page).to_have_title("(1) 紧急预警 · fencewatch")
    apply(console.world, violation(7, severity=2))
    visitor.page.wait_for_timeout(1_000)
    assert tones(visitor) == 6, "neither what is claimed nor what is less grave is heard"


@pytest.mark.soak
def test_silence_is_for_a_while_and_for_this_browser(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    sound = visitor.page.locator("#sound")
    sound.click(delay=500)  # as people press: the page is heard before the button is let go
    expect(sound).to_contain_text("提示音开")
    hears(visitor, 3)
    sound.click()
    expect(sound).to_contain_text("还剩 15 分钟")
    urgent(console, 5)
    expect(visitor.page).to_have_title("(2) 紧急预警 · fencewatch")
    assert tones(visitor) == 3
    visitor.page.reload()
    sound.wait_for()
    visitor.page.locator("#board-title").click()
    expect(sound).to_contain_text("静音")
    for stored in ("Date.now() - 1", "Date.now() + 99 * 60000", "'x'"):  # over; a clock set back; nonsense
        visitor.page.evaluate(f"localStorage.setItem('muted-until', String({stored}))")
        expect(sound).to_contain_text("提示音开")


def test_what_each_office_has_before_it(console: PageConsole) -> None:
    """As the wall is told it: open by severity, in hand, cleared by itself, the oldest."""
    assert console.world is not None
    world = console.world
    keys = apply(
        world, *(violation(n, person="P2", office="O2", severity=s) for n, s in ((9, 1), (8, 1), (7, 3)))
    )
    apply(world, violation(6, person="P2", office="O2", cleared_ms=NOW_MS))
    apply(world, violation(5, person="P2", office="O2", withdrawn_ms=NOW_MS))
    world.parts.queue.claim(keys[2], actor="somebody", office=None, now_ms=NOW_MS, lease_ms=10**9)
    with TestClient(create_app(world.parts)) as client:
        said = client.get("/v1/alerts/by-office", headers=world.bearer("elsewhere")).json()["items"]
        (own,) = client.get("/v1/alerts/by-office", headers=world.bearer("county")).json()["items"]
        assert client.get("/v1/alerts/by-office", headers=world.bearer("device")).status_code == 403
    assert said == [
        {
            "office_id": "O2",
            "open": {"1": 2, "2": 0, "3": 0, "4": 0},
            "self_cleared": 1,
            "in_hand": 1,
            "oldest_open_at": "2025-07-14T03:51:00.000Z",
        }
    ]
    assert (own["office_id"], own["open"]["1"]) == ("O1", 1)


@pytest.mark.soak
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (3840, 2160)])
def test_a_wall_is_read_from_afar_and_needs_nobody(
    browser: Browser, console: PageConsole, width: int, height: int
) -> None:
    with visit(browser, width=width, height=height) as visitor:
        enter(visitor, console, "&wall=1")
        tile = visitor.page.locator('.tile[data-office="O1"]')
        expect(tile).to_contain_text("待认领")
        before = int(tile.locator(".tile-count b").inner_text())
        for name in ("#freshness", "#clock", "#tiles", "#map", "#wall-total"):
            expect(visitor.page.locator(name)).to_be_visible()
        expect(visitor.page.locator("#board")).to_be_hidden()
        assert visitor.page.evaluate(_LEAST_FONT) >= _READABLE * height / 1080
        fits = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        assert visitor.page.evaluate(fits) == [width, height]
        urgent(console, 5)
        expect(tile.locator(".tile-count b")).to_have_text(str(before + 1))
        visitor.page.context.set_offline(True)
        expect(visitor.page.locator("#trouble")).to_contain_text("不是现在的")


@pytest.mark.soak
def test_the_wall_is_put_up_and_taken_down(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    button = visitor.page.locator("#wall-button")
    button.click()
    expect(visitor.page.locator("#wall")).to_be_visible()
    assert "wall" in visitor.page.url
    visitor.page.reload()
    expect(visitor.page.locator("#wall")).to_be_visible()
    button.click()
    expect(visitor.page.locator("#board")).to_be_visible()


def test_the_first_press_of_a_finger_counts(visitor: Visit, console: PageConsole) -> None:
    """From the first touch on the page may be heard, and says so on a button: nothing moves by it."""
    enter(visitor, console)
    button, sound = visitor.page.locator("#wall-button"), visitor.page.locator("#sound")
    expect(sound).to_contain_text("提示音被阻止")
    before = button.bounding_box()
    button.hover()
    visitor.page.mouse.down()
    expect(sound).to_contain_text("提示音开")
    assert button.bounding_box() == before
    visitor.page.mouse.up()
    expect(visitor.page.locator("#wall")).to_be_visible()


def test_the_gravest_office_comes_first(visitor: Visit, console: PageConsole) -> None:
    """By the page's own function: gravest first, then oldest, those with nothing last; no empty county."""
    found: Any = visitor.page.goto(console.url) and visitor.page.evaluate(
        """async () => {
          const { tilesOf } = await import('./wall.js');
          const offices = [['C', null], ['A', 'C'], ['B', 'C'], ['D', 'C'], ['E', 'C']]
            .map(([office_id, parent_id]) => ({ office_id, parent_id, name: office_id, level: '' }));
          const none = { 1: 0, 2: 0, 3: 0, 4: 0 };
          const load = (office_id, open, day) => ({ office_id, open: { ...none, ...open }, self_cleared: 0,
            in_hand: 0, oldest_open_at: `2025-01-0${day}T00:00:00Z` });
          const loads = [load('B', { 2: 1 }, 1), load('D', { 1: 1 }, 3), load('E', { 1: 9 }, 2)];
          return tilesOf({ offices }, loads).map((tile) => [tile.name, tile.gravest, tile.waiting]);
        }"""
    )
    assert found == [["E", 1, 9], ["D", 1, 1], ["B", 2, 1], ["A", 0, 0]]
