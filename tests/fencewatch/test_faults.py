"""Stores that cannot be used, a taken port: one line that names what it is, and an exit code."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from forked import run_forked
from live_county import make_home
from replay.command_line import invoked

from fencewatch.faults import exit_codes
from fencewatch.listening import CannotListen, listening
from sinks.sqlite import sqlite3


def _damaged(path: Path) -> None:
    path.write_bytes(b"no database at all " * 100)


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    for table in ("alert", "position", "token", "access"):
        connection.execute(f"CREATE TABLE {table} (x)")
    connection.close()


#: What lies there, and the exit code: 2 where it is no store, 1 where it is one that this program cannot use.
@pytest.mark.parametrize(("spoil", "code"), [(_damaged, 2), (_foreign, 1), (Path.mkdir, 2)])
@pytest.mark.parametrize(
    ("store", "command"),
    [
        ("queue", "run"),
        ("positions", "run"),
        ("queue", "serve"),
        ("positions", "serve"),
        ("accesses", "serve"),
        ("tokens", "token"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    command: str,
    spoil: Callable[[Path], None],
    code: int,
) -> None:
    monkeypatch.chdir(make_home(tmp_path))
    Path("data").mkdir(mode=0o700)
    spoiled = Path("data", f"{store}.sqlite")
    spoil(spoiled)
    spoiled.chmod(0o700 if spoiled.is_dir() else 0o600)  # else a second line tells that others could read it
    token = ("token", "create", "--role", "operator", "--data", "data")
    words = token if command == "token" else (command, "--config", "fencewatch.toml")
    done = run_forked(*words, cwd=tmp_path) if command == "run" else invoked(*words)
    ended = done.returncode if command == "run" else done.exit_code  # type: ignore[union-attr]
    *warnings, said = done.stderr.splitlines()
    assert (ended, done.stdout) == (code, "")
    assert f"{store}.sqlite" in said
    assert len(said) < 250
    assert len(warnings) == (spoil is _foreign and command != "token"), "that it has no checksums"


def test_what_the_runtime_wraps_is_told_by_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    error = RuntimeError("error calling a step")
    error.__cause__ = sqlite3.OperationalError("disk I/O error\nand more")
    with pytest.raises(SystemExit) as ended, exit_codes():
        raise error
    assert (ended.value.code, capsys.readouterr().err) == (1, "disk I/O error\n")


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(KeyError), exit_codes():
        raise KeyError("x")


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    make_home(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "fencewatch.toml"
        lines = [line for line in config.read_text().splitlines() if not line.startswith("port")]
        config.write_text("\n".join([*lines, f"port = {port}"]))
        done = run_forked("serve", "--config", config, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"127.0.0.1:{port}: cannot be listened on: ")
    assert os.strerror(errno.EADDRINUSE) in done.stderr


def test_a_socket_listens_as_soon_as_it_is_there() -> None:
    (door,) = listening("127.0.0.1", 0)
    with door, socket.create_connection(door.getsockname(), timeout=5):
        pass


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 1), ("203.0.113.7", 1), ("127.0.0.1", 70_000)]
)
def test_what_is_no_address_of_ours_is_named(host: str, port: int) -> None:
    with pytest.raises(CannotListen, match=f"^{host}:{port}: cannot be listened on"):
        listening(host, port)
