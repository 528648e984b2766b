"""The map shows everybody with an unfinished alert as such, whatever the board has loaded or filtered."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from console_world import MINUTE_MS, NOW_MS, OFFICES, World, apply, console_world, violation
from minimal_site import WHOLE, write_site
from page_console import served
from page_pixels import heaps_of
from page_visit import CHROMIUM, PATIENCE_MS, Visit, chromium, visit
from playwright.sync_api import Browser, expect

from console.parts import WEB
from sinks.positions import Position

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

PEOPLE = 160
#: A page of the board has 100 alerts, so many people's are never loaded.
ALERTED = 130
UNPLACED = 3
#: Nobody else has an alert of severity 1: to be found by its colour, and last on the board by its kind.
GRAVEST = "P129"
#: The colour of severity 1.
RED = (179, 38, 30)
LOOKS = [f"{how}_{severity}" for how in ("waiting", "held") for severity in (1, 2, 3, 4)]


@dataclass(frozen=True, slots=True)
class Crowd:
    """A console with many people: its address, the county's token, and what the map must show."""

    world: World
    url: str
    expected: Counter[str]

    @property
    def link(self) -> str:
        """The way in."""
        return f"{self.url}/#token={self.world.tokens['county']}"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    directory = tmp_path_factory.mktemp("crowd")
    _write_site(directory / "site")
    with console_world(directory, lambda: NOW_MS) as world:
        expected = _fill(world)
        with served(world) as url:
            # The county lines are read at the first request, which may take longer than a page waits.
            request = urllib.request.Request(f"{url}/v1/site", headers=world.bearer("county"))
            urllib.request.urlopen(request, timeout=120).close()
            yield Crowd(world, url, expected)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    with visit(browser, width=1366, height=768) as visited:
        yield visited
    assert visited.complaints == []


def _write_site(site: Path) -> None:
    site.mkdir()
    names = range(PEOPLE)
    people = [
        "person_id,name,office_id,class,valid_from,valid_to",
        *(f"P{n},Person {n},O1,general,," for n in names),
    ]
    devices = ["device_id,person_id,kind,valid_from,valid_to", *(f"D{n},P{n},phone,," for n in names)]
    write_site(
        site,
        ("offices.csv", WHOLE, OFFICES),
        ("people.csv", WHOLE, "\n".join([*people, ""])),
        ("devices.csv", WHOLE, "\n".join([*devices, ""])),
    )


def _fill(world: World) -> Counter[str]:
    """Alerts of most people, some in hand; all but three of these people have a position."""
    expected: Counter[str] = Counter({"usual": PEOPLE - ALERTED})
    for n in range(ALERTED):
        severity = 1 if f"P{n}" == GRAVEST else 2 + n % 3
        cleared = NOW_MS if f"P{n}" == GRAVEST else None  # over by itself: behind all others on the board
        (key,) = apply(world, violation(60 + n, person=f"P{n}", severity=severity, cleared_ms=cleared))
        is_held = n % 5 == 0 and f"P{n}" != GRAVEST
        if is_held:
            world.parts.queue.claim(key, actor="li", office=None, now_ms=NOW_MS)
        if n >= UNPLACED:
            expected[f"{'held' if is_held else 'waiting'}_{severity}"] += 1
    world.parts.positions.put([_position(n) for n in range(UNPLACED, PEOPLE)])
    return expected


