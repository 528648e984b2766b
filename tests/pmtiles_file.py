"""A small PMTiles archive made by hand: one vector tile with a lake, a road and a village."""

from __future__ import annotations

import gzip
import json
import math
import struct
from pathlib import Path

Field = tuple[int, bytes | int | str]

EXTENT = 4096


def tile_at(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    """The tile that a place lies in."""
    x = (lon + 180) / 360
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int(x * 2**zoom), int(y * 2**zoom)


def vector_tile() -> bytes:
    """Water all over the tile, a road across it, a village in the middle."""
    whole = [(0, 0), (EXTENT, 0), (EXTENT, EXTENT), (0, EXTENT)]
    middle = EXTENT // 2
    return (
        _layer("water", 3, whole, {"kind": "lake"})
        + _layer("roads", 2, [(0, middle), (EXTENT, middle)], {"kind": "highway", "name": "G65"})
        + _layer("places", 1, [(middle, middle)], {"name": "渡口村", "name:en": "Dukou"})
    )


def write_pmtiles(
    path: Path, tiles: dict[int, bytes], zoom: int, *, packed: bool = True, leaf: bool = False
) -> None:
    """An archive of tiles by their numbers; ``leaf`` puts the directory one level deeper."""
    pack = gzip.compress if packed else bytes
    metadata = {
        "attribution": '<a href="x">© OpenStreetMap contributors</a>',
        "vector_layers": [{"id": name, "fields": {}} for name in ("water", "roads", "places")],
    }
    bodies = {number: pack(tile) for number, tile in sorted(tiles.items())}
    directory = pack(_directory([(number, 1, len(body)) for number, body in bodies.items()]))
    leaves = directory if leaf else b""
    root = pack(_directory([(min(tiles), 0, len(directory))])) if leaf else directory
    meta, data = pack(json.dumps(metadata).encode()), b"".join(bodies.values())
    at = [127, 127 + len(root), 127 + len(root) + len(meta), 127 + len(root) + len(meta) + len(leaves)]
    places = [part for pair in zip(at, map(len, (root, meta, leaves, data)), strict=True) for part in pair]
    packing = 2 if packed else 1
    counts = (len(tiles),) * 3
    head = struct.pack(
        "<7sB11Q6B4i", b"PMTiles", 3, *places, *counts, 1, packing, packing, 1, zoom, zoom,
        *(int(degrees * 1e7) for degrees in (106.0, 29.0, 107.0, 30.0)),
    )  # fmt: skip
    path.write_bytes(head.ljust(127, b"\0") + root + meta + leaves + data)


def _directory(entries: list[tuple[int, int, int]]) -> bytes:
    ids = [number for number, _, _ in entries]
    steps = [after - before for before, after in zip([0, *ids], ids, strict=False)]
    offsets = [1] + [0] * (len(entries) - 1)  # each behind the one before
    columns = [steps, [run for _, run, _ in entries], [length for _, _, length in entries], offsets]
    return _varint(len(entries)) + b"".join(_varint(number) for column in columns for number in column)


def _layer(name: str, kind: int, places: list[tuple[int, int]], told: dict[str, str]) -> bytes:
    tags = b"".join(_varint(number) for k in range(len(told)) for number in (k, k))
    feature = _message((2, tags), (3, kind), (4, _geometry(kind, places)))
    keys: list[Field] = [(3, key) for key in told]
    values: list[Field] = [(4, _message((1, value))) for value in told.values()]
    return _message((3, _message((15, 2), (1, name), (2, feature), *keys, *values, (5, EXTENT))))


def _geometry(kind: int, places: list[tuple[int, int]]) -> bytes:
    numbers = [1 | 1 << 3]
    before = (0, 0)
    for k, place in enumerate(places):
        if k == 1:
            numbers.append(2 | (len(places) - 1) << 3)
        numbers += [_zigzag(place[axis] - before[axis]) for axis in (0, 1)]
        before = place
    return b"".join(map(_varint, numbers + ([7 | 1 << 3] if kind == 3 else [])))


def _message(*fields: Field) -> bytes:
    written = b""
    for number, value in fields:
        if isinstance(value, int):
            written += _varint(number << 3) + _varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            written += _varint(number << 3 | 2) + _varint(len(content)) + content
    return written


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else -number * 2 - 1


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])
