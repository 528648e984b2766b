"""The archive of fixes: Parquet files by local day and hour, each written whole.

Pages have checksums, and a file's name ends in that of its footer, which says where the pages are and what
is in them: ``upto-000000000017.3f2a90c1.parquet``. So what is read is what was written, and no more of a file
is read for that than is wanted. A name without one is of a file from before there were checksums.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sinks.errors import SinkFailed

_SCRATCH = ".writing"
#: Zones differ from UTC by multiples of this, the odd ones included.
_QUARTER_MS = 900_000


@dataclass(frozen=True, slots=True)
class TrackFix:
    """One fix of a person: milliseconds since 1970, WGS-84 degrees, metres; None where not given."""

    person_id: str
    device_id: str
    office_id: str
    kind: str
    event_ms: int
    arrival_ms: int
    lon: float
    lat: float
    accuracy_m: float | None
    source: str | None


_TYPES: dict[str, pa.DataType] = {
    "person_id": pa.string(),
    "device_id": pa.string(),
    "office_id": pa.string(),
    "kind": pa.string(),
    "event_ms": pa.int64(),
    "arrival_ms": pa.int64(),
    "lon": pa.float64(),
    "lat": pa.float64(),
    "accuracy_m": pa.float64(),
    "source": pa.string(),
}
assert list(_TYPES) == [column.name for column in fields(TrackFix)]
_SCHEMA = pa.schema(list(_TYPES.items()))

#: A column as the engine has it: texts, or a numpy array (NaN for a number that is not given).
TrackColumn = Sequence[Any] | NDArray[Any]


class TrackFileDamaged(SinkFailed):
    """A file of the archive is not what was written; nothing of it is given out."""

    def __init__(self, path: Path, wrong: object) -> None:
        said = str(wrong).partition("\n")[0]
        super().__init__(f"{path}: damaged: {said}; `fencewatch data repair` sets it aside")
        self.path = path
        self.wrong = said


class TrackArchive:
    """Fixes under one directory, at ``2025-07-14/08/NAME.parquet`` by the local hour of their event time.

    ``damaged`` are the files that ``compact`` had to leave as they were.
    """

    def __init__(self, directory: Path, timezone: ZoneInfo) -> None:
        self.damaged: dict[Path, TrackFileDamaged] = {}
        self._directory = directory
        self._timezone = timezone
        directory.mkdir(parents=True, exist_ok=True)

    def append(self, columns: dict[str, TrackColumn], name: str) -> int:
        """Writes fixes, given as columns named as in ``TrackFix``; returns how many. Durable on return.

        ``name`` names the batch, say ``epoch-17-worker-0``: the same batch written again replaces its own
        files, and rows that another batch has already are shown once.
        """
        assert columns.keys() == _TYPES.keys(), "the columns are those of TrackFix"
        cells = [pa.array(columns[field], _TYPES[field], from_pandas=True) for field in _TYPES]
        table = pa.Table.from_arrays(cells, schema=_SCHEMA).sort_by(_ORDER)
        quarter = np.asarray(table["event_ms"]) // _QUARTER_MS
        folders: dict[Path, NDArray[np.bool_]] = {}
        for number in np.unique(quarter).tolist():
            folder, here = self._folder(number * _QUARTER_MS), quarter == number
            folders[folder] = folders[folder] | here if folder in folders else here
        for folder, here in folders.items():
            _put(table.filter(pa.array(here)), folder, name)
        return len(table)

    def read(self, person_id: str, from_ms: int, to_ms: int, *, limit: int = 100_000) -> list[TrackFix]:
        """The fixes of a person with ``from_ms <= event_ms < to_ms``, oldest first, the first ``limit``.

        Raises TrackFileDamaged: what is left of a track without a damaged file would pass for all of it.
        """
        wanted = [("person_id", "==", person_id), ("event_ms", ">=", from_ms), ("event_ms", "<", to_ms)]
        while True:
            try:
                parts = [_read(path, wanted) for path in self._files(from_ms, to_ms)]
                break
            except (
                FileNotFoundError
            ):  # merged into another since it was listed, which may have been read before
                continue
        if not parts:
            return []
        table = _distinct(pa.concat_tables(parts)).sort_by(_BY_TIME).slice(0, limit)
        return [TrackFix(**row) for row in table.to_pylist()]

    def compact(self, before_ms: int) -> int:
        """Makes one file of each local hour that ended before an instant; returns how many files went.

        Only the program that appends may call it. A crash in between leaves rows in two files. An hour with a
        damaged file stays as it is.
        """
        gone = 0
        for folder in sorted(self._directory.glob("*/*")):
            parts = sorted(folder.glob("*.parquet"))
            if len(parts) > 1 and (folder.parent.name, folder.name) < self._place(before_ms):
                try:
                    gone += _merge(folder, parts)
                except TrackFileDamaged as damage:
                    self.damaged[damage.path] = damage
        return gone

    def remove_before(self, before_ms: int) -> list[str]:
        """Removes whole local days that ended before an instant; returns their names."""
        day_now = self._place(before_ms)[0]
        gone = sorted(day.name for day in self._directory.iterdir() if day.is_dir() and day.name < day_now)
        for day in gone:
            for path in sorted((self._directory / day).rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (self._directory / day).rmdir()
        return gone

    def _files(self, from_ms: int, to_ms: int) -> Iterator[Path]:
        first, last = self._place(from_ms), self._place(max(from_ms, to_ms - 1))
        for day in sorted(self._directory.iterdir()):
            if first[0] <= day.name <= last[0] and day.is_dir():
                for hour in sorted(day.iterdir()):
                    if first <= (day.name, hour.name) <= last:
                        yield from sorted(hour.glob("*.parquet"))

    def _folder(self, at_ms: int) -> Path:
        day, hour = self._place(at_ms)
        return self._directory / day / hour

    def _place(self, at_ms: int) -> tuple[str, str]:
        moment = datetime.fromtimestamp(at_ms / 1000, self._timezone)
        return moment.strftime("%Y-%m-%d"), moment.strftime("%H")


_BY_TIME = [("event_ms", "ascending"), ("arrival_ms", "ascending"), ("device_id", "ascending")]
#: One person's fixes lie together, so that the statistics of a row group tell who is not in it.
_ORDER = [("person_id", "ascending"), *_BY_TIME]
_GROUP_ROWS = 8192
#: A file's own name, and the checksum of its footer.
_NAMED_SUM = re.compile(r"(.+)\.([0-9a-f]{8})\.parquet")
#: A file ends in the length of its footer and four letters.
_TAIL_BYTES = 8


def _distinct(table: pa.Table) -> pa.Table:
    """Every row once: no two accepted rows are the same, so equal ones are one fix in two files."""
    return table.group_by(list(_TYPES)).aggregate([]).select(list(_TYPES))


def _merge(folder: Path, parts: list[Path]) -> int:
    """Makes one file of several; returns how many fewer there are. Raises TrackFileDamaged."""
    # A name of its own: a batch that is written again must replace nothing but itself.
    name = hashlib.sha256("/".join(path.name for path in parts).encode()).hexdigest()[:16]
    table = _distinct(pa.concat_tables([_read(path, None) for path in parts]))
    _put(table.sort_by(_ORDER), folder, f"merged-{name}")
    for path in parts:
        path.unlink()
    return len(parts) - 1


def check_file(path: Path) -> int:
    """How many fixes a file holds, all of it read. Raises TrackFileDamaged, FileNotFoundError."""
    return len(_read(path, None))


def has_checksum(path: Path) -> bool:
    """Whether a file is of the time since there are checksums."""
    return _NAMED_SUM.fullmatch(path.name) is not None


def _read(path: Path, wanted: list[tuple[str, str, object]] | None) -> pa.Table:
    try:
        _check_footer(path)
        return pq.read_table(
            path, schema=_SCHEMA, filters=wanted, partitioning=None, use_threads=False,
            page_checksum_verification=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as wrong:
        raise TrackFileDamaged(path, wrong) from None


def _check_footer(path: Path) -> None:
    """Compares the footer with the checksum in the name; raises ValueError where it is another."""
    named = _NAMED_SUM.fullmatch(path.name)
    if named is None:
        return
    with path.open("rb") as file:
        found = _footer_sum(file.fileno())
    if found != named[2]:
        raise ValueError("its footer has another checksum than its name")


def _footer_sum(handle: int) -> str:
    """The checksum of a file's footer, of what says how long that is, and of how long the file is."""
    size = os.fstat(handle).st_size
    length = int.from_bytes(os.pread(handle, 4, max(0, size - _TAIL_BYTES)), "little")
    begin = max(0, size - _TAIL_BYTES - length)
    return f"{zlib.crc32(os.pread(handle, size - begin, begin), zlib.crc32(str(size).encode())):08x}"


def _put(table: pa.Table, folder: Path, name: str) -> None:
    """Writes a file so that it is there whole or not at all, and on disk; it replaces what bore its name."""
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f"{name}.parquet{_SCRATCH}"
    pq.write_table(table, scratch, row_group_size=_GROUP_ROWS, compression="zstd", write_page_checksum=True)
    handle = os.open(scratch, os.O_RDONLY)
    try:
        os.fsync(handle)
        path = folder / f"{name}.{_footer_sum(handle)}.parquet"
    finally:
        os.close(handle)
    scratch.replace(path)
    for former in folder.glob(f"{name}*.parquet"):
        named = _NAMED_SUM.fullmatch(former.name)
        if former != path and (former.name == f"{name}.parquet" or (named is not None and named[1] == name)):
            former.unlink()
    for place in (folder, folder.parent, folder.parent.parent):
        _sync(place)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
