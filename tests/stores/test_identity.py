"""Stores that mean something only together: what happens where one is missing, older, newer or another's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from disposal_alerts import told
from stores.kept import gone_on, made, put_back, removed

from pipeline.log.journal import ConsumerOffsets, Journal, clock_mark
from pipeline.registry.registry import Registry
from pipeline.upkeep.kinds import mark_reached
from pipeline.upkeep.store import FILES, Store
from pipeline.upkeep.stores import Standing, StoresDisagree, adopt, enter, give_up, look
from sinks.access import TokenStore
from sinks.access_log import AccessLog
from sinks.bearing import BEARING, BearingFile
from sinks.disposal import DisposalQueue
from sinks.page_checksums import make_checked
from sinks.positions import PositionStore
from sinks.rejects import RejectStore
from sinks.sqlite import sqlite3

Spoil = Callable[[Path, Store, Path], None]


def gone(data: Path, store: Store, _: Path) -> None:
    removed(data, store)


def older(data: Path, store: Store, tmp: Path) -> None:
    """The store as it was before the others went on."""
    shutil.copytree(data, tmp / "before")
    gone_on(data, 10)
    put_back(data, store, tmp / "before")


def newer(data: Path, store: Store, tmp: Path) -> None:
    """All others as they were before this one went on."""
    shutil.copytree(data, tmp / "before")
    gone_on(data, 10)
    for other in Store:
        if other is not store:
            put_back(data, other, tmp / "before")
    shutil.rmtree(data / "witness")
    shutil.copytree(tmp / "before" / "witness", data / "witness")


def of_another(data: Path, store: Store, tmp: Path) -> None:
    put_back(data, store, made(tmp / "other"))


def cut(data: Path, store: Store, _: Path) -> None:
    """The last bytes of what it lies in are gone."""
    path = data / store
    if store is Store.LOG:
        path = max(path.glob("*.journal"))
    elif path.is_dir():
        path = path / BEARING
    path.write_bytes(path.read_bytes()[:-30])


# What is done to a store, which finding that gives (of the store that is named), and whether it ends a start.
TABLE: list[tuple[Spoil, Store, Store, str, bool]] = [
    (gone, Store.LOG, Store.LOG, "it was there and is gone", True),
    (gone, Store.STATE, Store.STATE, "the log is judged again from its beginning", False),
    (gone, Store.QUEUE, Store.QUEUE, "it was there and is gone", True),
    (gone, Store.POSITIONS, Store.POSITIONS, "it was there and is gone", False),
    (gone, Store.TRACKS, Store.TRACKS, "it was there and is gone", False),
    (gone, Store.TOKENS, Store.TOKENS, "it was there and is gone", True),
    (gone, Store.ACCESSES, Store.ACCESSES, "it was there and is gone", True),
    (gone, Store.REJECTS, Store.REJECTS, "it was there and is gone; a new one is begun", False),
    (gone, Store.REGISTRY, Store.REGISTRY, "it was there and is gone; put it back, or begin anew", True),
    (older, Store.LOG, Store.LOG, "10 acknowledged records are missing", True),
    (older, Store.QUEUE, Store.QUEUE, "has come to record 10 and the engine to 20", True),
    (older, Store.QUEUE, Store.QUEUE, "things that were written to it are missing", True),
    (older, Store.POSITIONS, Store.POSITIONS, "has come to record 10 and the engine to 20", False),
    (older, Store.TRACKS, Store.TRACKS, "has come to record 10 and the engine to 20", False),
    (older, Store.TOKENS, Store.TOKENS, "things that were written to it are missing", True),
    (older, Store.ACCESSES, Store.ACCESSES, "things that were written to it are missing", True),
    (older, Store.REJECTS, Store.REJECTS, "things that were written to it are missing", False),
    (older, Store.REGISTRY, Store.REGISTRY, "an older one; what it lacks is taken from the log", False),
    (newer, Store.STATE, Store.LOG, "the log ends at record 10, and state has come to 20", True),
    (newer, Store.QUEUE, Store.LOG, "the log ends at record 10, and queue.sqlite has come to 20", True),
    (newer, Store.POSITIONS, Store.LOG, "the log ends at record 10, and positions.sqlite has come to", True),
    (newer, Store.REGISTRY, Store.LOG, "the log ends at record 10, and registry.sqlite has come to", True),
    (newer, Store.TRACKS, Store.LOG, "the log ends at record 10, and tracks has come to 20", True),
    *((of_another, store, store, "it is of another data directory", True) for store in Store),
    (cut, Store.LOG, Store.LOG, "acknowledged records are missing", True),
    (cut, Store.STATE, Store.STATE, "it cannot be read", True),
    (cut, Store.TRACKS, Store.TRACKS, "it cannot be read", True),
    (cut, Store.QUEUE, Store.QUEUE, "it cannot be read", True),
    (cut, Store.POSITIONS, Store.POSITIONS, "it cannot be read", True),
    (cut, Store.TOKENS, Store.TOKENS, "it cannot be read", True),
    (cut, Store.ACCESSES, Store.ACCESSES, "it cannot be read", True),
    (cut, Store.REJECTS, Store.REJECTS, "it cannot be read", True),
    (cut, Store.REGISTRY, Store.REGISTRY, "it cannot be read", True),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that nothing is wrong with, to be copied."""
    return made(tmp_path_factory.mktemp("whole") / "data")


