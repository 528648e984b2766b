"""The terminal acts with a token like everybody; without one, as the operator of the machine by name."""

from __future__ import annotations

import json
import os
import pwd
import socket
from pathlib import Path
from typing import Any

import pytest
from disposal_alerts import NOW_MS, OFFICES, alert, told
from replay.command_line import invoked, run_fencewatch
from typer.testing import CliRunner

from fencewatch.commands import app
from fencewatch.opened_tokens import opened_tokens
from fencewatch.terminal_user import login_file
from pipeline.host.clock import SimulatedClock
from sinks.disposal import DisposalQueue

KEYS = [alert(n).alert_key for n in range(3)]
OPERATOR = f"operator:{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queue with an alert each of O1 and O2 (C1) and of O3 (C2); nobody is logged in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("FENCEWATCH_TOKEN", raising=False)
    monkeypatch.setenv("USER", "li")  # which anybody may set
    monkeypatch.setenv("LOGNAME", "li")
    data = tmp_path / "data"
    data.mkdir()
    SimulatedClock.make(data / "clock", NOW_MS, 1.0)
    with DisposalQueue.open(data / "queue.sqlite") as queue:
        queue.set_offices(OFFICES)
        for n in range(3):
            told(queue, 1, n, office_id=f"O{n + 1}")
    return data


def token(data: Path, role: str, office: str | None = None, name: str | None = None, **more: Any) -> str:
    with opened_tokens(data) as tokens:
        return tokens.create(role, office_id=office, name=name, now_ms=1, **more)


def log_in(data: Path, text: str) -> None:
    """By a pipe, as `cat token | fencewatch login`."""
    result = CliRunner().invoke(app, ["login", "--data", str(data)], input=f"{text}\n")
    assert result.exit_code == 0, result.stderr


def said(*words: str | Path, code: int = 0) -> str:
    """What a command prints, on whichever stream its end is told."""
    result = invoked(*words)
    assert result.exit_code == code, result.stderr
    return result.stdout if code == 0 else " ".join(result.stderr.split())


def shown(data: Path, *words: str) -> Any:
    return json.loads(said("queue", *words, "--data", data, "--json"))


def test_from_login_to_logout(data: Path) -> None:
    text = token(data, "officer", "O1", "李敏")
    assert said("whoami", "--data", data).startswith(f"{OPERATOR}: no token")
    log_in(data, text)
    assert said("whoami", "--data", data) == "李敏: officer of O1\n"
    assert json.loads(said("whoami", "--data", data, "--json")) == {
        "name": "李敏",
        "role": "officer",
        "office": "O1",
    }
    claimed = shown(data, "claim", KEYS[0])
    assert (claimed["holder"], claimed["holder_office"]) == ("李敏", "O1")
    assert said("logout", "--data", data) == "the token is forgotten here\n"
    assert said("logout", "--data", data) == "no token was kept\n"
    assert json.loads(said("whoami", "--data", data, "--json"))["name"] == OPERATOR


def test_only_its_user_reads_what_is_kept(data: Path, tmp_path: Path) -> None:
    log_in(data, token(data, "officer", "O1", "li"))
    path = login_file()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [other.name for other in path.parent.iterdir()] == [path.name], "no copy lies about"
    path.chmod(0o640)
    assert "others may read it; expected mode 600" in said("queue", "list", "--data", data, code=2)


def test_a_login_is_for_one_data_directory(data: Path, tmp_path: Path) -> None:
    """Whatever it is called; another directory knows nothing of it."""
    log_in(data, token(data, "officer", "O1", "li"))
    (tmp_path / "link").symlink_to(data)
    assert said("whoami", "--data", tmp_path / "link").startswith("li: ")
    assert said("whoami", "--data", tmp_path).startswith(OPERATOR)


