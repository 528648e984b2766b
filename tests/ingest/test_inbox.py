"""The watched directory: which files are taken, in what order, and each row once whatever happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from console_world import NOW_MS, ping

from pipeline.errors import InputError
from pipeline.ingest import JournalWriter, WriterStopped
from pipeline.ingest import inbox as inbox_module
from pipeline.ingest.inbox import Inbox
from pipeline.ingest.inbox_folder import InboxFolder, kind_of
from pipeline.log.journal import Journal
from pipeline.log.record import STREAM_OF
from pipeline.log.rows import row_span
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import DeviceIds
from sinks.alert import instant_text

HEADER = "device_id,event_time,lon,lat"
ROWS = 10


class Killed(BaseException):
    """The process ends here, as far as the inbox can tell."""


def csv(rows: int = ROWS) -> str:
    lines = (f"D1,{instant_text(NOW_MS - row)},106.5,29.5" for row in range(rows))
    return "\n".join([HEADER, *lines])


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "PIECE_ROWS", 3)
    monkeypatch.setattr(inbox_module, "POLL_S", 0.01)
    monkeypatch.setattr("pipeline.ingest.journal_writer.TICK_S", 0.01)


@contextmanager
def watching(directory: Path, told: list[str] | None = None) -> Iterator[tuple[Inbox, Journal]]:
    """An inbox at work over a journal; leaving waits for its end and raises what ended it."""
    stop = threading.Event()
    with Journal(directory / "journal") as journal:
        writer = JournalWriter(journal, lambda: NOW_MS, horizon_ms=lambda _: 10**12)
        folder, report = InboxFolder(directory / "inbox"), ([] if told is None else told).append
        inbox = Inbox(folder, journal, writer, lambda: DeviceIds(("D1",)), report=report, stop=stop)
        writer.start()
        inbox.start()
        try:
            yield inbox, journal
        finally:
            stop.set()
            inbox.finish()
            writer.stop()
        inbox.reraise()


def until_there(*paths: Path) -> None:
    waited = threading.Event()
    for _ in range(6000):  # the first rows wait for kernels to be compiled
        if all(path.exists() for path in paths):
            return
        waited.wait(0.01)
    raise AssertionError(f"never there: {paths}")


def rows_of(journal: Journal) -> list[tuple[str, int]]:
    """Name and number of each row in the log."""
    spans = [row_span(record) for record in journal.reader().poll(10_000) if record.kind in STREAM_OF]
    return [(span.source, span.first_row + place) for span in spans for place in range(span.rows)]


def put(directory: Path, name: str, content: str, changed_s: int = 0) -> Path:
    path = directory / "inbox" / name
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{name.replace('/', '-')}")
    part.write_text(content)
    os.utime(part, (changed_s, changed_s))
    return part.rename(path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pings.csv", PING),
        ("pings-2025-07-14.parquet", PING),
        ("confirmations_7.ndjson", CONFIRMATION),
        (".pings.csv", None),
        ("pings.csv.part", None),
        ("pings.csv.tmp", None),
        ("pings.json", None),
        ("my-pings.csv", None),
        ("people.csv", None),
    ],
)
def test_names(name: str, kind: int | None) -> None:
    assert kind_of(name) == kind


def test_files_are_taken_by_their_time_then_by_name(tmp_path: Path) -> None:
    for name, changed_s in (
        ("pings-a.csv", 3),
        ("pings-c.csv", 1),
        ("pings-b.csv", 1),
        ("pings.csv.part", 0),
    ):
        put(tmp_path, name, csv(1), changed_s)
    (tmp_path / "inbox" / "pings-folder.csv").mkdir()
    with watching(tmp_path) as (_, journal):
        until_there(tmp_path / "inbox" / "done" / "pings-a.csv")
        assert [name for name, _ in rows_of(journal)] == ["pings-b.csv", "pings-c.csv", "pings-a.csv"]
    left = sorted(path.name for path in (tmp_path / "inbox").iterdir())
    assert left == [".taking", "done", "pings-folder.csv", "pings.csv.part", "refused"]


def test_a_name_may_come_again(tmp_path: Path) -> None:
    done = tmp_path / "inbox" / "done"
    with watching(tmp_path) as (_, journal):
        for now in ("pings.csv", "pings-2.csv", "pings-3.csv"):
            put(tmp_path, "pings.csv", csv(2))
            until_there(done / now)
        assert rows_of(journal) == [("pings.csv", 1), ("pings.csv", 2)] * 3


@pytest.mark.parametrize("pieces_before", range(5))
def test_killed_after_any_piece_no_row_comes_twice_or_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces_before: int
) -> None:
    """Four pieces and then the move to done/; the same name was in the log before."""
    with watching(tmp_path):
        put(tmp_path, "pings.csv", csv(4))
        until_there(tmp_path / "inbox" / "done" / "pings.csv")
    put(tmp_path, "pings.csv", csv())
    left = pieces_before

    def submit_some(self: JournalWriter, rows: object, source: str) -> object:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        return submit(self, rows, source)  # type: ignore[type-var]

    def never(*_: object) -> Path:
        raise Killed

    submit = JournalWriter.submit
    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "submit", submit_some)
        patch.setattr(InboxFolder, "put_away", never)
        with pytest.raises(Killed), watching(tmp_path) as (inbox, _):
            inbox.finish()
    with watching(tmp_path) as (_, journal):
        until_there(tmp_path / "inbox" / "done" / "pings-2.csv")
        first = [("pings.csv", row) for row in range(1, 5)]
        assert rows_of(journal) == [*first, *(("pings.csv", row) for row in range(1, ROWS + 1))]


def test_told_to_stop_it_finishes_the_piece_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = JournalWriter.submit
    with monkeypatch.context() as patch, watching(tmp_path) as (inbox, journal):

        def submit_last(self: JournalWriter, rows: object, source: str) -> object:
            inbox._stop.set()
            return submit(self, rows, source)  # type: ignore[type-var]

        patch.setattr(JournalWriter, "submit", submit_last)
        put(tmp_path, "pings.csv", csv())
        inbox.finish()
        assert rows_of(journal) == [("pings.csv", row) for row in (1, 2, 3)]
    with watching(tmp_path) as (_, journal):
        until_there(tmp_path / "inbox" / "done" / "pings.csv")
        assert rows_of(journal) == [("pings.csv", row) for row in range(1, ROWS + 1)]


def test_a_new_log_gets_the_whole_file(tmp_path: Path) -> None:
    """The data directory was removed while a file was being taken."""
    InboxFolder(tmp_path / "inbox")
    put(tmp_path, ".taking/00000000000000004711-pings.csv", csv())
    with watching(tmp_path) as (_, journal):
        until_there(tmp_path / "inbox" / "done" / "pings.csv")
        assert len(rows_of(journal)) == ROWS


def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    told: list[str] = []
    put(tmp_path, "pings-1.parquet", "no parquet\nat all")
    put(tmp_path, "pings-2.csv", "device_id,when\nD1,now")
    put(tmp_path, "pings-3.csv", "")
    put(tmp_path, "pings-4" + "x" * 200 + ".csv", csv())
    put(tmp_path, "pings-5.csv", csv() + "\n" + "\xff" * 3)
    put(tmp_path, "pings-6.ndjson", "")
    with watching(tmp_path, told) as (_, journal):
        until_there(*(tmp_path / "inbox" / "done" / name for name in ("pings-5.csv", "pings-6.ndjson")))
        assert len(rows_of(journal)) == ROWS + 1
    assert len(list((tmp_path / "inbox" / "refused").iterdir())) == 4
    assert [line.partition(":")[0] for line in told] == [
        "pings-1.parquet",
        "pings-2.csv",
        "pings-3.csv",
        "a name of more than 200 bytes; it is in " + str(next((tmp_path / "inbox/refused").glob("pings-4*"))),
    ]
    assert not any("\n" in line for line in told)


def test_what_cannot_be_looked_at_is_left_and_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "inbox").mkdir()
    loop = tmp_path / "inbox" / "pings-loop.csv"
    loop.symlink_to(loop)
    with watching(tmp_path, told) as (_, journal):
        for name in ("pings-1.csv", "pings-2.csv"):
            put(tmp_path, name, csv(2))
            until_there(tmp_path / "inbox" / "done" / name)
        assert len(rows_of(journal)) == 4
    assert loop.is_symlink()
    (line,) = told
    assert line.startswith("pings-loop.csv: cannot be taken: ")


def test_what_cannot_be_moved_is_left_and_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    rename = Path.rename

    def rename_others(self: Path, target: Path) -> Path:
        if self.name == "pings-1.csv":
            raise PermissionError(1, "Operation not permitted")
        return rename(self, target)

    put(tmp_path, "pings-1.csv", csv(2))
    put(tmp_path, "pings-2.csv", csv(3))
    monkeypatch.setattr(Path, "rename", rename_others)
    with watching(tmp_path, told) as (_, journal):
        until_there(tmp_path / "inbox" / "done" / "pings-2.csv")
        assert len(rows_of(journal)) == 3
    assert told == ["pings-1.csv: cannot be taken: Operation not permitted; it is left where it is"]


@pytest.mark.parametrize(
    ("name", "says"), [("pings.csv", "its rows are in the log"), ("pings.parquet", "not there any more")]
)
def test_a_file_may_be_removed_while_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    told: list[str] = []
    put_away = InboxFolder.put_away

    def put_away_removed(self: InboxFolder, path: Path, came_as: str, into: Path) -> Path | None:
        if came_as == name:
            path.unlink()
        return put_away(self, path, came_as, into)

    monkeypatch.setattr(InboxFolder, "put_away", put_away_removed)
    put(tmp_path, name, csv(2), changed_s=1)
    put(tmp_path, "pings-next.csv", csv(1), changed_s=2)
    with watching(tmp_path, told):
        until_there(tmp_path / "inbox" / "done" / "pings-next.csv")
    (line,) = told
    assert line.startswith(f"{name}: ")
    assert says in line


def test_a_file_that_breaks_off_says_how_far_it_was_taken(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "whole.parquet"
    pq.write_table(
        pa.Table.from_pylist([ping(minutes_ago=row) for row in range(600)]), path, row_group_size=300
    )
    content = bytearray(path.read_bytes())
    begin = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content[begin : begin + 60] = b"\xff" * 60
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "pings.parquet").write_bytes(content)
    with watching(tmp_path, told) as (_, journal):
        until_there(tmp_path / "inbox" / "refused" / "pings.parquet")
        assert len(rows_of(journal)) == 300
    (line,) = told
    assert "its rows up to 300 are taken" in line


def test_a_log_that_cannot_be_written_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError("disk full")

    def fails() -> None:
        with watching(tmp_path) as (inbox, journal):
            monkeypatch.setattr(journal, "append", broken)
            put(tmp_path, "pings.csv", csv())
            inbox.finish()

    with pytest.raises(WriterStopped, match="disk full"):
        fails()
    assert [path.name[-9:] for path in (tmp_path / "inbox" / ".taking").iterdir()] == ["pings.csv"]


def test_an_inbox_that_is_no_directory_is_an_error_of_input(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("")
    with pytest.raises(InputError, match="cannot be a directory"):
        InboxFolder(tmp_path / "inbox")
