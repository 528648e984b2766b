"""The rows of a site's files as a registry writes them, where that takes no look at each cell.

Nothing is checked here but that the files can be read: that each row is exactly what the long way would make
of it, and that the long way would find no fault in how it is written. What a row says is not looked at.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

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
from pipeline.sites.findings import Findings, Place
from pipeline.sites.load import DirectoryFiles, is_site_directory
from pipeline.sites.misplaced_crs import fault_feature_crs
from pipeline.sites.site_versions import FENCES as FENCE_TABLE
from pipeline.sites.table import read_text

#: What JSON writes otherwise than a table does, or a table otherwise than JSON; rows end by a line feed.
_ODD = bytes([*range(10), *range(11, 32), *b'"\\'])
#: So many features are looked at together.
_AT_ONCE = 1_000
#: The end of a name and its colon, where they are apart.
_APART = re.compile(rb'"[ \t\r\n]+:')
#: What each name of a member ends with, and else only a text with a quote in it.
_NAMED = b'":'

_UNSET = msgspec.UNSET


@dataclass(frozen=True, slots=True, eq=False)
class FileRows:
    """The rows of a file as JSON, each as the registry would write it, and the ids that they are about."""

    lines: Sequence[str]
    ids: Sequence[str]


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
    rows: dict[str, FileRows] = {}
    for name, form in TABLES.items():
        found = _table(directory / form.file, files, name, findings)
        if found is None or findings.faults:
            return None
        rows[name] = found
    fences = _fences(directory / FENCES)
    if fences is None:
        return None
    policy, holidays, places = (text or "" for text in texts)
    return PlainFiles({**rows, FENCE_TABLE: fences}, policy, holidays, places, policies)


def _table(path: Path, files: DirectoryFiles, name: str, findings: Findings) -> FileRows | None:
    """The rows of a table: those of a large one that is plain without a look at each cell."""
    form = TABLES[name]
    plain = _plain_rows(path, form) if name in ("people", "devices") else None
    if plain is not None:
        return plain
    table = files.table(name, findings)
    if table is None:
        return FileRows((), ())
    rows = rows_of(table, form)
    return FileRows([line_of(row) for row in rows], [row[form.id_column] for row in rows])


def _plain_rows(path: Path, form: TableForm) -> FileRows | None:
    """The rows of a file whose cells stand in JSON as they stand here; None where that is not certain."""
    text = read_text(path, Place(Findings(), form.file, "file"))
    if text is None:
        return None
    text = text.replace("\r\n", "\n")
    content = text.encode()
    if len(content.translate(None, _ODD)) < len(content):
        return None
    header, *lines = list(filter(None, text.split("\n"))) or [""]
    columns = tuple(header.split(","))
    if columns not in (form.columns, (*form.columns, *form.optional)):
        return None
    if max(map(len, lines), default=0) > csv.field_size_limit():
        return None
    empty = "".join(f',"{name}":""' for name in form.optional if name not in columns)
    row = "{" + ",".join(f'"{name}":"%s"' for name in columns) + empty + "}"
    try:
        written = [row % tuple(line.split(",")) for line in lines]
    except TypeError:  # more cells than columns, or fewer
        return None
    return FileRows(written, [line.partition(",")[0] for line in lines])


def line_of(row: Document) -> str:
    """A row as the registry writes it, for the most part: where a number is written otherwise, it differs."""
    return msgspec.json.encode(row).decode()


class _Collection(
    msgspec.Struct, tag="FeatureCollection", tag_field="type", forbid_unknown_fields=True, gc=False
):
    features: list[msgspec.Raw]


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
    if read_text(path, Place(Findings(), FENCES, "file")) is None:
        return None
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if any(space + b":" in content for space in (b" ", b"\t", b"\r", b"\n")) and _APART.search(content):
        return None
    try:
        features = msgspec.json.decode(content, type=_Collection).features
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    # Of its own the collection names its type and its features, once each.
    named = content.count(_NAMED) - 2
    lines: list[str] = []
    ids: list[str] = []
    for first in range(0, len(features), _AT_ONCE):
        raws = features[first : first + _AT_ONCE]
        of_these = b"\n".join(raws).count(_NAMED)
        named -= of_these
        found = _plain_features(raws, of_these) or _looked_at(raws)
        if found is None:
            return None
        lines += found.lines
        ids += found.ids
    return FileRows(lines, ids) if named == 0 else None


def _plain_features(raws: Sequence[Any], named: int) -> FileRows | None:
    """The rows of features with so many names in all; None where one must be looked at by itself."""
    try:
        found = list(map(_decoded, raws))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    written = _encoder.encode_lines(found)
    # Where no text has a quote in it, each name is one, and none was given twice or left out.
    if b"\\" in written or written.count(_NAMED) != named:
        return None
    return FileRows(written.decode().split("\n")[:-1], [feature.properties.fence_id for feature in found])


def _looked_at(raws: Sequence[Any]) -> FileRows | None:
    """The same of features of any kind; None where one has to be looked at with all others."""
    rows = [_row_of(bytes(raw)) for raw in raws]
    found = [row for row in rows if row is not None]
    return FileRows(*map(list, zip(*found, strict=True))) if len(found) == len(rows) else None


def _row_of(raw: bytes) -> tuple[str, str] | None:
    """The line and the id of a feature."""
    feature = _distinct(raw)
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or feature.get("type") != "Feature":
        return None
    fence_id = properties.get("fence_id")
    fault_feature_crs(feature, Place(findings := Findings(), FENCES, ""))
    if not isinstance(fence_id, str) or findings.faults:
        return None
    return line_of(known_feature(feature)), fence_id


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