def test_the_environment_counts_first(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(data, token(data, "officer", "O1", "li"))
    monkeypatch.setenv("FENCEWATCH_TOKEN", token(data, "officer", "O2", "wu"))
    assert said("whoami", "--data", data) == "wu: officer of O2\n"


@pytest.mark.parametrize(
    ("words", "given", "line"),
    [
        ("", "nothing-like-a-token\n", "the token does not count in"),
        ("", "", "no token was given"),
        ("--token-file nowhere", "", "--token-file nowhere: cannot be read: No such file"),
    ],
)
def test_a_login_that_is_refused(data: Path, words: str, given: str, line: str) -> None:
    token(data, "officer", "O1")
    result = CliRunner().invoke(app, ["login", "--data", str(data), *words.split()], input=given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert line in result.stderr
    assert not login_file().exists()


def test_a_token_by_a_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "li.token").write_text(token(data, "officer", "O1", "li") + "\n")
    told = json.loads(said("login", "--token-file", tmp_path / "li.token", "--data", data, "--json"))
    assert (told["name"], told["kept"]) == ("li", str(login_file()))


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_token_that_counts_no_longer_makes_nobody_the_operator(
    data: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Falling back to the operator would hand more rights to whoever had fewer."""
    if how == "revoked":
        log_in(data, token(data, "officer", "O1", "li"))
        with opened_tokens(data) as tokens:
            tokens.revoke("li", now_ms=2)
    else:
        monkeypatch.setenv("FENCEWATCH_TOKEN", token(data, "officer", "O1", "li", expires_ms=2))
    for words in (("queue", "list"), ("queue", "claim", KEYS[0]), ("whoami",)):
        assert "does not count (any more)" in said(*words, "--data", data, code=2)


@pytest.mark.parametrize(
    ("role", "office", "sees", "acts"),
    [
        ("officer", "O1", [0], True),
        ("county", "C1", [0, 1], True),
        ("county", "P", [0, 1, 2], True),
        ("prosecutor", "C1", [0, 1], False),
        ("operator", None, None, False),
        (None, None, [0, 1, 2], True),
    ],
)
def test_who_sees_and_does_what(
    data: Path, role: str | None, office: str | None, sees: list[int] | None, acts: bool
) -> None:
    """As over HTTP; the machine's operator, who has the files, sees all and acts in a name of their own."""
    if role is not None:
        log_in(data, token(data, role, office, "somebody"))
    if sees is None:
        assert "may not see alerts" in said("queue", "list", "--data", data, code=2)
        return
    assert [KEYS.index(item["alert_key"]) for item in shown(data, "list")["items"]] == sees
    for n in range(3):
        words = ("queue", "show", KEYS[n], "--data", data)
        assert KEYS[n] in said(*words, code=0 if n in sees else 2)
    if acts:
        assert shown(data, "claim", KEYS[0])["holder"] == ("somebody" if role else OPERATOR)
    else:
        for step in (("claim", KEYS[0]), ("settle", KEYS[0], "--reason", "other")):
            assert "may not work on alerts" in said("queue", *step, "--data", data, code=2)


def test_another_office_is_as_good_as_not_there(data: Path) -> None:
    log_in(data, token(data, "county", "C1", "li"))
    assert [item["office_id"] for item in shown(data, "list", "--office", "O2")["items"]] == ["O2"]
    for wrong in ("O3", "P", "O9"):
        line = said("queue", "list", "--office", wrong, "--data", data, code=2)
        assert line == f"--office '{wrong}' is unknown; expected one of C1, O1, O2"
    watched = said("queue", "watch", "--after", "0", "--for", "0", "--data", data)
    assert len(watched.splitlines()) == 2
    assert sum(shown(data, "stats")["by_state"].values()) == 2


def test_nobody_can_be_called_like_the_operator(data: Path) -> None:
    for name in (OPERATOR, "Operator:root@x"):
        words = ("token", "create", "--role", "officer", "--office", "O1", "--name", name, "--data", data)
        assert "does not begin with 'operator:'" in said(*words, code=2)


def test_a_prosecutor_at_the_terminal_reads_codes_and_no_words(data: Path) -> None:
    """The data directory does not say who is watched: every word may be a name."""
    log_in(data, token(data, "officer", "O1", "li"))
    shown(data, "claim", KEYS[0])
    shown(data, "verify", KEYS[0], "true", "--reason", "Zhang San was there")
    shown(data, "correct", KEYS[0], "false", "--reason", "gps_drift", "--because", "Zhang San was not")
    shown(data, "dispose", KEYS[0], "false_alarm", "--note", "told Zhang San")
    log_in(data, token(data, "prosecutor", "C1", "chen"))
    item = shown(data, "show", KEYS[0])
    assert (item["reason"], item["note"], item["outcome"]) == ("gps_drift", "[withheld]", "false_alarm")
    for words in (("list",), ("show", KEYS[0]), ("watch", "--after", "0", "--for", "0")):
        for more in ((), ("--json",)):
            assert "Zhang" not in said("queue", *words, *more, "--data", data)


def test_no_step_takes_a_name(data: Path) -> None:
    for step in ("claim", "renew", "release", "verify", "correct", "dispose", "close", "settle"):
        result = invoked("queue", step, "--help")
        assert "--actor" not in result.stdout


def test_the_whole_way_in_processes_of_their_own(data: Path, tmp_path: Path) -> None:
    (tmp_path / "li.token").write_text(token(data, "officer", "O1", "li"))
    assert run_fencewatch("login", "--token-file", "li.token", "--data", data, cwd=tmp_path).returncode == 0
    run = run_fencewatch("whoami", "--data", data, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (0, "li: officer of O1\n")
