"""A log whose clock was dragged ahead, made what it would have been without the jump.

Record numbers stay, so whoever has come to a place of the log still knows it. Only segments with a record
from after the jump are written anew, each whole under its name; what they were is set aside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from geofences.instant import BEGIN_MS
from pipeline.errors import InputError
from pipeline.host.disk import put_file, sync_directory
from pipeline.log.journal.errors import JournalDamagedError
from pipeline.log.journal.frame import HEAD_BYTES, Frame, FrameError, frame_at, frame_of
from pipeline.log.journal.high_water_mark import HighWaterMarkReader
from pipeline.log.journal.segment import read_head, segment_firsts, segment_path
from pipeline.log.record import MARKS, SITE, Record, mark_payload
from pipeline.log.rows import arrived_between


@dataclass(frozen=True, slots=True)
class Unjumped:
    """What was done: the log's clock before the jump and after it, segments and records written anew."""

    last_ms: int
    jumped_ms: int
    segments: int
    records: int


def unjump(directory: Path, now_ms: int, aside: Path) -> Unjumped | None:
    """Takes a jump back in a log that nobody else has open; None where its clock is not beyond ``now_ms``.

    Marks beyond ``now_ms`` cannot be right; they stay where they are and hold the time before the jump. A row
    behind them arrived somewhere between that and now: at its own time, as far as that lies in between. A
    process killed in the midst leaves whole segments, and another call goes on. Raises JournalDamagedError
    before that segment is touched, InputError where there is no time before the jump.
    """
    clock_ms, jumped_ms, segments, records = BEGIN_MS, BEGIN_MS, 0, 0
    firsts = segment_firsts(directory)
    ends = [read_head(segment_path(directory, first)).after for first in firsts[1:]]
    for first, end in zip(firsts, (*ends, HighWaterMarkReader(directory).read()), strict=True):
        path = segment_path(directory, first)
        head, frames = read_head(path), _frames(path, end)
        last_ms = frames[-1].record.clock_ms if frames else head.clock_ms
        if max(head.clock_ms, last_ms) <= now_ms:
            clock_ms = max(clock_ms, last_ms)
            continue
        if clock_ms == BEGIN_MS and frames and frames[0].record.clock_ms > now_ms:
            raise InputError(
                f"{directory}: all of this log is of a time to come; expected a mark of the past"
            )
        jumped_ms = max(jumped_ms, last_ms, head.clock_ms)
        clock_ms = max(clock_ms, head.clock_ms if head.clock_ms <= now_ms else BEGIN_MS)
        new_head = replace(head, clock_ms=min(head.clock_ms, clock_ms))
        parts = [new_head.encoded()]
        for frame in frames:
            record = _without_jump(frame.record, clock_ms, now_ms)
            records += record != frame.record
            clock_ms = record.clock_ms
            parts.append(frame_of(new_head, record, frame.record.number - frame.group))
        _replace(path, b"".join(parts), aside)
        segments += 1
    return Unjumped(clock_ms, jumped_ms, segments, records) if segments else None


def first_jumped(directory: Path, now_ms: int) -> int | None:
    """The number of the first record beyond ``now_ms``; None where there is none.

    Reads only segments that a jump may be in. Raises JournalDamagedError.
    """
    firsts = segment_firsts(directory)
    following = [read_head(segment_path(directory, first)) for first in firsts[1:]]
    for first, after in zip(firsts, (*following, None), strict=True):
        if after is not None and after.clock_ms <= now_ms:
            continue
        end = HighWaterMarkReader(directory).read() if after is None else after.after
        for frame in _frames(segment_path(directory, first), end):
            if frame.record.clock_ms > now_ms:
                return frame.record.number
    return None


def _without_jump(record: Record, clock_ms: int, now_ms: int) -> Record:
    if record.clock_ms <= now_ms:
        return record
    if record.kind in MARKS:
        return replace(record, clock_ms=clock_ms, payload=mark_payload(clock_ms))
    if (
        record.kind == SITE
    ):  # what it was resolved to is what was answered: it is in force when that time comes
        return replace(record, clock_ms=clock_ms)
    return replace(record, clock_ms=clock_ms, payload=arrived_between(record, clock_ms, now_ms))


def _frames(path: Path, high_water_mark: int) -> list[Frame]:
    """Every frame of a segment; what is torn at the end was never acknowledged.

    Raises JournalDamagedError where they do not reach to the number up to which they were durable.
    """
    content, head, place = memoryview(path.read_bytes()), read_head(path), HEAD_BYTES
    found: list[Frame] = []
    wrong = "its end is missing"
    try:
        while (frame := frame_at(head, content, place)) is not None:
            found.append(frame)
            place = frame.end
    except FrameError as bad:
        wrong = str(bad)
    number = found[-1].record.number + 1 if found else head.first
    if number < high_water_mark:
        raise JournalDamagedError(path, place, number, wrong)
    return found


def _replace(path: Path, content: bytes, aside: Path) -> None:
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = aside / path.name
    if not kept.exists():  # what an earlier call that was killed has set aside is the original
        kept.hardlink_to(path)
        sync_directory(aside)
    put_file(path, content)
