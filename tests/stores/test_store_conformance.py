"""What every store of a data directory promises, whatever keeps it (``pipeline/upkeep/store.py``)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from stores.kept import gone_on, made, removed

from pipeline.checkpoint import Checkpoint
from pipeline.log.journal.segment import segment_firsts, segment_path
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.upkeep.backup import back_up
from pipeline.upkeep.kinds import KIND_OF, mark_reached, seen_store, stamp
from pipeline.upkeep.store import FOLLOWING, Store
from pipeline.upkeep.stores import look
from pipeline.upkeep.verify import verify
from sinks.tracks import TrackArchive, TrackColumn

#: Where the engine of ``made`` has come to.
END = 10


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all stores, and something in each that has checksums."""
    data = made(tmp_path_factory.mktemp("whole") / "data")
    CheckpointStore(data / Store.STATE / "checkpoints").put("intake", Checkpoint(b"a state", {}))
    texts: dict[str, TrackColumn] = {
        name: ["x"] for name in ("person_id", "device_id", "office_id", "kind", "source")
    }
    numbers: dict[str, TrackColumn] = {"lon": [106.5], "lat": [29.5], "accuracy_m": [5.0]}
    times: dict[str, TrackColumn] = {"event_ms": [1_752_454_800_000], "arrival_ms": [1_752_454_800_000]}
    TrackArchive(data / Store.TRACKS, ZoneInfo("Asia/Shanghai")).append(texts | numbers | times, "upto-10")
    return data


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data"


def wrong(data: Path, store: Store) -> list[str]:
    """What is found to be wrong with a store, by itself or beside the others."""
    return [str(finding) for finding in look(data).findings() if finding.store is store]


def test_every_store_is_of_a_kind() -> None:
    assert set(KIND_OF) == set(Store)


@pytest.mark.parametrize("store", Store)
def test_one_that_is_not_there_is_no_fault_of_a_new_directory(store: Store, tmp_path: Path) -> None:
    seen = seen_store(tmp_path, store, is_quick=False)
    assert (seen.exists, seen.bearing, seen.damage, seen.inode) == (False, None, None, 0)
    assert wrong(tmp_path, store) == []


@pytest.mark.parametrize("store", Store)
@pytest.mark.parametrize("is_quick", [False, True])
def test_one_that_is_sound_says_whose_it_is_and_how_far_it_has_come(
    store: Store, is_quick: bool, data: Path
) -> None:
    seen = seen_store(data, store, is_quick)
    assert (seen.exists, seen.damage, seen.is_busy, seen.is_checked) == (True, None, False, True)
    assert seen.bearing is not None
    assert seen.bearing.identity == look(data).root
    if store in FOLLOWING or store is Store.LOG:
        assert seen.position == END
    assert seen.inode == (data / store).stat().st_ino
    assert wrong(data, store) == []


@pytest.mark.parametrize("store", Store)
def test_what_it_bears_is_there_again_for_whoever_looks_next(store: Store, data: Path) -> None:
    bearing = seen_store(data, store, is_quick=True).bearing
    assert bearing is not None
    gaps = ((2, 4), (6, 7))
    stamp(data, store, replace(bearing, gaps=gaps))
    found = seen_store(data, store, is_quick=True).bearing
    assert found == replace(bearing, gaps=gaps)
    assert any("what records 2 to 3 of the log say is missing" in line for line in wrong(data, store)) == (
        store is not Store.LOG  # which is itself what they are missing of
    )


@pytest.mark.parametrize("store", Store)
def test_of_another_directory_it_is_found_out(store: Store, data: Path) -> None:
    bearing = seen_store(data, store, is_quick=True).bearing
    assert bearing is not None
    stamp(data, store, replace(bearing, identity="f" * 32))
    assert any("it is of another data directory (ffffffff" in line for line in wrong(data, store))


@pytest.mark.parametrize("store", FOLLOWING)
def test_its_place_goes_on_and_never_back(store: Store, data: Path) -> None:
    for position, expected in ((END + 5, END + 5), (END + 2, END + 5), (END + 6, END + 6)):
        mark_reached(data, store, position)
        assert seen_store(data, store, is_quick=True).position == expected


@pytest.mark.parametrize("store", Store)
def test_gone_it_is_missed(store: Store, data: Path) -> None:
    removed(data, store)
    assert not seen_store(data, store, is_quick=False).exists
    assert any("it was there and is gone" in line for line in wrong(data, store))


@pytest.mark.parametrize("store", Store)
def test_it_is_looked_through_to_the_end(store: Store, data: Path) -> None:
    (found,) = [each for each in verify(data) if each.store is store]
    assert (found.state, found.findings) == ("sound", ())
    assert found.holds


def contents(data: Path, store: Store) -> Path:
    """A file in which a store keeps what it is for."""
    path = data / store
    if store is Store.LOG:
        return segment_path(path, segment_firsts(path)[0])
    if store is Store.STATE:
        return next((path / "checkpoints").glob("*.state"))
    if store is Store.TRACKS:
        return next(path.glob("*/*/*.parquet"))
    return path


@pytest.mark.parametrize("store", Store)
def test_one_changed_bit_is_found(store: Store, data: Path) -> None:
    path = contents(data, store)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (found,) = [each for each in verify(data) if each.store is store]
    assert found.state == "unsound"
    assert found.findings


@pytest.mark.parametrize("store", Store)
def test_it_is_seen_as_it_is_while_others_go_on(store: Store, data: Path) -> None:
    gone_on(data, 5)
    seen = seen_store(data, store, is_quick=False)
    assert seen.damage is None
    if store in FOLLOWING or store is Store.LOG:
        assert seen.position == END + 5


@pytest.fixture(scope="module")
def copied(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("copied") / "data"
    back_up(whole, target)
    return target


@pytest.mark.parametrize("store", Store)
def test_a_copy_is_the_same_store(store: Store, whole: Path, copied: Path) -> None:
    seen, copy = seen_store(whole, store, is_quick=False), seen_store(copied, store, is_quick=False)
    assert (copy.bearing, copy.position, copy.writes, copy.damage) == (
        seen.bearing, seen.position, seen.writes, None,
    )  # fmt: skip
    assert contents(copied, store).exists()
    assert wrong(copied, store) == []
