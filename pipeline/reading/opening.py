"""Opens a stream file by its suffix."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError
from pipeline.reading.challenges import Challenges
from pipeline.reading.comma import CommaStream
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.ndjson import NdjsonStream
from pipeline.reading.parquet import ParquetStream
from pipeline.reading.rows import StreamFile

_BY_SUFFIX: dict[str, type[NdjsonStream] | type[CommaStream] | type[ParquetStream]] = {
    ".parquet": ParquetStream,
    ".ndjson": NdjsonStream,
    ".csv": CommaStream,
}

#: Rows decoded at once: enough to amortise a call, few enough to stay in a processor's cache.
CHUNK_ROWS = 1 << 16


def open_stream(
    path: Path | str,
    *,
    kind: int,
    number: int,
    devices: DeviceIds,
    challenges: Challenges,
    chunk_rows: int = CHUNK_ROWS,
    name: str | None = None,
) -> StreamFile:
    """The file as a stream of chunks of at most ``chunk_rows`` rows, decoded by suffix.

    ``kind`` is ``ping.PING`` or ``ping.CONFIRMATION``; ``number`` is the file's place among those named
    on the command line, ``name`` what it is called in texts (None: its path). Raises InputError where the
    suffix is unknown, the file cannot be read or a required column is missing. What comes out does not
    depend on ``chunk_rows``.
    """
    stream = _BY_SUFFIX.get(Path(path).suffix.lower())
    if stream is None:
        raise InputError(f"{path}: unknown kind of file; expected a name ending in {', '.join(_BY_SUFFIX)}")
    return stream(
        Path(path), name or str(path), kind, number,
        devices=devices, challenges=challenges, chunk_rows=chunk_rows,
    )  # fmt: skip
