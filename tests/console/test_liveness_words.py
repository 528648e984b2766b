"""What the page says of the link, of rows coming in and of the engine: each state, at any speed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from page_console import page_console
from page_visit import CHROMIUM, chromium, visit
from playwright.sync_api import Page

from console.parts import WEB

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web"),
]

MINUTE, HOUR = 60_000, 3_600_000
NOW_MS = 1_752_465_600_000  # 2025-07-14 12:00:00 UTC+8
#: Rows come in as they should, and all of them are judged.
WELL: dict[str, Any] = {
    "now_ms": NOW_MS,
    "simulated": False,
    "speed": 1,
    "reports": {"devices": 20, "overdue": 0, "newestAge_ms": 12_000},
    "intakeProblem": None,
    "engineWhy": None,
    "engineIdle_ms": 0,
    "engineClock_ms": NOW_MS - 2_000,
    "engineLag_ms": 2_000,
}


def reports(devices: int, overdue: int, newest_ms: int | None) -> dict[str, Any]:
    return {"reports": {"devices": devices, "overdue": overdue, "newestAge_ms": newest_ms}}


def at_speed(speed: int, newest_s: float, lag_s: float) -> dict[str, Any]:
    """A newest report and an engine so many real seconds behind, on a simulated clock."""
    newest_ms, lag_ms = round(newest_s * 1000 * speed), round(lag_s * 1000 * speed)
    return {"simulated": True, "speed": speed, "engineLag_ms": lag_ms, **reports(20, 0, newest_ms)}


# What differs from WELL, for how long nobody answered, and then the facts as a page in English shows them.
TABLE: list[tuple[str, dict[str, Any], int, list[str]]] = [
    ("all is well", {}, 0, ["good Link up", "good newest report 12 s ago", "good Engine up to date"]),
    ("nobody answers", {}, 4_000, ["bad Link lost for 4 s", "plain Reports unknown", "plain Engine unknown"]),
    (
        "one phone rests",
        reports(1, 0, 25 * MINUTE),
        0,
        ["good Link up", "good No report due, newest report 25 min ago", "good Engine up to date"],
    ),
    (
        "one phone of one is overdue",
        reports(1, 1, 2 * HOUR),
        0,
        ["good Link up", "warn 1 of 1 devices overdue, newest report 2 h ago", "good Engine up to date"],
    ),
    (
        "a few of many are their own matter",
        reports(2000, 37, 1_000),
        0,
        ["good Link up", "good 37 of 2000 devices overdue, newest report 1 s ago", "good Engine up to date"],
    ),
    (
        "a fifth of all are not",
        reports(2000, 400, 1_000),
        0,
        ["good Link up", "warn 400 of 2000 devices overdue, newest report 1 s ago", "good Engine up to date"],
    ),
    (
        "nobody has reported yet, and nobody had to",
        reports(3, 0, None),
        0,
        ["good Link up", "good No report due, no report yet", "good Engine up to date"],
    ),
    (
        "nobody is watched",
        reports(0, 0, None),
        0,
        ["good Link up", "plain No devices to report", "good Engine up to date"],
    ),
    (
        "a full disk",
        {"intakeProblem": "the log cannot be written"},
        0,
        ["good Link up", "bad Reports cannot be stored", "good Engine up to date"],
    ),
    (
        "an engine that works off a backlog",
        {"engineLag_ms": 10 * MINUTE},
        0,
        ["good Link up", "good newest report 12 s ago", "warn Engine behind: has judged up to 10 min ago"],
    ),
    (
        "an engine that has stopped",
        {"engineWhy": "not_running", "engineIdle_ms": 6_000},
        0,
        ["good Link up", "good newest report 12 s ago", "bad Engine stopped"],
    ),
    *(
        (
            f"a second behind at ×{speed}",
            at_speed(speed, 1, 1),
            0,
            [
                "good Link up",
                f"good newest report {shown} ago on the simulated clock",
                "good Engine up to date",
            ],
        )
        for speed, shown in ((60, "60 s"), (600, "10 min"))
    ),
    *(
        (
            f"twenty seconds behind at ×{speed}",
            at_speed(speed, 1, 20),
            0,
            [
                "good Link up",
                f"good newest report {newest} ago on the simulated clock",
                f"warn Engine behind: has judged up to {shown} ago on the simulated clock",
            ],
        )
        for speed, newest, shown in ((60, "60 s", "20 min"), (600, "10 min", "3 h 20 min"))
    ),
]

# What differs from WELL, for how long nobody answered, and the sentences of the red band in English.
BAND: list[tuple[str, dict[str, Any], int, list[str]]] = [
    ("all is well", {}, 0, []),
    ("a rest is no trouble", reports(1, 1, 2 * HOUR), 0, []),
    (
        "the link is lost: of the rest nobody knows",
        {"engineWhy": "hangs", "engineIdle_ms": 6_000},
        5_000,
        ["Link lost for 5 s: you see the state of 07-14 12:00:00, not the present one."],
    ),
    *(
        (
            why,
            {"engineWhy": why, "engineIdle_ms": 7_000, "engineClock_ms": judged_ms},
            0,
            [f"{said}, for 7 s now: {judged}, and no {new}alert is raised."],
        )
        for why, said, judged_ms, judged, new in (
            ("never_started", "The engine has not been started", None, "nothing has been judged", ""),
            (
                "not_running",
                "The engine has stopped",
                NOW_MS - 9_000,
                "nothing after 07-14 11:59:51 has been judged",
                "new ",
            ),
            (
                "hangs",
                "The engine is stuck",
                NOW_MS - 9_000,
                "nothing after 07-14 11:59:51 has been judged",
                "new ",
            ),
        )
    ),
    (
        "two troubles are two sentences",
        {"engineWhy": "hangs", "engineIdle_ms": 7_000, "intakeProblem": "disk full"},
        0,
        ["The engine is stuck", "Reports cannot be stored (disk full)"],
    ),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with (
        page_console(tmp_path_factory.mktemp("words")) as console,
        chromium() as browser,
        visit(browser) as visited,
    ):
        visited.page.goto(console.url)
        visited.click("English")
        yield visited.page


def said(page: Page, what: str, differs: dict[str, Any], silent_ms: int) -> Any:
    """What the page's own module makes of a status."""
    status = json.dumps(WELL | differs)
    return page.evaluate(f"async () => (await import('/liveness.js')).{what}({status}, {silent_ms})")


@pytest.mark.parametrize(
    ("differs", "silent_ms", "expected"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_three_facts(page: Page, differs: dict[str, Any], silent_ms: int, expected: list[str]) -> None:
    found = said(page, "facts", differs, silent_ms)
    assert [fact["name"] for fact in found] == ["link", "reports", "engine"]
    assert [f"{fact['mood']} {fact['text']}" for fact in found] == expected


@pytest.mark.parametrize(
    ("differs", "silent_ms", "expected"), [r[1:] for r in BAND], ids=[r[0] for r in BAND]
)
def test_the_red_band(page: Page, differs: dict[str, Any], silent_ms: int, expected: list[str]) -> None:
    found = said(page, "troubles", differs, silent_ms)
    assert len(found) == len(expected)
    for sentence, beginning in zip(found, expected, strict=True):
        assert sentence.startswith(beginning)


def test_every_word_is_there_in_both_languages() -> None:
    """A name without words would stand on the page as it is."""
    words = (WEB / "words.js").read_text("utf-8")
    used = {
        f"{family}_{why}"
        for family in ("engine", "trouble")
        for why in ("never_started", "not_running", "hangs")
    }
    assert [name for name in sorted(used) if f"  {name}: [" not in words] == []
