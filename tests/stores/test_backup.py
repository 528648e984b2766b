"""`fencewatch backup`: a data directory copied while others write to it, whole or not at all."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from documents import CHECKOUT
from replay.command_line import fencewatch_words, invoked, surroundings
from stores.kept import gone_on, made

from pipeline.checkpoint import Checkpoint
from pipeline.log.journal import ConsumerOffsets, Journal, JournalReader, clock_mark
from pipeline.log.journal.segment import segment_firsts, segment_path
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.upkeep.backup import back_up
from pipeline.upkeep.copying import BackupFailed, Copy
from pipeline.upkeep.store import FILES, Store
from pipeline.upkeep.stores import enter
from sinks.page_checksums import make_checked
from sinks.sqlite import sqlite3
from sinks.tracks import TrackArchive, TrackColumn

#: 2025-07-14T09:00+08:00
NINE_MS = 1_752_454_800_000
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = made(tmp_path_factory.mktemp("whole") / "data")
    (data / "operations.ndjson").write_text("{}\n")
    (data / "inbox").mkdir()
    (data / "inbox" / "day.csv").write_text("device_id\n")
    return data


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data"


def numbers(data: Path) -> list[int]:
    first = segment_firsts(data / Store.LOG)[0]
    return [record.number for record in JournalReader(data / Store.LOG, first).poll()]


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of a database."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=str) for (name,) in names}


def left_of(target: Path) -> list[str]:
    return [path.name for path in target.parent.iterdir() if path.name.startswith(target.name)]


@contextmanager
def meanwhile(work: Callable[[int], None]) -> Iterator[None]:
    """Does something over and over, counting, while the block lasts."""
    ended, failed = Event(), list[BaseException]()

    def over_and_over() -> None:
        number = 0
        try:
            while not ended.is_set():
                work(number)
                number += 1
        except BaseException as failure:
            failed.append(failure)

    worker = Thread(target=over_and_over)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()
    assert not failed, failed


def test_a_copy_has_all_that_is_kept(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "saved"
    done = invoked("backup", target, "--data", data, "--json")
    told = json.loads(done.stdout)
    assert (told["record"], told["clock"]) == (10, "1970-01-01T00:00:02.000Z")
    assert [(one["store"], one["state"], one["wrong"]) for one in told["stores"]] == [
        (store.value, "sound", []) for store in Store
    ]
    assert enter(target) == [], "a start finds nothing wrong"
    assert numbers(target) == numbers(data)
    for store in FILES:
        assert tables(target / store) == tables(data / store), store
    for name in ("operations.ndjson", "inbox/day.csv"):
        assert (target / name).read_bytes() == (data / name).read_bytes()
    gone_on(target, 5)
    assert numbers(target)[-1] == 14, "the copy goes on"
    assert numbers(data)[-1] == 9


def test_nobody_else_may_read_it(data: Path, tmp_path: Path) -> None:
    for path in [data, *data.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    back_up(data, tmp_path / "saved")
    found = [tmp_path / "saved", *(tmp_path / "saved").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in found if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in found if path.is_file()} == {0o600}


def test_it_may_be_an_empty_directory(data: Path, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    back_up(data, tmp_path / "saved")
    assert enter(tmp_path / "saved") == []


@pytest.mark.parametrize(
    ("target", "of", "says"),
    [
        ("full", "data", "is there and not empty"),
        ("full/file", "data", "is there and not empty"),
        ("data/saved", "data", "lies in the data directory"),
        ("link/saved", "data", "lies in the data directory"),
        ("data", "data", "lies in the data directory"),
        ("nowhere/saved", "data", "there is no directory"),
        ("killed", "data", "is left of a backup that was killed"),
        ("saved", "full", "expected a data directory"),
        ("saved", "nowhere", "expected a data directory"),
    ],
)
def test_what_cannot_be_meant_is_refused(data: Path, tmp_path: Path, target: str, of: str, says: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "killed.writing").mkdir()
    before = sorted(tmp_path.rglob("*"))
    done = invoked("backup", tmp_path / target, "--data", tmp_path / of)
    assert done.exit_code == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert sorted(tmp_path.rglob("*")) == before, "nothing is made, nothing taken away"


@pytest.mark.parametrize(
    ("bytes_most", "why"), [(100, "a file cannot be written"), (20_000, "a database cannot be copied")]
)
def test_of_a_disk_that_is_full_nothing_is_left(
    data: Path, tmp_path: Path, bytes_most: int, why: str
) -> None:
    """A limit on the size of files stands for the full disk."""
    done = subprocess.run(
        fencewatch_words("backup", tmp_path / "saved", "--data", data),
        env=surroundings(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_most, bytes_most)),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, ""), why
    assert "cannot be" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert left_of(tmp_path / "saved") == []


def test_a_copy_of_what_is_damaged_says_so(data: Path, tmp_path: Path) -> None:
    """It is better than none, and the exit code is not that of a sound one."""
    path = segment_path(data / Store.LOG, 0)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    done = invoked("backup", tmp_path / "saved", "--data", data)
    assert done.exit_code == 1
    assert "cannot be read" in done.stdout
    assert (tmp_path / "saved" / Store.QUEUE).exists()


def test_a_torn_end_of_the_log_is_not_copied(data: Path, tmp_path: Path) -> None:
    """A write that goes on at the moment of the copy."""
    path = segment_path(data / Store.LOG, 0)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[60:90])
    made = back_up(data, tmp_path / "saved")
    assert made.record == 10
    assert segment_path(tmp_path / "saved" / Store.LOG, 0).read_bytes() == whole
    assert not any(found.findings for found in made.stores)


def test_the_way_back(data: Path, tmp_path: Path) -> None:
    """The lines that docs/live.md gives, as they stand there."""
    text = (CHECKOUT / "docs" / "live.md").read_text("utf-8").partition("### Putting a backup back")[2]
    lines = text.partition("```sh\n")[2].partition("```")[0]
    saved = tmp_path / "saved"
    back_up(data, saved)
    gone_on(data, 5)
    for place, named in ((data, "fencewatch-data"), (saved, "/backup/2025-07-14")):
        assert named in lines
        lines = lines.replace(named, str(place))
    words = " ".join(f"'{word}'" for word in fencewatch_words())
    script = f"set -e\n{lines.replace('fencewatch data', f'{words} data')}"
    done = subprocess.run(["sh", "-c", script], env=surroundings(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert numbers(data) == list(range(10))
    assert enter(data) == [], "a start finds nothing wrong"
    assert len(numbers(tmp_path / "data.before")) == 15, "what was there before is still there"


class Grown:
    """Rows that become more, as an engine's do."""

    generation = 0

    def __init__(self) -> None:
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def rows_from(self, first: int) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {"numbers": np.arange(first, self.count)}


