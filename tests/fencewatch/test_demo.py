"""The demonstration as a newcomer starts it, with its page in a browser."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from documents import CHECKOUT, first_column, section
from page_script import CLICKS_MOST, dispose_of_the_first_alert
from page_visit import CHROMIUM, chromium, visit
from replay.command_line import fencewatch_words, invoked, surroundings

from console.parts import WEB
from fencewatch.demo import BEFORE_MS, START
from fencewatch.demo_result import KINDS
from geofences.instant import instant_ms

FORMATS = (CHECKOUT / "docs" / "formats.md").read_text("utf-8")
END_S = 60.0
#: How many people there are without an option, and how many are enough for alerts of all kinds.
DEFAULT_PEOPLE, FEW = 2000, 500
#: What the engine and its queue may be behind the opening.
BOARD_S = 10.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration that runs, and what it said first."""

    process: subprocess.Popen[str]
    opening: dict[str, Any]
    people: int = 0

    @property
    def url(self) -> str:
        return str(self.opening["url"])

    @property
    def tokens(self) -> dict[str, str]:
        return dict(self.opening["tokens"])

    def asked(self, path: str, role: str = "county") -> Any:
        """A JSON answer of its API."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"Bearer {self.tokens[role]}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} answered {error.code}: {error.read().decode()}") from error

    def children(self) -> list[int]:
        """The process ids of gateway and engine."""
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def summary(self) -> dict[str, Any]:
        """Its last line, once it has ended well."""
        out, _ = self.process.communicate(timeout=END_S)
        assert self.process.returncode == 0
        said: dict[str, Any] = json.loads(out.splitlines()[-1])
        return said


def command(data: Path, *arguments: str) -> list[str]:
    return fencewatch_words("demo", "--data", data, *arguments)


@contextmanager
def started(data: Path, *arguments: str) -> Iterator[Demo]:
    called = command(data, "--json", "--port", "0", *arguments)
    with subprocess.Popen(called, env=surroundings(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Demo(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()


def until(what: str, is_so: Any, seconds: float) -> None:
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        if is_so():
            return
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@pytest.fixture(scope="module", params=[FEW, pytest.param(None, marks=pytest.mark.soak, id="default")])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Started once, for starting is most of the time; in the long form by its defaults but for the port."""
    arguments = [] if request.param is None else ["--people", str(request.param)]
    with started(tmp_path_factory.mktemp("demo"), *arguments) as running:
        yield replace(running, people=request.param or DEFAULT_PEOPLE)


def test_all_four_kinds_stand_on_the_board_when_it_opens(demo: Demo) -> None:
    def are_there() -> bool:
        return all(demo.asked(f"/v1/alerts?state=open&kind={kind}")["items"] for kind in KINDS)

    until("open alerts of all four kinds", are_there, BOARD_S)
    assert demo.opening["clock"] == "simulated, x60"


def test_the_hours_before_are_whole_and_the_clock_goes_on(demo: Demo) -> None:
    """Run through at full speed, no gap of the log's clock was left, and nobody's silence was made up."""
    status = demo.asked("/v1/status")
    assert (status["simulated"], status["speed"], status["clock"]) == (True, 60.0, "simulated, x60")
    assert instant_ms(status["now"]) >= instant_ms(START) + BEFORE_MS
    assert demo.asked("/v1/alerts?kind=log_gap")["items"] == []
    assert demo.asked("/readyz")["problems"] == []
    later_ms = instant_ms(status["now"]) + 60_000
    until(
        "another minute", lambda: instant_ms(demo.asked("/v1/status")["engine"]["clock"]) >= later_ms, END_S
    )


def test_the_site_changes_while_it_runs(demo: Demo) -> None:
    """Somebody is enrolled, and from then on reports; a leave is granted, and ended early."""
    begun_ms = instant_ms(START) + BEFORE_MS

    def changes() -> dict[str, Any]:
        made = demo.asked("/v1/site/changes")["items"]
        return {one["reason"]: one for one in made if instant_ms(one["at"]) >= begun_ms}

    wanted = {"supervision begins", "to see a doctor", "came back early"}
    until("one change of each kind", lambda: wanted <= changes().keys(), END_S)
    enrolled = changes()["supervision begins"]
    (person_id,) = {one["put"]["person_id"] for one in enrolled["edits"] if one["table"] == "people"}

    def is_seen() -> bool:
        positions = demo.asked("/v1/positions?reason=%E6%A0%B8%E5%AE%9E")
        return any(one["person_id"] == person_id for one in positions["items"])

    until("the enrolled person's first report", is_seen, END_S)


