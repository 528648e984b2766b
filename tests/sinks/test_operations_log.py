"""The log of what happened to the system: whole lines, whoever appends, and no caller that comes to grief."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from documents import CHECKOUT, first_column, section

from sinks.operations_log import KINDS, Operation, OperationsLog

STALLED = "engine_stalled"
RECOVERED = "engine_recovered"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operations.ndjson"


def test_what_was_told_is_read_newest_first(path: Path) -> None:
    log = OperationsLog(path)
    assert log.read().items == []
    told = [Operation(n, STALLED if n % 2 else RECOVERED, {"why": "停", "n": n}) for n in range(5)]
    for event in told:
        log.append(event.at_ms, event.kind, event.details)
    assert log.read().items == told[::-1]
    assert log.read(limit=2).items == told[:-3:-1]
    assert [event.at_ms for event in log.read(kind=STALLED).items] == [3, 1]
    assert path.stat().st_mode & 0o777 == 0o600, "nobody but its owner reads it"


def test_a_line_says_when_what_and_the_rest(path: Path) -> None:
    OperationsLog(path).append(1_752_444_000_123, STALLED, {"why": "line\nfeed \ud800", "path": Path("/x")})
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line) == {
        "at": "2025-07-13T22:00:00.123Z",
        "kind": STALLED,
        "details": {"why": "line\nfeed \ud800", "path": "/x"},
    }


def test_a_kind_that_the_table_lacks_is_a_mistake(path: Path) -> None:
    with pytest.raises(ValueError, match="engine_stalled"):
        OperationsLog(path).append(1, "engine_tired")
    assert not path.exists()


def test_a_long_log_is_read_from_its_end(path: Path) -> None:
    """Over more than one block, with letters of three bytes wherever a block may end."""
    log = OperationsLog(path)
    for n in range(9):
        log.append(n, STALLED, {"why": "停" * (11_000 + n)})
    found = log.read(limit=8).items
    assert [(event.at_ms, len(event.details["why"])) for event in found] == [
        (n, 11_000 + n) for n in range(8, 0, -1)
    ]


def test_half_a_line_swallows_no_other_and_is_counted(path: Path) -> None:
    log = OperationsLog(path)
    log.append(1, STALLED)
    with path.open("ab") as file:
        file.write(b'{"at":"2025-07-13T22:0')  # what a full disk had room for
    log.append(2, RECOVERED)
    found = log.read()
    assert [event.at_ms for event in found.items] == [2, 1]
    assert found.unreadable == 1


def test_a_full_disk_is_told_of_and_nobody_comes_to_grief(capfd: pytest.CaptureFixture[str]) -> None:
    OperationsLog(Path("/dev/full")).append(1, STALLED, {"why": "stopped"})
    said = capfd.readouterr().err
    assert "/dev/full: cannot be written: No space left on device" in said
    assert '"kind":"engine_stalled"' in said
    assert '"why":"stopped"' in said


def test_several_processes_append_whole_lines(path: Path) -> None:
    words = (
        "import sys; from pathlib import Path; from sinks.operations_log import OperationsLog\n"
        "log = OperationsLog(Path(sys.argv[1]))\n"
        "for n in range(50): log.append(n, 'engine_stalled', {'who': sys.argv[2]})"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", words, path, name * 500], cwd=CHECKOUT) for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = OperationsLog(path).read(limit=1000)
    assert found.unreadable == 0
    for name in "abc":
        mine = [event.at_ms for event in found.items if event.details["who"] == name * 500]
        assert mine == [*range(49, -1, -1)]


def test_the_kinds_are_those_of_the_document() -> None:
    text = (CHECKOUT / "docs" / "live.md").read_text("utf-8")
    assert first_column(section(text, "## The operations log")) == [*KINDS]
