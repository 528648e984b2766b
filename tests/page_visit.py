"""A visitor of the page in headless Chromium who knows only what can be read on it, and counts clicks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, ViewportSize, expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

#: Nothing that the browser would do on the network by itself.
_FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--autoplay-policy=document-user-activation-required",  # as in a browser with a window
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: WebGL without a graphics card; all else is drawn without it, which takes half the time.
_WEBGL = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-gpu-rasterization",
    "--disable-gpu-compositing",
]
_NO_WEBGL = ["--disable-gpu", "--disable-software-rasterizer"]
_HERE = {"127.0.0.1", "localhost", "[::1]"}
#: Software drawing beside other work is slow; a page that needs longer is broken.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass(eq=False)  # Playwright leaves a mark of its own on whoever listens: no slots
class Visit:
    """A page being visited: what was clicked, asked for and complained about."""

    page: Page
    clicks: int = 0
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def requests_elsewhere(self) -> list[str]:
        """Requests that left the machine; pictures made by the page itself are none."""
        schemes = ("data", "blob")
        parts = [(url, urlsplit(url)) for url in self.requests]
        return [url for url, at in parts if at.scheme not in schemes and at.netloc.split(":")[0] not in _HERE]

    def click(self, *labels: str) -> None:
        """Click what bears one of these words, a button before a choice; it must be in sight."""
        self._click(self.labelled(*labels))

    def click_first_alert(self) -> str:
        """Open the topmost alert of the board; returns its text."""
        row = self.page.locator("ol#alerts button").first
        text = row.inner_text()
        self._click(row)
        return text

    def labelled(self, *labels: str) -> Locator:
        """What bears one of these words: a button, a radio button or a field."""
        found = self.page.get_by_role("button", name=labels[0], exact=True)
        for label in labels:
            for role in ("button", "radio", "textbox"):
                found = found.or_(self.page.get_by_role(role, name=label, exact=True))
        return found.first

    def sees(self, text: str) -> None:
        """Wait until a text is in sight."""
        self.page.get_by_text(text).first.wait_for(timeout=PATIENCE_MS)

    def sees_board(self) -> None:
        """Wait until there are alerts."""
        self.page.locator("ol#alerts button").first.wait_for(timeout=PATIENCE_MS)

    def hear(self, said: ConsoleMessage) -> None:
        """The browser says something on its console."""
        # That pixels of a map are copied is the way of a machine without a graphics card.
        if said.type in ("error", "warning") and "GL Driver Message" not in said.text:
            self.complaints.append(said.text)

    def _click(self, what: Locator) -> None:
        what.click(timeout=PATIENCE_MS)
        self.clicks += 1


@contextmanager
def chromium(*, webgl: bool = True) -> Iterator[Browser]:
    """The machine's own Chromium; none is downloaded. Without ``webgl`` there is no map, and all is quick."""
    assert CHROMIUM is not None, "the page's tests need Chromium (Debian: chromium, fonts-wqy-microhei)"
    with sync_playwright() as playwright:
        flags = _FLAGS + (_WEBGL if webgl else _NO_WEBGL)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, *, without_webgl: bool = False, width: int = 1120, height: int = 640
) -> Iterator[Visit]:
    """A first visit: nothing is remembered from others. A small window, for software draws it."""
    size: ViewportSize = {"width": width, "height": height}
    # The map jumps where it would fly: drawing a flight by software takes seconds.
    context = browser.new_context(viewport=size, locale="zh-CN", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    if without_webgl:
        context.add_init_script(
            "const real = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
            "  return kind.startsWith('webgl') ? null : real.call(this, kind, ...rest); };"
        )
    visited = Visit(context.new_page())
    page = visited.page
    page.on("console", visited.hear)
    page.on("pageerror", lambda error: visited.complaints.append(str(error)))
    context.on("request", lambda request: visited.requests.append(request.url))
    try:
        yield visited
    finally:
        context.close()
