"""A store that is locked, gone or damaged: 503 with a time to ask again, and an engine that waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Timer

import pytest
from console_world import NOW_MS, World, apply, console_world, ping, violation
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from console.app import create_app
from fencewatch.patience import Patience
from sinks.disposal import AlertChange, DisposalQueue
from sinks.errors import SinkFailed
from sinks.operations_log import OPERATIONS, OperationsLog
from sinks.sqlite import sqlite3


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("sinks.disposal.store._BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr("sinks.sqlite_file._BUSY_S", 0.05)
    with console_world(tmp_path) as world:
        yield world


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program writes and does not come to an end."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_locked_stores_are_told_as_such(world: World, tmp_path: Path) -> None:
    (key,) = apply(world, violation(1))
    data = tmp_path / "data"
    track = "/v1/people/P1/track?from=2025-07-14T00:00:00Z&to=2025-07-14T01:00:00Z&purpose=check"
    with TestClient(create_app(world.parts), raise_server_exceptions=False) as client:
        client.headers.update(world.bearer("officer"))
        asked: list[tuple[str, str, str]] = [
            ("queue.sqlite", "POST", f"/v1/alerts/{key}/claim"),
            ("accesses.sqlite", "GET", track),
        ]
        for name, method, path in asked:
            with locked(data / name):
                said = client.request(method, path)
                assert (said.status_code, bool(said.headers.get("Retry-After"))) == (503, True), (
                    path,
                    said.text,
                )
            assert client.request(method, path).status_code == 200, "and it goes on afterwards"


def test_stores_that_are_damaged_are_told_as_such(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the store raises, whichever route asked, and also where the token is looked up."""
    faults: list[Exception] = [
        sqlite3.OperationalError("unable to open database file"),
        sqlite3.DatabaseError("database disk image is malformed"),
        OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error")),
        SinkFailed("queue.sqlite: cannot be used"),
        OSError(5, "Input/output error"),
    ]
    (key,) = apply(world, violation(1))
    places: list[tuple[object, str, str, str]] = [
        (world.parts.queue, "alerts", "GET", "/v1/alerts"),
        (world.parts.queue, "verify", "POST", f"/v1/alerts/{key}/verify"),
        (world.parts.positions, "latest", "GET", "/v1/positions"),
        (world.parts.tokens, "lookup", "GET", "/v1/alerts"),
        (world.parts.tokens, "lookup", "POST", f"/v1/alerts/{key}/verify"),
        (world.parts.tokens, "lookup", "POST", "/v1/pings"),
        (world.parts.rejects, "rows", "GET", "/v1/rejects"),
    ]
    body = {"verdict": "true"}
    with TestClient(create_app(world.parts), raise_server_exceptions=False) as client:
        client.headers.update(world.bearer("officer"))
        for store, name, method, path in places:
            for fault in faults:

                def broken(*_: object, fault: Exception = fault, **__: object) -> None:
                    raise fault

                with monkeypatch.context() as now:
                    now.setattr(type(store), name, broken)
                    # What needs no store is told none the less: here nobody's token is known without it.
                    now.setattr(type(world.parts.tokens), "remembered", lambda *_, **__: None)
                    said = client.request(method, path, json=body if method == "POST" else None)
                assert (said.status_code, bool(said.headers.get("Retry-After"))) == (503, True), (path, fault)
                assert "malformed" not in said.text, "nobody outside is told what is on the disk"


def test_rows_that_cannot_be_made_durable_wait_for_another_time(world: World) -> None:
    with TestClient(create_app(world.parts)) as client:
        world.journal.close()
        said = client.post("/v1/pings", json=[ping()], headers=world.bearer("operator"))
        assert (said.status_code, said.headers["Retry-After"]) == (503, "1")


@pytest.fixture
def log(tmp_path: Path) -> OperationsLog:
    return OperationsLog(tmp_path / OPERATIONS)


def kinds(log: OperationsLog) -> list[str]:
    return [event.kind for event in reversed(log.read().items)]


def test_the_engine_waits_for_a_locked_queue_and_says_so(
    tmp_path: Path, log: OperationsLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sinks.disposal.store._BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr("fencewatch.patience._AGAIN_S", 0.05)
    path = tmp_path / "queue.sqlite"
    with DisposalQueue.open(path) as queue:
        patience = Patience(log, lambda: NOW_MS, Event())
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = Timer(0.5, other.execute, ["ROLLBACK"])
        timer.start()
        patience.done(path, lambda: queue.apply([AlertChange(violation(1), 1)]))
        timer.join()
        other.close()
        assert len(queue.alerts(now_ms=NOW_MS).items) == 1
    assert kinds(log) == ["store_locked", "store_unlocked"]
    said = capsys.readouterr().err
    assert said.count("queue.sqlite: is locked by another program; waiting for it") == 1
    assert said.count("queue.sqlite: can be written again") == 1


@pytest.mark.parametrize("fault", ["database disk image is malformed", "database or disk is full"])
def test_other_faults_are_not_waited_for(tmp_path: Path, log: OperationsLog, fault: str) -> None:
    def broken() -> None:
        raise SinkFailed(f"queue.sqlite: {fault}")

    with pytest.raises(SinkFailed, match=fault):
        Patience(log, lambda: NOW_MS, Event()).done(tmp_path / "queue.sqlite", broken)
    assert kinds(log) == []


def test_whoever_ends_the_engine_waits_no_longer(tmp_path: Path, log: OperationsLog) -> None:
    stop = Event()
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        stop.set()
        raise SinkFailed("queue.sqlite: cannot be used: database is locked")

    with pytest.raises(SinkFailed):
        Patience(log, lambda: NOW_MS, stop).done(tmp_path / "queue.sqlite", work)
    assert tries == [1]
