"""No output lies over an input, however it is spelt; what is written is there whole or not at all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from forked import PIPE, ForkedCommand, run_forked
from minimal_site import write_site
from replay.command_line import invoked

from pipeline.host.outputs import whole_directory, whole_file

PING = '{"device_id":"D1","event_time":"2025-07-14T02:00:00Z","lon":106.5,"lat":29.5}\n'
STRANGER = '{"device_id":"D9","event_time":"2025-07-14T02:00:00Z","lon":106.5,"lat":29.5}\n'


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a site, pings, confirmations and ways to spell them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site")
    Path("pings.ndjson").write_text(PING + STRANGER)
    Path("checkins.ndjson").write_text(STRANGER)
    Path("folder").mkdir()
    Path("symbolic").symlink_to("pings.ndjson")
    Path("hard").hardlink_to("pings.ndjson")
    Path("there-and-back").symlink_to(tmp_path)
    Path("to-nothing").symlink_to("not-there-yet")
    Path("round").symlink_to("round")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


#: (why, --alerts, --rejects, what the line must name)
CLASHES: list[tuple[str, str, str, list[str]]] = [
    ("the pings", "pings.ndjson", "r", ["--alerts pings.ndjson", "the input pings.ndjson"]),
    ("the pings, by rejects", "a", "pings.ndjson", ["--rejects pings.ndjson", "the input pings.ndjson"]),
    ("the confirmations", "checkins.ndjson", "r", ["--alerts checkins.ndjson", "the input checkins.ndjson"]),
    ("a symbolic link", "symbolic", "r", ["--alerts symbolic", "the input pings.ndjson"]),
    ("a hard link", "a", "hard", ["--rejects hard", "the input pings.ndjson"]),
    ("through a folder", "folder/../pings.ndjson", "r", ["--alerts folder/../pings", "the input pings"]),
    ("through a linked folder", "there-and-back/pings.ndjson", "r", ["--alerts there-and-back", "the input"]),
    ("a file of the site", "site/people.csv", "r", ["--alerts site/people.csv", "a file of the site"]),
    ("one the site could have", "a", "site/holidays.toml", ["--rejects site/holidays.toml", "of the site"]),
    ("each other", "a", "a", ["--rejects a and --alerts a are one file"]),
    ("each other, not there yet", "./a", "folder/../a", ["--rejects folder/../a and", "are one file"]),
    ("each other, by a dangling link", "to-nothing", "not-there-yet", ["--alerts to-nothing are"]),
    ("each other, in another case", "Alerts", "ALERTS", ["--alerts Alerts", "--rejects ALERTS"]),
    ("a directory", "folder", "r", ["--alerts folder is a directory; expected a file"]),
    ("in no directory", "a", "nowhere/r", ["--rejects nowhere/r: no directory", "nowhere"]),
    ("a link to itself", "round", "r", ["--alerts round is a link that leads back to itself"]),
]  # fmt: skip


@pytest.mark.parametrize(("alerts", "rejects", "said"), [row[1:] for row in CLASHES],
                         ids=[row[0] for row in CLASHES])  # fmt: skip
def test_an_output_that_is_something_else_is_refused(
    alerts: str, rejects: str, said: list[str], there: Path
) -> None:
    before = contents(there)
    done = invoked("replay", "--site", "site", "--pings", "pings.ndjson", "--confirmations",
                   "checkins.ndjson", "--alerts", alerts, "--rejects", rejects)  # fmt: skip
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert all(words in done.stderr for words in said), done.stderr
    assert contents(there) == before


def test_the_clash_is_told_before_anything_is_opened(there: Path) -> None:
    """The site is broken and the pings are missing: neither was looked at."""
    done = invoked("replay", "--site", "folder", "--pings", "no.ndjson", "--alerts", "no.ndjson")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "--alerts no.ndjson is the input no.ndjson" in done.stderr


#: (why, --alerts, --rejects)
SOUND = [
    ("beside the site's files", "site/alerts.ndjson", "site/rejects.ndjson"),
    ("over what an earlier run wrote", "old", "older"),
    ("both to nowhere", "/dev/null", "/dev/null"),
    ("through a dangling link", "to-nothing", "r"),
    ("a name as long as may be", "a" * 255, "b" * 255),
]


@pytest.mark.parametrize(("alerts", "rejects"), [row[1:] for row in SOUND], ids=[row[0] for row in SOUND])
def test_an_output_of_its_own_is_written(alerts: str, rejects: str, there: Path) -> None:
    for name in ("old", "older"):
        Path(name).write_text("what stood there")
    inputs = contents(there)
    done = invoked("replay", "--site", "site", "--pings", "pings.ndjson", "--alerts", alerts,
                   "--rejects", rejects)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    if rejects != os.devnull:
        assert Path(alerts).read_bytes() == b""
        assert b"unknown_device" in Path(rejects).read_bytes()
    written = {name for name in (alerts, rejects) if name != os.devnull}
    written |= {str(Path(name).readlink()) for name in written if Path(name).is_symlink()}
    assert contents(there).keys() == inputs.keys() | written
    assert Path("pings.ndjson").read_text() == PING + STRANGER


def test_standard_output_takes_alerts_or_rejects(there: Path) -> None:
    """The summary then goes to standard error, so that each line of the output is one of the file."""
    words = ["replay", "--site", "site", "--pings", "pings.ndjson", "--alerts", "a", "--json"]
    words += ["--rejects", "/dev/stdout"]
    with ForkedCommand(*words, cwd=there, stdout=PIPE, stderr=PIPE) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        lines, complaints = done.stdout.read(), done.stderr.read()
    assert done.returncode == 0
    assert [line[:24] for line in lines.splitlines()] == ['{"file":"pings.ndjson","']
    assert complaints.splitlines()[-1].startswith('{"rows": 2,')
    with Path("printed").open("wb") as printed:  # /dev/stdout is then a file that rename would lose
        told = ForkedCommand(*words, cwd=there, stdout=printed, stderr=subprocess.DEVNULL)
        assert told.wait(240) == 0
    assert Path("printed").read_text() == lines


def test_a_pipe_takes_the_alerts(there: Path) -> None:
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE) as reader:
        done = run_forked("replay", "--site", "site", "--pings", "pings.ndjson", "--alerts", "a",
                          "--rejects", "pipe", cwd=there)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert reader.communicate(timeout=60)[0].count(b"unknown_device") == 1
    assert Path("pipe").is_fifo()


class _Stopped(Exception):  # noqa: N818
    """The work ended in the middle."""


def _half_a_file(folder: Path) -> None:
    with whole_file(folder / "old") as file:
        file.write(b"half")
        raise _Stopped


def _half_a_directory(folder: Path) -> None:
    with whole_directory(folder) as scratch:
        (scratch / "old").write_text("half")
        raise _Stopped


@pytest.mark.parametrize("half", [_half_a_file, _half_a_directory], ids=lambda half: half.__name__)
def test_what_is_half_written_leaves_no_trace(half: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old").write_text("what stood there")
    with pytest.raises(_Stopped):
        half(folder)
    assert contents(tmp_path) == {"out/old": b"what stood there"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_directory_keeps_what_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "out" / "site").mkdir(parents=True)
    for name in ("notes", "site/people.csv"):
        (tmp_path / "out" / name).write_text("old")
    with whole_directory(tmp_path / "out") as scratch:
        (scratch / "site").mkdir()
        (scratch / "site" / "people.csv").write_text("new")
    assert contents(tmp_path) == {"out/notes": b"old", "out/site/people.csv": b"new"}


def test_a_simulation_replaces_no_real_site(there: Path) -> None:
    before = contents(there)
    done = invoked("simulate", "--people", "20", "--hours", "1", "--out", there)
    assert done.exit_code == 2
    assert "has site but no truth.ndjson, so no simulation wrote it" in done.stderr
    assert contents(there) == before