def test_the_state_is_one_that_the_engine_can_go_on_from(data: Path, tmp_path: Path) -> None:
    """State is kept over and over; then the runtime writes down under which names."""
    store, grown = CheckpointStore(data / Store.STATE / "checkpoints"), Grown()
    names = data / Store.STATE / "recovery" / "part-0.sqlite3"
    make_checked(names)

    def keep(number: int) -> None:
        grown.count += 1
        kept = [store.put(part, Checkpoint(b"%d" % number, {"rows": grown}, number)) for part in ("a", "b")]
        with closing(sqlite3.connect(names, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (part PRIMARY KEY, token)")
            connection.execute("BEGIN")
            connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", zip("ab", kept, strict=True))
            connection.execute("COMMIT")
        Event().wait(0.05)

    keep(-1)
    with meanwhile(keep):
        copies = [tmp_path / f"saved{n}" for n in range(6)]
        for copy in copies:
            back_up(data, copy)
    seen = []
    for copy in copies:
        tokens = tables(copy / Store.STATE / "recovery" / "part-0.sqlite3")["kept"]
        read = CheckpointStore(copy / Store.STATE / "checkpoints")
        first, second = (read.get(str(token)) for _, token in tokens)
        assert first.place == second.place, "of one moment"
        assert len(first.rows["rows"]["numbers"]) == first.place + 2
        seen.append(first.place)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0], "the engine went on meanwhile"


def fixes_of(number: int) -> dict[str, TrackColumn]:
    texts: dict[str, TrackColumn] = {
        name: ["x"] for name in ("person_id", "device_id", "office_id", "kind", "source")
    }
    places: dict[str, TrackColumn] = {"lon": [106.5], "lat": [29.5], "accuracy_m": [5.0]}
    return texts | places | {"event_ms": [NINE_MS + number], "arrival_ms": [NINE_MS + number]}


@pytest.mark.parametrize("copied_before", [0, 1, 3])
def test_no_track_is_missed_that_is_merged_meanwhile(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copied_before: int
) -> None:
    """None, one or all of an hour's files are copied when they become one."""
    archive = TrackArchive(data / Store.TRACKS, ZONE)
    for number in range(3):
        archive.append(fixes_of(number), f"upto-{number:012d}")
    content, copied = Copy.file, list[Path]()

    def merged_in_between(copy: Copy, path: Path) -> None:
        if path.suffix == ".parquet" and len(copied) == copied_before:
            archive.compact(NINE_MS + 7_200_000)
        content(copy, path)
        if path.suffix == ".parquet":
            copied.append(path)
            if len(copied) == copied_before == 3:
                archive.compact(NINE_MS + 7_200_000)

    monkeypatch.setattr(Copy, "file", merged_in_between)
    back_up(data, tmp_path / "saved")
    assert len(list((data / Store.TRACKS).rglob("*.parquet"))) == 1, "they were merged"
    assert len(list((tmp_path / "saved" / Store.TRACKS).rglob("*.parquet"))) == 1
    found = TrackArchive(tmp_path / "saved" / Store.TRACKS, ZONE).read("x", NINE_MS, NINE_MS + 10)
    assert [fix.event_ms - NINE_MS for fix in found] == [0, 1, 2]


def lose_oldest(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log lets go of its oldest segments when the newest is copied already."""
    content = Copy.content

    def copied(copy: Copy, source: object, path: Path, most: int | None = None) -> None:
        content(copy, source, path, most)  # type: ignore[arg-type]
        if path == segment_path(data / Store.LOG, 20):
            for first in (0, 10):
                segment_path(data / Store.LOG, first).unlink()

    monkeypatch.setattr(Copy, "content", copied)


def in_segments(data: Path) -> None:
    """A log of three segments."""
    with Journal(data / Store.LOG, segment_bytes=1) as journal:
        journal.append([clock_mark(3_000 + n) for n in range(10)])
        journal.append([clock_mark(4_000 + n) for n in range(10)])
    assert segment_firsts(data / Store.LOG) == [0, 10, 20]


def test_what_the_log_lets_go_of_is_not_copied_in_part(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_segments(data)
    ConsumerOffsets(data / Store.LOG).put("engine", 25)
    lose_oldest(data, monkeypatch)
    back_up(data, tmp_path / "saved")
    assert numbers(tmp_path / "saved") == list(range(20, 30))


def test_a_copy_without_records_that_its_engine_needs_is_none(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are let go of when the engine is past them, and its state was copied when it was not."""
    in_segments(data)
    lose_oldest(data, monkeypatch)
    with pytest.raises(BackupFailed, match="try again"):
        back_up(data, tmp_path / "saved")
    assert left_of(tmp_path / "saved") == []
