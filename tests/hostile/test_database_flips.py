"""Single bits changed all over the databases: a start says so, or what is read is what was written."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from disposal_alerts import told
from stores.kept import made

from pipeline.log.journal import ConsumerOffsets, Journal, clock_mark
from pipeline.registry.registry import Registry
from pipeline.upkeep.databases import opened_to_read
from pipeline.upkeep.kinds import mark_reached
from pipeline.upkeep.store import FILES, Store
from pipeline.upkeep.stores import look
from pipeline.upkeep.verify import verify
from sinks.access import TokenStore
from sinks.access_log import Access, AccessLog
from sinks.disposal import DisposalQueue
from sinks.errors import SinkFailed
from sinks.positions import Contact, Position, PositionStore
from sinks.rejects import RejectedRow, RejectStore
from sinks.sqlite import sqlite3

SHORT, LONG = 40, 2_000


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Databases as a kill leaves them: what was written last stands in the write-ahead logs alone."""
    data = made(tmp_path_factory.mktemp("killed") / "data")
    tokens, positions = TokenStore.open(data / Store.TOKENS), PositionStore.open(data / Store.POSITIONS)
    accesses, queue = AccessLog.open(data / Store.ACCESSES), DisposalQueue.open(data / Store.QUEUE)
    rejects, registry = RejectStore.open(data / Store.REJECTS), Registry.open(data / Store.REGISTRY)
    for n in range(1, 9):
        rejects.put([RejectedRow(1_000 + n, "http", n, "bad_time", f"D{n}", "li", "a row")])
        told(queue, 10, n=n)
        tokens.create("device", device_id=f"D{n}", now_ms=1_000)
        accesses.record(Access(1_000 + n, "li", "officer", "O1", f"P{n}", 0, 1_000, "a look"))
        contact = Contact(f"D{n}", f"P{n}", "O1", 1_000, 1_500, battery_pct=50.0, battery_ms=1_000)
        position = Position(f"D{n}", f"P{n}", "O1", 1_000, 1_500, 106.5 + n, 29.5, 10.0, "gnss")
        positions.put([position, replace(position, device_id=f"E{n}")], [contact])
    with Journal(data / Store.LOG) as log:
        log.append([clock_mark(3_000)])
        end = log.end_offset
    positions.reached(end)
    queue.reached(end)
    registry.reached(end)
    for directory in (Store.TRACKS, Store.STATE):
        mark_reached(data, directory, end)
    ConsumerOffsets(data / Store.LOG).put("engine", end)
    target = tmp_path_factory.mktemp("copy") / "data"
    shutil.copytree(data, target)
    for store in (tokens, positions, accesses, rejects, registry):
        store.close()
    queue.disconnect()
    return target


def content(path: Path) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Every row of every table."""
    with closing(opened_to_read(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(name, sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)) for name in names]


def flips(path: Path, count: int, seed: int) -> Iterator[tuple[Path, int]]:
    """Bits of a database and of its write-ahead log by turns; every fifth one of the header."""
    chance, files = random.Random(seed), [path, path.with_name(f"{path.name}-wal")]
    assert all(file.stat().st_size for file in files)
    for number in range(count):
        file = files[number % 2]
        yield file, chance.randrange(8 * (100 if number % 5 == 0 else file.stat().st_size))


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
@pytest.mark.parametrize("store", FILES)
def test_a_changed_database(killed: Path, tmp_path: Path, store: Store, count: int) -> None:
    data = tmp_path / "data"
    shutil.copytree(killed, data)
    kept = {file: file.read_bytes() for file in (data / store, data / f"{store}-wal")}
    expected, noticed = content(data / store), 0
    assert [finding for finding in look(data).findings() if finding.store is store] == []
    for file, bit in flips(data / store, count, 5):
        changed = bytearray(kept[file])
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        (data / f"{store}-shm").unlink(missing_ok=True)
        if any(finding.store is store for finding in look(data).findings()):
            noticed += 1
        else:
            assert content(data / store) == expected, f"bit {bit} of {file.name} was not noticed"
        for path, before in kept.items():
            path.write_bytes(before)
    assert noticed > count // 3


@pytest.mark.parametrize("store", FILES)
def test_a_changed_value_is_found_by_data_verify_and_never_served(
    killed: Path, tmp_path: Path, store: Store
) -> None:
    """A letter of a text, of which SQLite's own checks know nothing: the damage that matters most."""
    data = tmp_path / "data"
    shutil.copytree(killed, data)
    with closing(sqlite3.connect(data / store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    said = {Store.QUEUE: b"school", Store.ACCESSES: b"a look", Store.REGISTRY: b"a site of nobody"}
    text = said.get(store, b"D7")
    whole = (data / store).read_bytes()
    assert text in whole
    (data / store).write_bytes(whole.replace(text, bytes([text[0] ^ 1]) + text[1:]))
    found = {part.store: part for part in verify(data)}[store]
    assert found.state == "unsound"
    wrong = [finding.wrong for finding in found.findings]
    assert any("its checksum does not hold" in one for one in wrong), wrong
    with pytest.raises((SinkFailed, sqlite3.Error)):
        content(data / store)
