"""What holds for the whole suite: with --no-skips, a test skipped for want of something is a failure."""

from __future__ import annotations

import faulthandler
import gc
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

# Recordings that are not ours to ship may lie beside the checkout; elsewhere there is nothing to read.
RECORDINGS = Path(__file__).resolve().parents[2] / "shared"

#: The long form of a test may take so long before it is taken for one that hangs.
SOAK_S = 2_400.0

#: The files that take longest are begun first, or everybody would wait for them in the end. Arguments cannot
#: say so: of two paths pytest drops the one that lies within the other.
LONGEST = ("test_kills_soak.py",)

_skipped: list[str] = []


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest) -> None:
    """The time-out of every test (``faulthandler_timeout``) is too short for a long form."""
    if request.node.get_closest_marker("soak") is not None:
        faulthandler.cancel_dump_traceback_later()
        faulthandler.dump_traceback_later(SOAK_S, exit=True, file=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Thousands of tests and all that they import stay until the end.

    The search for rubbish would go through them again and again, while they are made and under every test.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        _take_for_lasting()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A replay within this process brings all of it back into sight when it ends."""
    if nextitem is not None and nextitem.path != item.path and gc.get_freeze_count() == 0:
        _take_for_lasting()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONGEST)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if a test that could run is skipped")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    # Workers collect, and tell of it only what failed.
    _note(report)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    told = getattr(node, "workeroutput", {}).get("skipped", ())
    _skipped.extend(line for line in told if line not in _skipped)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["skipped"] = _skipped
    if session.config.getoption("--no-skips") and _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--no-skips") and _skipped:
        terminalreporter.section("skipped, though --no-skips was given", red=True)
        for line in _skipped:
            terminalreporter.line(line)


def _take_for_lasting() -> None:
    gc.collect()  # what is rubbish already must still be found, and what it left open
    gc.freeze()


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if RECORDINGS.is_dir() or RECORDINGS.name not in reason:
        _skipped.append(f"{report.nodeid}: {reason}")
