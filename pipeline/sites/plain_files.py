"""The rows of a site's files as a registry writes them, where that takes no look at each cell.

Nothing is checked here but that the files can be read: that each row is exactly what the long way would make
of it, and that the long way would find no fault in how it is written. What a row says is not looked at.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.sites.documents import (
    FENCES,
    HOLIDAYS,
    PLACES,
    POLICY,
    TABLES,
    Document,
    TableForm,
    known_feature,
    rows_of,
)
from pipeline.sites.fences import PROPERTIES
from pipeline.sites.findings import Findings, Place
from pipeline.sites.lines import Lines
from pipeline.sites.load import DirectoryFiles, is_site_directory
from pipeline.sites.misplaced_crs import fault_feature_crs
from pipeline.sites.plain_text import compact_elements, put_in_order, rows_as_json
from pipeline.sites.site_versions import FENCES as FENCE_TABLE
from pipeline.sites.table import read_text

#: What JSON writes otherwise than a table does, or a table otherwise than JSON; rows end by a line feed.
_ODD = bytes([*range(10), *range(11, 32), *b'"\\'])
#: So many features are looked at together.
_AT_ONCE = 1_000
#: What stands before and after the features of a collection: each begins a line, and so does what follows.
_AROUND = (
    (b'{"type":"FeatureCollection","features":[', b"]}"),
    (b'{"features":[', b'],"type":"FeatureCollection"}'),
)
#: What a feature is made of.
_MEMBERS = ("type", "properties", "geometry")
#: Ends of arrays in a collection, of which it has one.
_ENDS_MOST = 8
#: What each name of a member ends with, and else only a text with a quote in it.
_NAMED = b'":'

_UNSET = msgspec.UNSET


@dataclass(frozen=True, slots=True, eq=False)
class FileRows:
    """The rows of a file as JSON: each that stands so in the registry is the row that stands there.

    ``written`` gives others as the registry would write them, if it writes them otherwise; None where they
    have to be looked at in every way.
    """

    lines: Lines
    written: Callable[[Sequence[bytes]], list[str] | None]


@dataclass(frozen=True, slots=True, eq=False)
class PlainFiles:
    """What the files of a directory say: ``rows`` by table, fences too; the rest as in ``SiteDocuments``."""

    rows: Mapping[str, FileRows]
    policy: str
    holidays: str
    places: str
    policies: tuple[Document, ...]


def plain_files(directory: Path) -> PlainFiles | None:
    """What the files say; None where they have to be looked at in every way, as where one is broken."""
    findings = Findings()
    if not is_site_directory(directory, findings):
        return None
    files = DirectoryFiles(directory)
    texts = [files.text(name, findings) for name in (POLICY, HOLIDAYS, PLACES)]
    policies = tuple(table for table, _ in files.policies(findings))
    with ThreadPoolExecutor(1, "fences") as beside:  # what reads them lets go of the interpreter's lock
        reading = beside.submit(_fences, directory / FENCES)
        rows = _tables(directory, files, findings)
        fences = reading.result()
    if rows is None or fences is None:
        return None
    policy, holidays, places = (text or "" for text in texts)
    return PlainFiles({**rows, FENCE_TABLE: fences}, policy, holidays, places, policies)


def _tables(directory: Path, files: DirectoryFiles, findings: Findings) -> dict[str, FileRows] | None:
    rows: dict[str, FileRows] = {}
    for name, form in TABLES.items():
        rows[name] = _table(directory / form.file, files, name, findings)
        if findings.faults:
            return None
    return rows


def _table(path: Path, files: DirectoryFiles, name: str, findings: Findings) -> FileRows:
    """The rows of a table: those of a large one that is plain without a look at each cell."""
    form = TABLES[name]
    plain = _plain_rows(path, form) if name in ("people", "devices") else None
    if plain is None:
        table = files.table(name, findings)
        plain = Lines.of(map(line_of, () if table is None else rows_of(table, form)))
    return FileRows(plain, _as_they_are)


def _as_they_are(lines: Sequence[bytes]) -> list[str]:
    return [line.decode() for line in lines]


def _plain_rows(path: Path, form: TableForm) -> Lines | None:
    """The rows of a file whose cells stand in JSON as they stand here; None where that is not certain."""
    text = read_text(path, Place(Findings(), form.file, "file"))
    if text is None:
        return None
    content = text.replace("\r\n", "\n").lstrip("\n").encode()
    if len(content.translate(None, _ODD)) < len(content):
        return None
    header, _, rows = content.partition(b"\n")
    columns = tuple(header.decode().split(","))
    if columns not in (form.columns, (*form.columns, *form.optional)):
        return None
    empty = "".join(f',"{name}":""' for name in form.optional if name not in columns)
    names = [f'"{name}":"' for name in columns]
    between = [f"{{{names[0]}", *(f'",{name}' for name in names[1:]), f'"{empty}}}']
    return _json_rows(rows, [piece.encode() for piece in between])


def _json_rows(rows: bytes, between: Sequence[bytes]) -> Lines | None:
    pieces, ends = b"".join(between), np.cumsum(list(map(len, between)))
    room = len(rows) + (rows.count(b"\n") + 1) * (len(pieces) + 1)
    into = np.empty(room, np.uint8)
    length = rows_as_json(_bytes(rows), _bytes(pieces), ends, csv.field_size_limit(), into)
    return None if length < 0 else Lines(into[:length])


def _bytes(text: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(text, np.uint8)


def line_of(row: Document) -> str:
    """A row as the registry writes it, for the most part: where a number is written otherwise, it differs."""
    return msgspec.json.encode(row).decode()


class _Properties(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a fence may have, in the order in which it is written."""

    fence_id: str
    name: str | msgspec.UnsetType = _UNSET
    rule: str | msgspec.UnsetType = _UNSET
    group: str | msgspec.UnsetType = _UNSET
    applies_to: list[str] | msgspec.UnsetType = _UNSET
    crs: str | msgspec.UnsetType = _UNSET
    tolerance_m: int | float | msgspec.UnsetType = _UNSET
    schedule: list[str] | msgspec.UnsetType = _UNSET
    valid_from: str | msgspec.UnsetType = _UNSET
    valid_to: str | msgspec.UnsetType = _UNSET
    severity: int | msgspec.UnsetType = _UNSET
    radius_m: int | float | msgspec.UnsetType = _UNSET
    buffer_m: int | float | msgspec.UnsetType = _UNSET


