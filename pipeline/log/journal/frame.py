"""The bytes of a segment: its head, then records in frames with a length and a checksum each.

All numbers are little-endian. A head is magic, salt, first record number, the number after the segment
before it, start of the clock, clock, CRC-32. A frame is a sync word, payload length, record number, clock,
how many records before it in the same write, kind, CRC-32, payload. The sync word and the seed of the
checksums come from the segment's salt, drawn at random: nothing that a payload holds and no old block of
the disk passes for a frame. The second half of the salt is a mark of the data directory's identity, as the
magic says; in a log that was begun before there were identities it is random as well.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.log.record import PAYLOAD_BYTES_MOST, Record

_UNMARKED, _MARKED = b"FWJOURN1", b"FWJOURN2"
#: The part of a salt that is always random, and all of it.
SYNC_BYTES, SALT_BYTES = 4, 8
_HEAD = struct.Struct("<8s8sQQqq")
_FRAME = struct.Struct("<4sIQqIB3x")
_CRC = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CRC.size
FRAME_BYTES = _FRAME.size + _CRC.size

#: Bytes in hand: of a file, of a map of one, or of a part of one.
Bytes = bytes | memoryview


class FrameError(Exception):
    """What stands at a place is no frame, or not the one that should."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a segment says of itself.

    Its records begin at number ``first``; the segment before it ends before ``after``, which is less only
    where acknowledged records were lost and their numbers given up. ``start_ms`` is the start of the
    engine's clock, ``clock_ms`` the log's clock where the segment begins (both BEGIN_MS if unknown).
    """

    salt: bytes
    first: int
    after: int
    start_ms: int
    clock_ms: int
    is_marked: bool = False

    @property
    def mark(self) -> bytes | None:
        """Which data directory the segment is of; None where it does not say."""
        return self.salt[SYNC_BYTES:] if self.is_marked else None

    @property
    def sync(self) -> bytes:
        """What every frame of the segment begins with."""
        return self.salt[:SYNC_BYTES]

    @property
    def seed(self) -> int:
        """What the checksums of the segment's frames begin with."""
        return zlib.crc32(self.salt)

    def encoded(self) -> bytes:
        """The head as it stands in the file."""
        magic = _MARKED if self.is_marked else _UNMARKED
        body = _HEAD.pack(magic, self.salt, self.first, self.after, self.start_ms, self.clock_ms)
        return body + _CRC.pack(zlib.crc32(body))


class Frame(NamedTuple):
    """A whole frame: its record, the first record of the write it came in, and where it ends."""

    record: Record
    group: int
    end: int


def head_of(content: bytes) -> Head:
    """The head at the front of a segment; raises FrameError where it is none."""
    body, crc = content[: _HEAD.size], content[_HEAD.size : HEAD_BYTES]
    if len(crc) < _CRC.size or _CRC.unpack(crc)[0] != zlib.crc32(body):
        raise FrameError("the head of the segment is not whole")
    magic, salt, first, after, start_ms, clock_ms = _HEAD.unpack(body)
    if magic not in (_UNMARKED, _MARKED):
        raise FrameError("the head of the segment is of a later version")
    return Head(salt, first, after, start_ms, clock_ms, magic == _MARKED)


def mark_of(identity: str) -> bytes:
    """What the segments of a data directory bear of its identity."""
    return zlib.crc32(identity.encode()).to_bytes(SALT_BYTES - SYNC_BYTES, "little")


def frame_of(head: Head, record: Record, back: int) -> bytes:
    """A record as a frame, ``back`` records after the first of its write."""
    payload = record.payload
    body = _FRAME.pack(head.sync, len(payload), record.number, record.clock_ms, back, record.kind)
    return b"".join((body, _CRC.pack(zlib.crc32(payload, zlib.crc32(body, head.seed))), payload))


def frame_at(head: Head, content: Bytes, place: int) -> Frame | None:
    """The frame at a place; None where the bytes end first. Raises FrameError where there is none."""
    body_end, begin = place + _FRAME.size, place + FRAME_BYTES
    if len(content) < begin:
        return None
    sync, length, number, clock_ms, back, kind = _FRAME.unpack_from(content, place)
    if sync != head.sync or length > PAYLOAD_BYTES_MOST or back > number:
        raise FrameError("no record begins here")
    end = begin + length
    if len(content) < end:
        return None
    payload = bytes(content[begin:end])
    crc = zlib.crc32(payload, zlib.crc32(content[place:body_end], head.seed))
    if _CRC.unpack_from(content, body_end)[0] != crc:
        raise FrameError("its checksum does not hold")
    return Frame(Record(number, kind, clock_ms, payload), number - back, end)


def frame_bytes(content: bytes) -> int:
    """How long the frame at the front of some bytes is, as far as they say."""
    if len(content) < FRAME_BYTES:
        return FRAME_BYTES
    return FRAME_BYTES + min(int(_FRAME.unpack_from(content)[1]), PAYLOAD_BYTES_MOST)
