"""Bytes with a length and a checksum in front: what is read back is what was written, or FrameDamaged.

CRC-32 finds every change within 32 bits in a row, and all but one in four billion of any other. The log has
it too, and zlib is fast at it; a stronger sum would be against forgers, who could as well write it anew. Each
frame is sealed with the name of the place it belongs to: one of another place, whole as it is, is damage too.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

_HEAD = struct.Struct("<4sQI")
_MAGIC = b"FWF1"


class FrameDamaged(ValueError):  # noqa: N818 - the name says what is the matter
    """The bytes are not those that were written; the message says what is wrong."""


def framed(content: bytes, place: str) -> bytes:
    """Content as it stands on disk at a place of that name."""
    head = _HEAD.pack(_MAGIC, len(content), _sum(content, place))
    return head + content


def frame_sum(frame: bytes) -> int:
    """The checksum that a frame bears."""
    return int(_HEAD.unpack_from(frame)[2])


def read_frame(file: BinaryIO, place: str) -> tuple[bytes, int]:
    """The content of the next frame of a file, and its checksum. Raises FrameDamaged."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise FrameDamaged("it ends too early")
    magic, length, recorded = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise FrameDamaged("no frame begins where one should")
    content = _read(file, length)
    if _sum(content, place) != recorded:
        raise FrameDamaged("its checksum does not hold")
    return content, recorded


def _read(file: BinaryIO, length: int) -> bytes:
    """So many bytes; a length that is wrong takes no memory that the file does not have."""
    here = file.tell()
    rest = file.seek(0, 2) - here
    file.seek(here)
    if rest < length:
        raise FrameDamaged("it ends too early")
    return file.read(length)


def _sum(content: bytes, place: str) -> int:
    return zlib.crc32(content, zlib.crc32(f"{len(content)} {place}".encode("utf-8", "surrogatepass")))
