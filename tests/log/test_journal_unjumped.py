"""A log with a jump of its clock, and the same log without it: numbers and rows stay, times come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from console_world import NOW_MS, ping

from pipeline.errors import InputError
from pipeline.ingest.bodies import received
from pipeline.log.journal import JournalDamagedError
from pipeline.log.journal.frame import HEAD_BYTES
from pipeline.log.journal.journal import Journal
from pipeline.log.journal.segment import segment_firsts, segment_path
from pipeline.log.journal.unjumped import Unjumped, first_jumped, unjump
from pipeline.log.record import MARKS, PINGS, SITE, Entry, clock_mark, start_mark
from pipeline.log.rows import RowDecoder
from pipeline.log.site_record import SiteChange, site_entry
from pipeline.ping import PING
from pipeline.reading import Challenges, DeviceIds

SECOND_MS, DAY_MS = 1_000, 86_400_000
DEVICES = DeviceIds(("D1",))
JUMPED_MS = NOW_MS + 200 * DAY_MS


def rows(arrival_ms: int, minutes_ago: int = 0) -> list[Entry]:
    body = json.dumps(ping(minutes_ago=minutes_ago)).encode()
    taken = received(body, PING, DEVICES, own=None, is_ndjson=True).at(arrival_ms, 10**12)
    return list(taken.entries("http", arrival_ms))


def written(directory: Path, segment_bytes: int = 1 << 20) -> None:
    """Two good seconds, 200 days that never were with three rows in them, and an end a second later."""
    with Journal(directory, segment_bytes) as journal:
        journal.append([start_mark(NOW_MS - 120 * SECOND_MS), clock_mark(NOW_MS - 90 * SECOND_MS)])
        journal.append(rows(NOW_MS - 90 * SECOND_MS, minutes_ago=2))
        journal.append([clock_mark(NOW_MS - 60 * SECOND_MS), clock_mark(JUMPED_MS)])
        for minutes_ago in (0, 1, 60):
            journal.append(rows(JUMPED_MS, minutes_ago))
        journal.append([clock_mark(JUMPED_MS + SECOND_MS)])


def seen(directory: Path) -> tuple[list[tuple[int, int, int]], list[int]]:
    """Number, kind and clock of each record, and the arrival of each row, in seconds after the present."""
    with Journal(directory) as journal:
        records = journal.reader().poll()
        arrivals = RowDecoder(DEVICES, Challenges()).batch([one for one in records if one.kind == PINGS])
    times = [(one.number, one.kind, (one.clock_ms - NOW_MS) // SECOND_MS) for one in records]
    return times, ((arrivals.rows.given_arrival_ms - NOW_MS) // SECOND_MS).tolist()


@pytest.mark.parametrize("segment_bytes", [1 << 20, 600])
def test_what_the_jump_did_is_undone(tmp_path: Path, segment_bytes: int) -> None:
    """In one segment, and in many that the jump lies across."""
    log, aside = tmp_path / "log", tmp_path / "aside"
    written(log, segment_bytes)
    before, _ = seen(log)
    segments = len(segment_firsts(log))
    assert first_jumped(log, NOW_MS) == next(number for number, _, clock_s in before if clock_s > 0)
    done = unjump(log, NOW_MS, aside)
    assert isinstance(done, Unjumped)
    assert (done.last_ms, done.jumped_ms) == (NOW_MS - 60 * SECOND_MS, JUMPED_MS + SECOND_MS)
    assert 1 <= done.segments == len(list(aside.iterdir())) <= segments
    after, arrivals = seen(log)
    assert [(number, kind) for number, kind, _ in after] == [(number, kind) for number, kind, _ in before]
    assert [clock for _, _, clock in after] == [-120, -90, -90, -60, -60, -60, -60, -60, -60]
    # At its own time where that lies between the last good mark and the present, else at the nearer end.
    assert arrivals == [-90, 0, -60, -60]
    assert first_jumped(log, NOW_MS) is None
    assert unjump(log, NOW_MS, aside) is None, "once is enough"


def test_the_log_goes_on_afterwards(tmp_path: Path) -> None:
    written(tmp_path / "log")
    unjump(tmp_path / "log", NOW_MS, tmp_path / "aside")
    with Journal(tmp_path / "log") as journal:
        assert journal.clock_ms == NOW_MS - 60 * SECOND_MS
        assert journal.start_ms == NOW_MS - 120 * SECOND_MS
        journal.append([start_mark(NOW_MS)])
        records = journal.reader().poll()
        assert [one.clock_ms for one in records if one.kind in MARKS][-1] == NOW_MS


def test_killed_in_the_midst_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each segment: the next call does the rest, and what is set aside is the original."""
    log, aside = tmp_path / "log", tmp_path / "aside"
    written(log, 600)
    whole = {path.name: path.read_bytes() for path in log.glob("*.journal")}
    replaced = 0

    def killed(path: Path, content: bytes, place: Path) -> None:
        nonlocal replaced
        real(path, content, place)
        replaced += 1
        raise KeyboardInterrupt

    from pipeline.log.journal import unjumped

    real = unjumped._replace
    monkeypatch.setattr(unjumped, "_replace", killed)
    while True:
        try:
            assert unjump(log, NOW_MS, aside) is None
            break
        except KeyboardInterrupt:
            continue
    assert replaced == len(list(aside.iterdir())) > 1
    assert all(path.read_bytes() == whole[path.name] for path in aside.iterdir())
    assert seen(log)[1] == [-90, 0, -60, -60]


def test_a_log_without_a_jump_is_left_alone(tmp_path: Path) -> None:
    written(tmp_path / "log")
    assert unjump(tmp_path / "log", JUMPED_MS + SECOND_MS, tmp_path / "aside") is None
    assert not (tmp_path / "aside").exists()


def test_a_log_that_began_in_the_future_has_no_way_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "log") as journal:
        journal.append([start_mark(JUMPED_MS)])
    with pytest.raises(InputError, match="all of this log is of a time to come"):
        unjump(tmp_path / "log", NOW_MS, tmp_path / "aside")


def test_a_damaged_one_is_told(tmp_path: Path) -> None:
    written(tmp_path / "log")
    path = segment_path(tmp_path / "log", 0)
    content = bytearray(path.read_bytes())
    content[HEAD_BYTES + 50] ^= 1
    path.write_bytes(content)
    with pytest.raises(JournalDamagedError):
        unjump(tmp_path / "log", NOW_MS, tmp_path / "aside")
    assert path.read_bytes() == bytes(content)


def test_a_change_of_the_site_stays_as_it_was_answered(tmp_path: Path) -> None:
    """It was resolved by the wrong clock: it is in force when that time really comes, or is ended before."""
    change = site_entry(SiteChange("c1", "li", "why", [], [{"table": "holidays", "put": {"text": ""}}]))
    with Journal(tmp_path / "log") as journal:
        journal.append([start_mark(NOW_MS - 60 * SECOND_MS), clock_mark(JUMPED_MS), change])
    unjump(tmp_path / "log", NOW_MS, tmp_path / "aside")
    with Journal(tmp_path / "log") as journal:
        *_, record = journal.reader().poll()
    assert (record.number, record.kind, record.clock_ms) == (2, SITE, NOW_MS - 60 * SECOND_MS)
    assert record.payload == change.payload