@pytest.mark.parametrize("role", ["officer", "county", "prosecutor"])
def test_every_token_opens_its_board(demo: Demo, role: str) -> None:
    assert demo.asked("/v1/alerts", role)["items"]
    assert demo.asked("/v1/status", role)["you"]["role"] == role


def test_gateway_and_engine_may_be_killed(demo: Demo) -> None:
    """Both come again and go on where they were, with no gap in the clock and so no silence of anybody."""
    before = demo.children()
    rows = demo.asked("/v1/status")["engine"]["clock"]
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def goes_on() -> bool:
        try:
            return bool(demo.asked("/v1/status")["engine"]["clock"] > rows)
        except OSError:
            return False

    until("the engine goes on", lambda: set(demo.children()).isdisjoint(before) and goes_on(), END_S)
    items = demo.asked("/v1/alerts?kind=log_gap")["items"]
    assert items == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web")
def test_from_the_first_page_to_a_disposed_alert(demo: Demo) -> None:
    """By visible labels alone, with nothing fetched from outside and nothing to complain of."""
    before = len(demo.asked("/v1/alerts?state=disposed")["items"])
    with chromium() as browser, visit(browser) as visitor:
        visitor.page.goto(demo.url)
        visitor.sees("模拟时钟")
        dispose_of_the_first_alert(visitor, demo.url, demo.tokens["officer"])
        visitor.sees("人在图上")
        visitor.sees("模拟时钟")
        assert visitor.clicks <= CLICKS_MOST
        assert visitor.requests_elsewhere == []
        assert visitor.complaints == []
    assert len(demo.asked("/v1/alerts?state=disposed")["items"]) == before + 1


def test_ctrl_c_ends_it_with_a_summary(demo: Demo) -> None:
    """The last of these tests: gateway and engine are gone, and every row and alert is accounted for."""
    children = demo.children()
    disposed = len(demo.asked("/v1/alerts?state=disposed")["items"])
    demo.process.send_signal(signal.SIGINT)
    summary = demo.summary()
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert summary["people"] == demo.people
    assert summary["pings"] > 5 * demo.people
    assert set(KINDS) <= summary["alerts"].keys()
    assert sum(states.get("disposed", 0) for states in summary["alerts"].values()) == disposed
    clock = summary["clock"]
    assert (clock["simulated"], clock["speed"]) == (True, 60.0)
    assert instant_ms(clock["opened"]) - instant_ms(clock["from"]) == BEFORE_MS
    assert instant_ms(clock["to"]) - instant_ms(clock["opened"]) <= 1000 * 60.0 * (summary["seconds"] + 1)
    documented = [first_column(section(FORMATS, "### `demo --json`"), table) for table in (0, 1)]
    assert [list(demo.opening), list(summary)] == documented


@pytest.mark.soak
def test_nobody_is_left_behind(tmp_path: Path) -> None:
    """Gateway and engine end with it, though it be killed; what an earlier one left is thrown away."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "demonstration.json").write_text("{}")
    (tmp_path / "demo" / "queue.sqlite").write_text("of another version")
    with started(tmp_path, "--people", "20") as running:
        children = running.children()
        running.process.kill()
        until("they are gone", lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), END_S)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--duration", "soon"), "--duration 'soon'; expected a time such as 90s, 2m or 1h"),
        (("--duration", "0s"), "--duration '0s'; expected a time such as 90s, 2m or 1h"),
        (("--port", "{taken}"), "something else listens there; expected a free port"),
        ((), "holds something else; expected an empty directory, or none"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    if not arguments:
        (tmp_path / "demo").mkdir()
        (tmp_path / "demo" / "thesis.txt").write_text("mine")
    with socket.create_server(("127.0.0.1", 0)) as door:
        taken = str(door.getsockname()[1])
        given = [argument.format(taken=taken) for argument in arguments]
        done = invoked("demo", "--data", tmp_path, "--people", "20", *given)
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.soak
def test_two_in_one_directory_are_one_too_many(tmp_path: Path) -> None:
    with started(tmp_path, "--people", "20"):
        called = command(tmp_path, "--people", "20")
        done = subprocess.run(called, env=surroundings(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "another demonstration runs there" in done.stderr
