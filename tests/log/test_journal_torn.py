"""What is left of a journal whose end was torn off, and what is damage and not a torn end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.instant import BEGIN_MS
from pipeline.log.errors import RecordsGoneError
from pipeline.log.journal import (
    Entry,
    Journal,
    JournalDamagedError,
    JournalReader,
    clock_mark,
    start_mark,
)
from pipeline.log.journal.frame import FRAME_BYTES, HEAD_BYTES
from pipeline.log.record import PINGS

#: Each tuple is one append; marks are numbers.
APPENDS = ((0, "a"), ("",), ("bcdef", "g", 1000), (2000,), ("h" * 30, "i"))


def entries(append: tuple[str | int, ...]) -> list[Entry]:
    return [clock_mark(said) if isinstance(said, int) else Entry(PINGS, said.encode()) for said in append]


def payloads(directory: Path, offset: int = 0) -> list[bytes]:
    return [record.payload for record in JournalReader(directory, offset).poll()]


def written(directory: Path, appends: tuple[tuple[str | int, ...], ...]) -> tuple[Path, list[int]]:
    """The only segment of a journal, and where in it each append ends."""
    ends = []
    with Journal(directory) as journal:
        for append in appends:
            journal.append(entries(append))
            ends.append(only_segment(directory).stat().st_size)
    return only_segment(directory), ends


def only_segment(directory: Path) -> Path:
    (path,) = directory.glob("*.journal")
    return path


def frame_ends(payload_lengths: list[int]) -> list[int]:
    """Where each record ends in a segment."""
    ends = [HEAD_BYTES]
    for length in payload_lengths:
        ends.append(ends[-1] + FRAME_BYTES + length)
    return ends[1:]


def power_lost(directory: Path) -> None:
    """What the writer told readers of the end was never written back: the segments must do."""
    (directory / "end").unlink()


def test_cut_at_every_byte(tmp_path: Path) -> None:
    segment, _ = written(tmp_path / "whole", APPENDS)
    content, said = segment.read_bytes(), payloads(tmp_path / "whole")
    ends = frame_ends([len(payload) for payload in said])
    assert ends[-1] == len(content)
    for cut in range(len(content)):
        directory = tmp_path / f"cut-{cut}"
        directory.mkdir()
        (directory / segment.name).write_bytes(content[:cut])
        whole = sum(end <= cut for end in ends)
        with Journal(directory) as journal:
            torn = cut - ([HEAD_BYTES, *ends][whole] if cut >= HEAD_BYTES else 0)
            assert (journal.cut.cut_bytes if journal.cut else 0) == torn
            assert journal.append([Entry(PINGS, b"after")]) == whole + 1
        assert payloads(directory) == [*said[:whole], b"after"], cut
        shutil.rmtree(directory)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    appends=st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=4), min_size=1, max_size=8),
    kept_share=st.floats(0, 1),
    behind=st.binary(max_size=100),
)
def test_any_cut_with_anything_behind_it(
    tmp_path_factory: pytest.TempPathFactory, appends: list[list[bytes]], kept_share: float, behind: bytes
) -> None:
    directory = tmp_path_factory.mktemp("log")
    said = [payload for append in appends for payload in append]
    with Journal(directory) as journal:
        for append in appends:
            journal.append([Entry(PINGS, payload) for payload in append])
    power_lost(directory)
    segment, ends = only_segment(directory), frame_ends([len(payload) for payload in said])
    kept = HEAD_BYTES + round(kept_share * (ends[-1] - HEAD_BYTES))
    segment.write_bytes(segment.read_bytes()[:kept] + behind)
    with Journal(directory) as journal:
        whole = journal.end_offset
        journal.append([Entry(PINGS, b"after")])
    # What is behind may by chance be just the bytes that were there.
    assert whole >= sum(end <= kept for end in ends)
    assert payloads(directory) == [*said[:whole], b"after"]


def test_the_cut_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    segment, ends = written(tmp_path, APPENDS)
    power_lost(tmp_path)
    with segment.open("ab") as file:
        file.write(b"half a rec")
    with Journal(tmp_path) as journal:
        assert str(journal.cut) == f"{segment}: 10 bytes of a torn write cut off at byte {ends[-1]}"
        assert caplog.messages == [str(journal.cut)]


def test_numbers_of_lost_acknowledged_records_are_not_given_again(tmp_path: Path) -> None:
    """A reader that has taken them must not take others for them."""
    segment, ends = written(tmp_path, APPENDS)
    segment.write_bytes(segment.read_bytes()[: ends[-2] + 5])
    with Journal(tmp_path) as journal:
        assert journal.cut is not None
        assert journal.cut.acknowledged == 2
        assert (journal.start_ms, journal.clock_ms) == (BEGIN_MS, 2000)
        assert journal.append([Entry(PINGS, b"after")]) == 10
    assert [record.number for record in JournalReader(tmp_path).poll()] == [0, 1, 2, 3, 4, 5, 6, 9]
    for offset in (7, 8, 9):
        assert payloads(tmp_path, offset) == [b"after"]


@pytest.mark.parametrize("size", [0, 20])
def test_a_last_segment_without_a_head(tmp_path: Path, size: int) -> None:
    with Journal(tmp_path, segment_bytes=100) as journal:
        journal.append([start_mark(500)])
        for payload in (b"a" * 50, b"b" * 50):
            journal.append([Entry(PINGS, payload)])
    power_lost(tmp_path)
    last = sorted(tmp_path.glob("*.journal"))[-1]
    last.write_bytes(last.read_bytes()[:size])
    with Journal(tmp_path) as journal:
        assert (journal.start_ms, journal.clock_ms, journal.end_offset) == (500, 500, 2)
        journal.append([Entry(PINGS, b"after")])
    assert payloads(tmp_path)[1:] == [b"a" * 50, b"after"]


def test_all_segments_lost(tmp_path: Path) -> None:
    segment, _ = written(tmp_path, APPENDS)
    segment.unlink()
    with Journal(tmp_path) as journal:
        assert journal.append([Entry(PINGS, b"after")]) == 10
    assert payloads(tmp_path, 9) == [b"after"]
    with pytest.raises(RecordsGoneError, match="begins at record 9, after 4"):
        payloads(tmp_path, 4)


# One write of three records, then another write: what a bad byte means depends on what came after it.
#   record    0 | 1   2   3 | 4
WRITES = (("a",), ("b", "c", "d"), ("e",))


@pytest.mark.parametrize(
    ("bad", "end_known", "survivors", "why"),
    [
        (0, False, None, "a later write was begun, so the first was durable"),
        (2, False, None, "the same within a write of several"),
        (4, False, 4, "the last write: nothing says that it was durable"),
        (4, True, 4, "acknowledged, but at the end: cut and told as lost"),
        (1, True, None, "acknowledged, and an acknowledged one stands after it"),
    ],
)
def test_bad_record_in_the_middle_or_at_the_end(
    tmp_path: Path, bad: int, end_known: bool, survivors: int | None, why: str
) -> None:
    segment, _ = written(tmp_path, WRITES)
    if not end_known:
        power_lost(tmp_path)
    position = flip_payload(segment, bad)
    if survivors is None:
        _goes_on_behind(tmp_path, segment, position, bad)
        return
    with Journal(tmp_path) as journal:
        assert journal.cut is not None, why
        assert (journal.cut.position, journal.cut.acknowledged) == (position, int(end_known))
        assert len(payloads(tmp_path)) == survivors


def _goes_on_behind(directory: Path, segment: Path, position: int, bad: int) -> None:
    """What comes in is taken behind the damage, in a segment of its own; readers stop before it."""
    for opening in range(2):
        with Journal(directory) as journal:
            assert (journal.damage is not None) == (opening == 0), "told where the last segment is damaged"
            journal.append([Entry(PINGS, b"after")])
    reader = JournalReader(directory)
    assert bad == 0 or [record.number for record in reader.poll()] == list(range(bad))
    with pytest.raises(JournalDamagedError, match=f"{segment.name}: byte {position}: record {bad}: "):
        reader.poll()
    assert payloads(directory, 5) == [b"after", b"after"]


def test_pages_of_one_write_reach_the_disk_in_any_order(tmp_path: Path) -> None:
    """A write that was never synced may be there without its beginning: torn, not damaged."""
    segment, _ = written(tmp_path, WRITES[:2])
    power_lost(tmp_path)
    flip_payload(segment, 1)
    with Journal(tmp_path) as journal:
        assert journal.end_offset == 1
        journal.append([Entry(PINGS, b"after")])
    assert payloads(tmp_path) == [b"a", b"after"]


def test_a_bad_record_of_an_earlier_segment_is_found_by_readers(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=200) as journal:
        for count in range(9):
            journal.append([Entry(PINGS, b"record %d" % count)])
    first = sorted(tmp_path.glob("*.journal"))[0]
    position = flip_payload(first, 1, [8, 8, 8])
    reader = JournalReader(tmp_path)
    assert [record.number for record in reader.poll()] == [0], "what stands before it is given first"
    with pytest.raises(JournalDamagedError) as raised:
        reader.poll()
    assert (raised.value.segment, raised.value.position, raised.value.number) == (first, position, 1)
    Journal(tmp_path).close()


def test_a_foreign_file_is_no_segment(tmp_path: Path) -> None:
    (tmp_path / f"{0:020d}.journal").write_bytes(b"something else entirely" * 10)
    with Journal(tmp_path) as journal:
        assert "the head of the segment is not whole" in str(journal.damage)
        assert journal.append([Entry(PINGS, b"after")]) == 2
    with pytest.raises(JournalDamagedError, match="the head of the segment is not whole"):
        payloads(tmp_path)


def test_a_payload_cannot_pass_for_a_record(tmp_path: Path) -> None:
    """The bytes of another journal's records within a payload: nothing of it is found behind a tear."""
    other, _ = written(tmp_path / "other", WRITES)
    segment, ends = written(tmp_path / "log", (("a",),))
    power_lost(tmp_path / "log")
    with segment.open("ab") as file:
        file.write(b"torn" + other.read_bytes()[HEAD_BYTES:])
    with Journal(tmp_path / "log") as journal:
        assert journal.cut is not None
        assert journal.cut.position == ends[-1]


def flip_payload(segment: Path, number: int, lengths: list[int] | None = None) -> int:
    """Changes the last byte of a record; where its frame begins."""
    ends = frame_ends(lengths or [1] * 5)
    content = bytearray(segment.read_bytes())
    content[ends[number] - 1] ^= 1
    segment.write_bytes(content)
    return [HEAD_BYTES, *ends][number]
