"""A PMTiles file (version 3) of vector tiles, read tile by tile; the whole of it is never in memory."""

from __future__ import annotations

import gzip
import json
import os
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

_HEADER = struct.Struct("<7sB11Q6B4i")
_NONE, _GZIP, _VECTOR = 1, 2, 1
#: A directory points at tiles or at further directories, no deeper than this.
_DEPTH_MOST = 4
_ZOOM_MOST = 22
#: No directory or tile that is larger is read: a broken file must not fill the memory.
_PART_MOST = 64 * 2**20
_TAG = re.compile(r"<[^>]*>")


class WrongArchive(ValueError):  # noqa: N818 - the name says what is wrong
    """No archive of vector tiles; the text says why."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Of a directory: ``run`` tiles from an id on, or a further directory where it is 0."""

    tile_id: int
    run: int
    offset: int
    length: int


class TileArchive:
    """An open archive; any number of threads may read at once."""

    def __init__(self, path: Path) -> None:
        """Raises WrongArchive naming the file and what was expected."""
        self._name = str(path)
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise WrongArchive(f"{path}: cannot be read: {error.strerror}") from None
        try:
            self._read_head()
        except BaseException as error:
            self.close()
            if isinstance(error, WrongArchive):
                raise
            if isinstance(error, (struct.error, ValueError, OSError, EOFError, IndexError)):
                raise WrongArchive(
                    f"{path}: is no PMTiles archive, or a broken one; expected version 3"
                ) from None
            raise
        self._directory = lru_cache(maxsize=64)(self._read_directory)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The archive of a file."""
        return cls(path)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._file)

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile, unpacked (Mapbox Vector Tile); None where there is none. Raises WrongArchive."""
        if not (self.zooms[0] <= zoom <= self.zooms[1] and 0 <= x < 1 << zoom and 0 <= y < 1 << zoom):
            return None
        wanted = tile_id(zoom, x, y)
        offset, length = self._root
        try:
            for _ in range(_DEPTH_MOST):
                entry = _found(self._directory(offset, length), wanted)
                if entry is None:
                    return None
                if entry.run:
                    return self._unpacked(self._data + entry.offset, entry.length, self._packing)
                offset, length = self._leaves + entry.offset, entry.length
        except (ValueError, OSError, EOFError, IndexError) as error:
            raise WrongArchive(f"{self._name}: is broken: {error}") from error
        return None

    def _read_head(self) -> None:
        head = _HEADER.unpack(os.pread(self._file, _HEADER.size, 0))
        magic, version, *rest = head
        if (magic, version) != (b"PMTiles", 3):
            raise ValueError("another format")
        self._root = rest[0], rest[1]
        meta, self._leaves, self._data = (rest[2], rest[3]), rest[4], rest[6]
        _, self._inner, self._packing, kind, low, high = rest[11:17]
        if kind != _VECTOR:
            raise WrongArchive(f"{self._name}: holds pictures; expected vector tiles (MVT)")
        if not {self._inner, self._packing} <= {_NONE, _GZIP}:
            raise WrongArchive(f"{self._name}: is packed in another way; expected gzip or none")
        if not 0 <= low <= high <= _ZOOM_MOST:
            raise ValueError("zooms")
        self.zooms = low, high
        self.bounds = [degrees / 1e7 for degrees in rest[17:21]]
        told: dict[str, Any] = json.loads(self._unpacked(*meta, self._inner) or b"{}")
        self.attribution = _TAG.sub("", str(told.get("attribution") or "")).strip()
        self.layers = sorted(str(layer["id"]) for layer in told.get("vector_layers", []))

    def _read_directory(self, offset: int, length: int) -> list[_Entry]:
        return _entries(self._unpacked(offset, length, self._inner))

    def _unpacked(self, offset: int, length: int, packing: int) -> bytes:
        if length > _PART_MOST:
            raise ValueError(f"a part of {length} bytes")
        part = os.pread(self._file, length, offset)
        if len(part) < length:
            raise ValueError("it ends too soon")
        return gzip.decompress(part) if packing == _GZIP else part


def tile_id(zoom: int, x: int, y: int) -> int:
    """The number of a tile: those of lower zooms first, then along a Hilbert curve."""
    number = ((1 << zoom) ** 2 - 1) // 3
    for bit in reversed(range(zoom)):
        size = 1 << bit
        right, down = x & size, y & size
        number += ((3 * right) ^ down) << bit
        if not down:
            if right:
                x, y = size - 1 - x, size - 1 - y
            x, y = y, x
    return number


def _found(entries: list[_Entry], wanted: int) -> _Entry | None:
    """The last entry that begins at or before an id, if it reaches it."""
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        if entries[middle].tile_id <= wanted:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return None
    entry = entries[low - 1]
    return entry if entry.run == 0 or wanted < entry.tile_id + entry.run else None


def _entries(content: bytes) -> list[_Entry]:
    numbers = _varints(content)
    count = next(numbers)
    if count > len(content):
        raise ValueError("a directory of more entries than bytes")
    columns = [[next(numbers) for _ in range(count)] for _ in range(4)]
    entries: list[_Entry] = []
    at = 0
    for step, run, length, offset in zip(*columns, strict=True):
        at += step
        follows = offset == 0 and entries
        entries.append(
            _Entry(at, run, entries[-1].offset + entries[-1].length if follows else offset - 1, length)
        )
    return entries


def _varints(content: bytes) -> Any:
    value = shift = 0
    for byte in content:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
    raise ValueError("a directory that ends too soon")