@pytest.mark.parametrize(
    ("spoil", "store", "named", "says", "ends"),
    TABLE,
    ids=[f"{spoil.__name__}-{store}-{number}" for number, (spoil, store, *_) in enumerate(TABLE)],
)
def test_a_store_that_does_not_fit_is_told(
    whole: Path, tmp_path: Path, spoil: Spoil, store: Store, named: Store, says: str, ends: bool
) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    assert enter(data) == [], "nothing is wrong before"
    spoil(data, store, tmp_path)
    found = look(data).findings()
    meant = [finding for finding in found if finding.store is named and says in str(finding)]
    assert meant, found
    assert {finding.ends for finding in meant} == {ends}
    assert all("\n" not in str(finding) for finding in found)
    if ends:
        with pytest.raises(StoresDisagree, match="data/"):
            enter(data)
    else:
        assert meant[0] in enter(data)


def test_an_older_state_and_a_newer_log_are_nothing_to_complain_of(whole: Path, tmp_path: Path) -> None:
    """The log has all that the engine will read again; what it told is taken once."""
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    older(data, Store.STATE, tmp_path)
    assert enter(data) == []


def test_a_directory_from_before_is_adopted_once(whole: Path, tmp_path: Path) -> None:
    """It has no identity anywhere: it gets one, and from then on a store that goes is missed."""
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    shutil.rmtree(data / "witness")
    for store in Store:
        if (data / store).is_dir():
            (data / store / BEARING).unlink()
        else:
            with sqlite3.connect(data / store) as connection:
                connection.execute("DELETE FROM bearing")
            connection.close()
    (data / BEARING).unlink()
    assert enter(data) == []
    identity = adopt(data, Store)
    assert enter(data) == []
    seen = look(data)
    assert {part.bearing.identity for part in seen.stores.values() if part.bearing} == {identity}
    removed(data, Store.QUEUE)
    with pytest.raises(StoresDisagree, match=r"queue\.sqlite: it was there and is gone"):
        enter(data)


OPENED: dict[Store, Callable[[Path], object]] = {
    Store.QUEUE: DisposalQueue.open,
    Store.POSITIONS: PositionStore.open,
    Store.TOKENS: TokenStore.open,
    Store.ACCESSES: AccessLog.open,
    Store.REJECTS: RejectStore.open,
    Store.REGISTRY: Registry.open,
}