class _Feature(msgspec.Struct, tag="Feature", tag_field="type", forbid_unknown_fields=True, gc=False):
    properties: _Properties
    geometry: Any


_decoded: Callable[[Any], _Feature] = msgspec.json.Decoder(_Feature).decode
_encoder = msgspec.json.Encoder()


def _fences(path: Path) -> FileRows | None:
    """The features of a collection; None where anything is odd beyond single features."""
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError:
        return None
    into = np.empty(len(content) + _ENDS_MOST, np.uint8)
    length = compact_elements(_bytes(content), into)
    for begin, end in _AROUND:
        inside = into[len(begin) : length - len(end)]
        is_around = length > len(begin) + len(end) and into[: len(begin)].tobytes() == begin
        if is_around and into[length - len(end) : length].tobytes() == end:
            if len(inside) == 1 and inside.tobytes() == b"\n":  # no feature at all
                inside = inside[:0]
            put_in_order(inside, *_names(_MEMBERS), *_names(PROPERTIES))
            return FileRows(Lines(inside), _features_written)
    return None


def _names(names: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return _bytes("".join(names).encode()), np.cumsum([0, *map(len, names)])


def _features_written(raws: Sequence[bytes]) -> list[str] | None:
    """Features without space between their tokens as the registry writes them; None where one is odd."""
    lines: list[str] = []
    for first in range(0, len(raws), _AT_ONCE):
        some = raws[first : first + _AT_ONCE]
        found = _plain_features(some) or _looked_at(some)
        if found is None:
            return None
        lines += found
    return lines


def _plain_features(raws: Sequence[bytes]) -> list[str] | None:
    """The rows of features; None where one must be looked at by itself."""
    try:
        written = _encoder.encode_lines(list(map(_decoded, raws)))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    # Where no text has a quote in it, each name is one, and none was given twice or left out.
    if b"\\" in written or written.count(_NAMED) != b"\n".join(raws).count(_NAMED):
        return None
    return written.decode().split("\n")[:-1]


def _looked_at(raws: Sequence[bytes]) -> list[str] | None:
    """The same of features of any kind; None where one has to be looked at with all others."""
    lines = [line for line in map(_line_of_feature, raws) if line is not None]
    return lines if len(lines) == len(raws) else None


def _line_of_feature(raw: bytes) -> str | None:
    feature = _distinct(raw)
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or feature.get("type") != "Feature":
        return None
    fault_feature_crs(feature, Place(findings := Findings(), FENCES, ""))
    if not isinstance(properties.get("fence_id"), str) or findings.faults:
        return None
    return line_of(known_feature(feature))


def _distinct(raw: bytes) -> Any:
    """What is written; None where a member is given twice, or where it is no JSON for everybody."""
    is_twice = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_twice
        found = dict(pairs)
        is_twice |= len(found) < len(pairs)
        return found

    try:
        json.loads(raw, object_pairs_hook=members)
        return None if is_twice else msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
