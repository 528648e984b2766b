"""What the page costs a weak PC: nothing is drawn and nothing sent where nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from console_world import NOW_MS
from page_console import PageConsole, page_console
from page_visit import CHROMIUM, Visit, chromium, visit
from playwright.sync_api import Browser, expect

from console import position_feed
from console.parts import WEB
from sinks.positions import Position

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

#: Counts the frames that the map draws.
_COUNT_FRAMES = """
window.frames_drawn = 0;
const clear = WebGL2RenderingContext.prototype.clear;
let counted = -1;
WebGL2RenderingContext.prototype.clear = function (...what) {
  if (counted !== performance.now()) window.frames_drawn += 1;
  counted = performance.now();
  return clear.apply(this, what);
};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageConsole]:
    with (
        pytest.MonkeyPatch.context() as patched,
        page_console(tmp_path_factory.mktemp("page"), is_moving=False) as made,
    ):
        patched.setattr(position_feed, "_WHOLE_EACH_LOOKS", 2)
        put(made, 106.51)
        yield made


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    with visit(browser) as visited:
        visited.page.add_init_script(_COUNT_FRAMES)
        yield visited


def put(console: PageConsole, lon: float, step_ms: int = 0, *, device: str = "D1") -> None:
    assert console.world is not None
    person = device.replace("D", "P")
    at_ms = NOW_MS + step_ms
    row = Position(device, person, "O1", at_ms, at_ms, lon, 29.5, 12.0, "gnss")
    console.world.parts.positions.put([row])


def frames(visitor: Visit) -> int:
    drawn: int = visitor.page.evaluate("window.frames_drawn")
    return drawn


def rests(visitor: Visit) -> bool:
    """Whether the map comes to rest: four seconds without a frame, in which ages are looked at as well."""
    for _ in range(10):
        before = frames(visitor)
        visitor.page.wait_for_timeout(4_000)
        if frames(visitor) == before > 0:
            return True
    return False


def enter(visitor: Visit, console: PageConsole) -> None:
    visitor.page.goto(f"{console.url}/#token={console.token}")
    visitor.sees_board()
    visitor.sees("人在图上")


def test_a_map_on_which_nobody_moves_draws_nothing(visitor: Visit, console: PageConsole) -> None:
    """Not with an alert open either; and one who moves is drawn."""
    enter(visitor, console)
    assert rests(visitor)
    visitor.click_first_alert()
    visitor.sees("经过")
    assert rests(visitor)
    before = frames(visitor)
    put(console, 106.52, 1_000)
    visitor.page.wait_for_function("before => window.frames_drawn > before", arg=before)


@pytest.mark.soak
def test_positions_come_by_one_stream_and_are_not_asked_for(visitor: Visit, console: PageConsole) -> None:
    enter(visitor, console)
    assert rests(visitor)
    asked = [url for url in visitor.requests if "/v1/positions" in url]
    assert asked == [f"{console.url}/v1/positions/stream"]


@pytest.mark.soak
def test_a_tab_that_nobody_sees_draws_nothing_and_catches_up(visitor: Visit, console: PageConsole) -> None:
    """Its stream ends; when it is seen again the stream goes on from where it was, and the move is drawn."""
    enter(visitor, console)
    assert rests(visitor)
    show(visitor, is_shown=False)
    assert rests(visitor)  # what was under way when it was hidden may still be drawn
    before = frames(visitor)
    put(console, 106.53, 2_000)
    visitor.page.wait_for_timeout(3_000)
    assert frames(visitor) == before
    with visitor.page.expect_request("**/v1/positions/stream") as resumed:
        show(visitor, is_shown=True)
    assert "." in (resumed.value.header_value("last-event-id") or "")
    visitor.page.wait_for_function("before => window.frames_drawn > before", arg=before)


def show(visitor: Visit, *, is_shown: bool) -> None:
    """Another tab comes before this one, or goes: headless Chromium itself never hides any."""
    visitor.page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        "  document.dispatchEvent(new Event('visibilitychange')); }",
        not is_shown,
    )


@pytest.mark.soak
def test_people_who_are_no_longer_supervised_leave_the_map(visitor: Visit, console: PageConsole) -> None:
    """The device is taken out of the store, as housekeeping does."""
    assert console.world is not None
    enter(visitor, console)
    count = visitor.page.locator("#people-shown")
    expect(count).to_contain_text("1")
    console.world.parts.positions.forget(["D1"])
    expect(count).to_contain_text("0", timeout=60_000)
    put(console, 106.54, 3_000)
    expect(count).to_contain_text("1")
