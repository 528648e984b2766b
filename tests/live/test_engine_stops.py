"""An engine that stops, in whatever way, is told of by the page, /readyz, a metric and the operations log."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from driven_clock import DrivenSystem
from live_system import RUN, SERVE, until
from minimal_site import write_site
from page_visit import CHROMIUM, Visit, chromium, visit
from playwright.sync_api import expect

from console.parts import WEB
from sinks.alert import instant_text
from sinks.operations_log import Operation, OperationsLog
from sinks.sqlite import sqlite3


@pytest.fixture
def system(tmp_path: Path) -> Iterator[DrivenSystem]:
    """Only the gateway runs: the engine was never started."""
    site = tmp_path / "site"
    site.mkdir()
    with DrivenSystem(tmp_path / "live", write_site(site)) as running:
        running.start(SERVE)
        until(lambda: running.is_at_work(SERVE), "the server")
        yield running


def problems(system: DrivenSystem) -> list[str]:
    """What /readyz complains of."""
    try:
        answer = urllib.request.urlopen(f"{system.url}/readyz", timeout=30)
    except urllib.error.HTTPError as error:
        answer = error  # it reads the same
    with answer:
        found: list[str] = json.load(answer)["problems"]
        assert (answer.status == 503) == bool(found)
    return found


def stalls(system: DrivenSystem, words: str) -> None:
    """It is told as stalled, with the reason, wherever somebody may look."""
    until(
        lambda: any("stalled" in said and words in said for said in problems(system)), f"not ready: {words}"
    )
    assert "fencewatch_engine_stalled 1.0" in metrics(system)
    assert told(system)[0].kind == "engine_stalled"
    assert words in told(system)[0].details["says"]


def gets_on(system: DrivenSystem) -> None:
    """It is told as well again, and how long it was not."""
    until(lambda: not problems(system), "ready")
    assert "fencewatch_engine_stalled 0.0" in metrics(system)
    assert told(system)[0].kind == "engine_recovered"
    assert told(system)[0].details["stalled_s"] >= 5


def metrics(system: DrivenSystem) -> str:
    return system.text("/metrics")


def told(system: DrivenSystem) -> list[Operation]:
    """What the operations log says of the engine, newest first."""
    found = OperationsLog(system.data / "operations.ndjson").read().items
    return [event for event in found if event.kind.startswith("engine")]


def is_red(visitor: Visit, words: str, fact: str) -> None:
    """A band with whole words, the fact by itself, the map grey; the link is well all the while."""
    band = visitor.page.locator("#trouble")
    expect(band).to_contain_text(words)
    expect(visitor.page.locator("[data-fact=engine]")).to_have_text(fact)
    expect(visitor.page.locator("[data-fact=link]")).to_have_text("连接正常")
    expect(visitor.page.locator("#map")).to_have_css("filter", "grayscale(1) opacity(0.6)")
    for element in (band, visitor.page.locator("#freshness")):
        assert element.evaluate("(e) => e.scrollWidth <= e.clientWidth"), "no word is cut off"


def is_well(visitor: Visit) -> None:
    expect(visitor.page.locator("#trouble")).to_be_hidden()
    expect(visitor.page.locator("[data-fact=engine]")).to_have_text("引擎判定正常")
    expect(visitor.page.locator("#map")).to_have_css("filter", "none")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web")
def test_the_page_turns_red_and_well_again(system: DrivenSystem) -> None:
    officer = system.token("--role", "county", "--office", "C1")
    with chromium() as browser, visit(browser, width=1366, height=768) as visitor:
        urllib.request.urlopen(
            asked(system, "/v1/site", officer), timeout=120
        ).close()  # county lines are read
        visitor.page.goto(f"{system.url}/#token={officer}")
        stalls(system, "never started")
        is_red(visitor, "判定引擎没有启动", "引擎未启动")
        system.start(RUN)
        gets_on(system)
        is_well(visitor)
        system.signal(RUN, signal.SIGSTOP)
        stalls(system, "is stopped")
        is_red(visitor, "判定引擎已停止", "引擎已停止")
        system.signal(RUN, signal.SIGCONT)
        gets_on(system)
        is_well(visitor)
        system.kill(RUN)
        stalls(system, "was killed")
        is_red(visitor, "判定引擎已停止", "引擎已停止")
        visitor.click("English")
        expect(visitor.page.locator("#trouble")).to_contain_text("The engine has stopped, for")
        system.start(RUN)
        gets_on(system)
        expect(visitor.page.locator("[data-fact=engine]")).to_have_text("Engine up to date")


@pytest.mark.soak
def test_an_engine_that_ends_or_hangs(system: DrivenSystem) -> None:
    """By SIGTERM, and on a queue that somebody has locked while an alert is to be written."""
    system.start(RUN)
    until(lambda: system.is_at_work(RUN) and not problems(system), "the engine")
    system.stop(RUN)
    stalls(system, "has ended")
    system.start(RUN)
    gets_on(system)
    with closing(sqlite3.connect(system.data / "queue.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        now_ms = system.true_ms()
        rows = [far_away(now_ms - ago_s * 1000) for ago_s in (200, 100, 1)]
        assert system.ask("/v1/pings", system.operator, rows) == {"accepted": 3, "rejected": []}
        stalls(system, "takes nothing more")
        other.execute("ROLLBACK")
    gets_on(system)
    kinds = until(lambda: {item.alert.kind for item in system.items()}, "the alert")
    assert "boundary_violation" in kinds, "what hung was written, not lost"


def far_away(at_ms: int) -> dict[str, Any]:
    """A fix far outside of where P1 may be."""
    return {
        "device_id": "D1",
        "event_time": instant_text(at_ms),
        "lon": 110.0,
        "lat": 29.5,
        "accuracy_m": 10.0,
    }


def asked(system: DrivenSystem, path: str, token: str) -> urllib.request.Request:
    return urllib.request.Request(f"{system.url}{path}", headers={"Authorization": f"Bearer {token}"})