@pytest.mark.parametrize("store", FILES)
def test_a_database_that_is_only_just_being_made_is_left_alone(tmp_path: Path, store: Store) -> None:
    """Another program starts at the same moment: its file is there, and its tables are not yet."""
    data = tmp_path / "data"
    make_checked(data / store)
    identity = adopt(data, Store)
    assert enter(data) == []
    opened: Any = OPENED[store](data / store)
    assert adopt(data, Store) == identity
    bearing = look(data).stores[store].bearing
    assert bearing is not None
    assert bearing.identity == identity
    (opened.disconnect if store is Store.QUEUE else opened.close)()
    assert enter(data) == []


def test_what_a_directory_says_of_itself_is_written_anew_from_its_stores(whole: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    before = look(data).root
    (data / BEARING).unlink()
    assert enter(data) == []
    assert adopt(data, Store) == before
    removed(data, Store.TOKENS)
    with pytest.raises(StoresDisagree, match=r"tokens\.sqlite"):
        enter(data)


def test_what_is_given_up_is_said_until_it_is_filled(whole: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    older(data, Store.TRACKS, tmp_path)
    give_up(data, Store.TRACKS, adopt(data, Store), 20)
    assert [str(finding).partition(": ")[2] for finding in enter(data)] == [
        "what records 10 to 19 of the log say is missing; `fencewatch data rebuild` fills it"
    ]


@pytest.mark.parametrize("spoil", [gone, older])
def test_refused_rows_that_are_missing_are_told_once(whole: Path, tmp_path: Path, spoil: Spoil) -> None:
    """Nothing hangs on them and nothing brings them back: all goes on, and so does their store."""
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    spoil(data, Store.REJECTS, tmp_path)
    assert [finding.store for finding in enter(data)] == [Store.REJECTS]
    RejectStore.open(data / Store.REJECTS).close()
    adopt(data, Store)
    assert enter(data) == []
    gone_on(data, 10)
    assert enter(data) == []


@pytest.mark.parametrize("store", list(Store))
def test_a_store_that_goes_while_it_is_in_use_is_missed(whole: Path, tmp_path: Path, store: Store) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    standing = Standing(data)
    assert standing.findings() == []
    shutil.copytree(data, tmp_path / "copy")
    removed(data, store)
    assert [finding.wrong for finding in standing.findings()] == ["it was taken away while it was in use"]
    put_back(data, store, tmp_path / "copy")
    assert [finding.store for finding in standing.findings()] == [store]


def test_a_changed_bit_of_an_identity_is_told(whole: Path, tmp_path: Path) -> None:
    file, content = BearingFile(tmp_path), (whole / Store.STATE / BEARING).read_bytes()
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        (tmp_path / BEARING).write_bytes(changed)
        with pytest.raises(Exception, match=r"identity\.json"):
            file.read()


def test_what_goes_on_meanwhile_is_nothing_wrong(whole: Path, tmp_path: Path) -> None:
    """The log grows and the stores tell how far they have come while somebody looks."""
    data, ended = tmp_path / "data", Event()
    shutil.copytree(whole, data)

    def go_on() -> None:
        with Journal(data / Store.LOG) as journal, DisposalQueue.open(data / Store.QUEUE) as queue:
            while not ended.is_set():
                offset = journal.append([clock_mark(3_000)])
                told(queue, offset, n=offset)
                queue.reached(offset)
                ConsumerOffsets(data / Store.LOG).put("engine", offset)

    for directory in (Store.TRACKS, Store.STATE):
        mark_reached(data, directory, 1_000_000)  # how far these have come is not what is looked at here
    work = Thread(target=go_on)
    work.start()
    found = [finding for _ in range(60) for finding in look(data, is_quick=True).findings()]
    ended.set()
    work.join()
    about = [finding for finding in found if finding.store is Store.QUEUE or "queue" in finding.wrong]
    assert about == []
