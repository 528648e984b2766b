"""Makes docs/screenshots anew: `python tests/console/screenshots.py [--url URL --token TOKEN]`.

Without a console to look at it starts a demonstration of its own, and ends it again.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from page_visit import Visit, chromium, visit  # noqa: E402 - the tests' folder is on no path of its own

#: Real time after which a demonstration has heard from everybody, and for which the map settles after a move.
_FILL_MS, _SETTLE_MS = 15_000, 3_000
_DEMO_S = 900


def main() -> None:
    """Takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running console")
    parser.add_argument("--token", help="its officer's or county's token")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--wait", type=int, default=None, help="milliseconds to wait for alerts")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.url:
        take(given.url, given.token, given.out, given.wait or 0)
        return
    with demo() as (url, token, process):
        take(url, token, given.out, _FILL_MS if given.wait is None else given.wait, process)


@contextmanager
def demo() -> Iterator[tuple[str, str, int]]:
    """A demonstration of our own: its address, the county's token, its process."""
    with tempfile.TemporaryDirectory() as data:
        command = [
            sys.executable,
            "-m",
            "fencewatch",
            "demo",
            "--json",
            "--duration",
            f"{_DEMO_S}s",
            "--data",
            data,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
            assert running.stdout is not None
            try:
                first = json.loads(running.stdout.readline())
                yield first["url"], first["tokens"]["county"], running.pid
            finally:
                running.terminate()
                running.wait(30)


def take(url: str, token: str, out: Path, wait_ms: int, process: int | None = None) -> None:
    """Entry, board, an alert of each look, its end, a stopped engine, and the same in English."""
    with chromium() as browser, visit(browser, width=1440, height=860) as visitor:
        page = visitor.page

        def shot(name: str) -> None:
            page.wait_for_timeout(_SETTLE_MS)
            page.screenshot(path=out / f"{name}.png")

        page.goto(url)
        shot("entry")
        page.goto(f"{url}/#token={token}")
        visitor.sees_board()
        page.wait_for_timeout(wait_ms)
        shot("board")
        page.locator("#wall-button").click()
        shot("wall")
        page.locator("#wall-button").click()
        show(visitor, "进入禁区")
        shot("zone-entry")
        show(visitor, "越界")
        visitor.click("认领")
        visitor.click("属实")
        visitor.click("提交核实")
        visitor.click("提醒教育")
        shot("outcome")
        visitor.labelled("备注").fill("已电话核实，本人承认越界")
        visitor.click("提交处置")
        visitor.sees("这条预警已处置")
        visitor.click("人员卡")
        visitor.labelled("查看目的（会留痕）").fill("核实这条越界预警")
        visitor.click("查看轨迹")
        page.locator("#track-at").wait_for()
        shot("person")
        page.keyboard.press("Escape")
        visitor.click("按人")
        shot("people")
        visitor.click("按人")
        if process is not None:
            with stopped(engine_of(process)):
                visitor.sees("引擎已停止")
                shot("engine-stopped")
            visitor.sees("引擎判定正常")
        visitor.click("English")
        shot("settled-english")
        page.context.set_offline(True)
        visitor.sees("not the present one")
        shot("link-lost")


def engine_of(process: int) -> int:
    """The engine that a demonstration has started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    words = {int(child): Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for child in children}
    (engine,) = [child for child, command in words.items() if b"run" in command]
    return engine


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """It stands still meanwhile."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def show(visitor: Visit, kind: str) -> None:
    """Open the first unclaimed alert of a kind, if there is one."""
    rows = visitor.page.locator("ol#alerts li[data-state=open] button", has_text=kind)
    if rows.count() == 0:
        rows = visitor.page.locator("ol#alerts li[data-state=open] button")
    rows.first.click()


if __name__ == "__main__":
    main()