def _position(n: int) -> Position:
    lon, lat = 106.03 + 0.065 * (n % 15), 29.05 + 0.085 * (n // 15)
    return Position(f"D{n}", f"P{n}", "O1", NOW_MS - MINUTE_MS, NOW_MS, lon, lat, 12.0, "gnss")


def shows(visitor: Visit, expected: Counter[str]) -> None:
    """The legend counts what is drawn."""
    for look in (*LOOKS, "usual", "quiet"):
        expect(visitor.page.locator(f"#legend b[data-look={look}]")).to_have_text(str(expected[look]))


def drawn(
    visitor: Visit, colour: tuple[int, int, int], least: int, *, pixels: tuple[int, int]
) -> list[dict[str, Any]]:
    """Marks of a colour and size on the map, once there are at least so many; software draws it slowly."""
    ends_s = time.monotonic() + PATIENCE_MS / 1000
    while True:
        found = [
            heap for heap in heaps_of(visitor.page, "#map", colour) if pixels[0] <= heap["n"] < pixels[1]
        ]
        if len(found) >= least:
            return found
        assert time.monotonic() < ends_s, f"{len(found)} marks are drawn"
        visitor.page.wait_for_timeout(500)


@pytest.mark.soak
def test_the_map_shows_more_than_the_board_has_loaded(visitor: Visit, crowd: Crowd) -> None:
    visitor.page.goto(crowd.link)
    visitor.sees_board()
    shows(visitor, crowd.expected)
    assert visitor.page.locator("ol#alerts > li").count() < ALERTED
    visitor.sees(f"{PEOPLE - UNPLACED} 人在图上")
    visitor.sees(f"{UNPLACED} 名有预警的人没有位置")
    visitor.click("English")
    visitor.sees(f"{UNPLACED} people with alerts have no position")
    shows(visitor, crowd.expected)


def test_no_filter_of_the_board_makes_anybody_normal(visitor: Visit, crowd: Crowd) -> None:
    visitor.page.goto(crowd.link)
    visitor.sees_board()
    visitor.page.locator("#states [data-group=settled]").click()
    visitor.sees("没有符合条件的预警")
    shows(visitor, crowd.expected)
    visitor.page.get_by_label("按级别筛选").select_option("4")
    shows(visitor, crowd.expected)


@pytest.mark.soak
def test_an_alert_taken_up_elsewhere_is_hollow_soon(visitor: Visit, crowd: Crowd) -> None:
    """Claimed by another, of a person whose alert this board does not show."""
    visitor.page.goto(f"{crowd.url}/#group=settled&token={crowd.world.tokens['county']}")
    shows(visitor, crowd.expected)
    key = crowd.world.parts.queue.alerts(now_ms=NOW_MS, limit=1).items[0]
    severity = key.alert.severity
    crowd.world.parts.queue.claim(key.alert.alert_key, actor="wang", office=None, now_ms=NOW_MS)
    moved = crowd.expected + Counter({f"held_{severity}": 1})
    moved[f"waiting_{severity}"] -= 1
    shows(visitor, moved)
    crowd.world.parts.queue.release(key.alert.alert_key, actor="wang", office=None, now_ms=NOW_MS)
    shows(visitor, crowd.expected)


@pytest.mark.soak
def test_whom_the_board_has_not_loaded_opens_from_the_map_all_the_same(visitor: Visit, crowd: Crowd) -> None:
    visitor.page.goto(crowd.link)
    visitor.sees_board()
    shows(visitor, crowd.expected)
    assert visitor.page.locator("ol#alerts > li", has_text="Person 129").count() == 0, (
        "it would prove nothing"
    )
    marks = drawn(visitor, RED, 1, pixels=(110, 400))
    assert len(marks) == 1, "one person has an alert of severity 1"
    visitor.page.mouse.click(marks[0]["x"], marks[0]["y"])
    expect(visitor.page.locator("#detail h2")).to_contain_text("Person 129")


@pytest.mark.soak
def test_chips_follow_the_filters_and_say_of_how_many(visitor: Visit, crowd: Crowd) -> None:
    by_severity = Counter(1 if f"P{n}" == GRAVEST else 2 + n % 3 for n in range(ALERTED))
    visitor.page.goto(crowd.link)
    visitor.sees_board()
    unfinished = visitor.page.locator("#states [data-group=unfinished]")
    expect(unfinished).to_have_text(f"未办结{ALERTED}")
    visitor.page.get_by_label("按级别筛选").select_option("3")
    expect(unfinished).to_have_text(f"未办结{by_severity[3]}/{ALERTED}")
    visitor.click("English")
    expect(unfinished).to_have_text(f"Unfinished{by_severity[3]} of {ALERTED}")
    visitor.page.locator("#severity").select_option("")
    expect(unfinished).to_have_text(f"Unfinished{ALERTED}")
