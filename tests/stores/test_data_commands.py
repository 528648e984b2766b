"""`fencewatch data`: damage is found, set aside, told of, and what is left goes on."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from disposal_alerts import told
from replay.command_line import invoked
from stores.kept import gone_on, made, put_back, removed

from pipeline.host.disk import acquire_lock
from pipeline.log.journal import (
    ConsumerOffsets,
    Entry,
    Journal,
    JournalDamagedError,
    JournalReader,
    clock_mark,
)
from pipeline.log.record import PINGS
from pipeline.upkeep.rebuild import rebuild
from pipeline.upkeep.repair import CannotRepair, repair
from pipeline.upkeep.store import FILES, Store
from pipeline.upkeep.stores import enter, look
from pipeline.upkeep.verify import verify
from sinks.access import TokenStore
from sinks.bearing import BEARING
from sinks.disposal import DisposalQueue
from sinks.operations_log import OperationsLog
from sinks.sqlite import sqlite3
from sinks.tracks import TrackArchive, TrackColumn

#: 2025-07-14T09:00+08:00
NINE_MS = 1_752_454_800_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole") / "data")


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data"


def states(data: Path) -> dict[Store, str]:
    return {found.store: found.state for found in verify(data)}


def repaired(data: Path) -> str:
    return "\n".join(repair(data, 5_000))


def numbers(data: Path, offset: int = 0) -> list[int]:
    return [record.number for record in JournalReader(data / Store.LOG, offset).poll()]


def flip(path: Path, byte: int) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 4
    path.write_bytes(content)


def add_tracks(data: Path) -> list[Path]:
    archive = TrackArchive(data / Store.TRACKS, ZoneInfo("Asia/Shanghai"))
    texts: dict[str, TrackColumn] = {
        name: ["x"] for name in ("person_id", "device_id", "office_id", "kind", "source")
    }
    for hour in range(2):
        at_ms = [NINE_MS + hour * 3_600_000]
        places: dict[str, TrackColumn] = {"lon": [106.5], "lat": [29.5], "accuracy_m": [5.0]}
        archive.append(texts | places | {"event_ms": at_ms, "arrival_ms": at_ms}, f"upto-{hour}")
    return sorted((data / Store.TRACKS).rglob("*.parquet"))


def test_what_is_sound_is_left_alone(data: Path) -> None:
    assert set(states(data).values()) == {"sound"}
    assert repaired(data) == ""
    assert not (data / "damaged").exists()


@pytest.mark.parametrize("record", [1, 4, 8])
def test_a_damaged_record_is_cut_out_of_the_log(data: Path, record: int) -> None:
    """The records around it stay, readers go over the hole, and what was damaged is kept."""
    segment = next((data / Store.LOG).glob("*.journal"))
    frame = (segment.stat().st_size - 100) // 10
    flip(segment, 100 + record * frame)
    assert states(data)[Store.LOG] == "unsound"
    with pytest.raises(JournalDamagedError, match="`fencewatch data repair` sets it aside"):
        [numbers(data, offset) for offset in range(record + 1)]
    done = repaired(data)
    lost = [number for number in range(10) if number not in numbers(data)]
    assert lost
    assert len(lost) <= 2
    assert f"records {lost[0]} to {lost[-1]} are lost" in done
    assert states(data)[Store.LOG] == "sound"
    assert numbers(data, lost[0]) == list(range(lost[-1] + 1, 10))
    assert len(list((data / "damaged").iterdir())) == 1
    with Journal(data / Store.LOG) as journal:
        assert journal.append([Entry(PINGS, b"more")]) == 11
    assert numbers(data)[-1] == 10


def test_a_damaged_segment_is_set_aside_while_rows_come_in(data: Path) -> None:
    segment = next((data / Store.LOG).glob("*.journal"))
    flip(segment, segment.stat().st_size // 2)
    with Journal(data / Store.LOG) as journal:
        assert journal.damage is not None
        journal.append([Entry(PINGS, b"meanwhile")])
        assert "are lost" in repaired(data)
        journal.append([clock_mark(9_000)])
        assert numbers(data)[-2:] == [10, 11]
    assert states(data)[Store.LOG] == "sound"


def test_a_segment_without_a_head_is_set_aside(data: Path) -> None:
    segment = next((data / Store.LOG).glob("*.journal"))
    flip(segment, 3)
    with Journal(data / Store.LOG) as journal:
        journal.append([Entry(PINGS, b"meanwhile")])
    assert "records 0 to 9 are lost" in repaired(data)
    assert numbers(data) == [10]
    assert states(data)[Store.LOG] == "sound"


def test_acknowledged_records_that_are_gone_are_given_up_only_by_repair(data: Path) -> None:
    segment = next((data / Store.LOG).glob("*.journal"))
    segment.write_bytes(segment.read_bytes()[:-100])
    assert any(finding.ends for finding in look(data).findings())
    assert "are lost; the log goes on behind them" in repaired(data)
    assert enter(data) == []
    with Journal(data / Store.LOG) as journal:
        assert journal.append([Entry(PINGS, b"after")]) == 11


def test_a_log_that_is_gone_begins_anew_behind_what_was_judged(data: Path) -> None:
    """Readers of any place find their way; no number is given twice, and the clock goes on."""
    removed(data, Store.LOG)
    assert "a new log begins at record 10" in repaired(data)
    assert enter(data) == []
    with Journal(data / Store.LOG) as journal:
        assert journal.clock_ms == 5_000
        journal.append([clock_mark(6_000)])
    for offset in (10, 9):
        assert numbers(data, offset) == [10] if offset == 10 else True


# A store that is spoiled, how, and what the repair says of it; whether a start goes well then without more.
@pytest.mark.parametrize(
    ("store", "spoil", "says", "goes_on"),
    [
        (Store.TOKENS, "damaged", "a new one is begun at the next start", True),
        (Store.TOKENS, "gone", "a new one is begun at the next start", True),
        (Store.TOKENS, "older", "goes on without the last", True),
        (Store.ACCESSES, "another's", "a new one is begun at the next start", True),
        (Store.REJECTS, "another's", "a new one is begun at the next start", True),
        (Store.REGISTRY, "another's", "begun at the next start from the configured site", True),
        (Store.QUEUE, "damaged", "`fencewatch data rebuild`", False),
        (Store.STATE, "another's", "judged again from its beginning at the next start", True),
        (Store.POSITIONS, "damaged", "set aside", True),
        (Store.TRACKS, "another's", "set aside", True),
    ],
)
def test_a_store_is_set_aside(
    data: Path, tmp_path: Path, store: Store, spoil: str, says: str, goes_on: bool
) -> None:
    if spoil == "damaged":
        (data / store).write_bytes(b"no database at all " * 100)
    elif spoil == "gone":
        removed(data, store)
    elif spoil == "another's":
        put_back(data, store, made(tmp_path / "other"))
    else:
        shutil.copytree(data, tmp_path / "before")
        gone_on(data, 10)
        put_back(data, store, tmp_path / "before")
    assert any(finding.ends for finding in look(data).findings())
    assert says in repaired(data)
    assert any(finding.ends for finding in look(data).findings()) != goes_on
    if spoil in ("damaged", "another's"):
        assert any(path.name.endswith(store) for path in (data / "damaged").iterdir())


def test_one_damaged_file_of_tracks_is_set_aside_and_the_others_stay(data: Path) -> None:
    first, second = add_tracks(data)
    flip(first, first.stat().st_size // 3)
    assert states(data)[Store.TRACKS] == "unsound"
    assert "fixes of 2025-07-14 09:00" in repaired(data)
    assert states(data)[Store.TRACKS] == "sound"
    assert (first.exists(), second.exists()) == (False, True)


def test_nothing_is_repaired_under_a_running_engine(data: Path) -> None:
    acquire_lock(data / Store.STATE / "lock")
    for work in (lambda: repaired(data), lambda: list(rebuild(data))):
        with pytest.raises(CannotRepair, match="stop `fencewatch run` first"):
            work()


def test_rebuilding_keeps_what_people_did_and_begins_at_the_log(data: Path) -> None:
    with DisposalQueue.open(data / Store.QUEUE) as queue:
        before = queue.last_seq()
    assert "will be judged again from record 0" in "\n".join(rebuild(data))
    assert enter(data) == []
    assert ConsumerOffsets(data / Store.LOG).of("engine") == 0
    assert not (data / Store.STATE / "recovery").exists()
    with DisposalQueue.open(data / Store.QUEUE) as queue:
        assert queue.last_seq() == before


def test_a_queue_that_is_gone_is_rebuilt(data: Path) -> None:
    removed(data, Store.QUEUE)
    assert "its alerts come again as open" in "\n".join(rebuild(data))
    assert enter(data) == []


def test_the_commands_as_people_call_them(data: Path) -> None:
    done = invoked("data", "verify", "--data", data, "--json")
    told = json.loads(done.stdout)["stores"]
    assert [store["state"] for store in told] == ["sound"] * len(Store)
    assert {store["identity"] for store in told} == {look(data).root}
    (data / Store.TOKENS).write_bytes(b"no database")
    done = invoked("data", "verify", "--data", data)
    assert done.exit_code == 1
    assert "tokens.sqlite" in done.stdout
    done = invoked("data", "repair", "--data", data)
    assert "a new one is begun at the next start" in done.stdout
    assert [event.kind for event in OperationsLog(data / "operations.ndjson").read().items] == [
        "store_repaired"
    ] * 2
    TokenStore.open(data / Store.TOKENS).close()
    assert invoked("data", "repair", "--data", data).stdout == "nothing to repair\n"
    assert invoked("data", "verify", "--data", data / "nowhere").exit_code == 2


def test_a_damaged_identity_of_the_directory_is_written_anew(data: Path) -> None:
    flip(data / BEARING, 20)
    assert "written anew from the stores" in repaired(data)
    assert enter(data) == []


def test_databases_from_before_get_checksums(data: Path) -> None:
    """A start says that they have none and goes on; the repair writes them anew, and nothing is lost."""
    for store in FILES:
        with closing(sqlite3.connect(data / store)) as kept:
            kept.execute("PRAGMA application_id = 0")
            kept.execute("VACUUM INTO ?", (f"{(data / 'former').as_uri()}?reserve=0",))
        removed(data, store)
        (data / "former").rename(data / store)
    found = enter(data)
    assert {finding.store for finding in found} == set(FILES)
    assert all("made before databases had checksums" in str(finding) for finding in found)
    assert repaired(data).count("written anew, each page with a checksum") == len(FILES)
    assert enter(data) == []
    with DisposalQueue.open(data / Store.QUEUE) as queue:
        assert queue.last_seq() > 0


def test_a_database_is_copied_while_it_is_in_use(data: Path, tmp_path: Path) -> None:
    with DisposalQueue.open(data / Store.QUEUE) as queue:
        done = invoked("data", "copy", data / Store.QUEUE, tmp_path / "copy.sqlite")
        assert done.exit_code == 0, done.stderr
        told(queue, 30, n=30)
    with DisposalQueue.open(tmp_path / "copy.sqlite") as copy:
        assert copy.last_seq() > 0
    again = invoked("data", "copy", data / Store.QUEUE, tmp_path / "copy.sqlite")
    assert (again.exit_code, "exists" in again.stderr) == (2, True)
    missing = invoked("data", "copy", data / "nothing.sqlite", tmp_path / "other.sqlite")
    assert (missing.exit_code, "is no file" in missing.stderr) == (2, True)
