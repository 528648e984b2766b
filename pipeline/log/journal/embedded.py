"""The journal of a directory as a log, for whoever need not know what keeps it."""

from __future__ import annotations

from pathlib import Path

from pipeline.log.journal.consumer_offsets import ConsumerOffsets
from pipeline.log.journal.high_water_mark import HighWaterMarkReader
from pipeline.log.journal.journal import SEGMENT_BYTES, Journal
from pipeline.log.journal.reader import JournalReader
from pipeline.log.journal.segment import segment_firsts, segment_path
from pipeline.log.protocol import Consumers, Log, LogReader, LogWriter


class EmbeddedLog:
    """A ``protocol.Log`` in a directory of this machine."""

    def __init__(self, directory: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self._segment_bytes = segment_bytes
        self._end = HighWaterMarkReader(directory)

    @property
    def name(self) -> str:
        return str(self.directory)

    @property
    def is_there(self) -> bool:
        return self.directory.is_dir()

    @property
    def first_offset(self) -> int:
        return min(segment_firsts(self.directory), default=0) if self.is_there else 0

    @property
    def end_offset(self) -> int:
        return self._end.read()

    def offset_near_end(self, records_most: int, bytes_most: int) -> int:
        near = end = self.end_offset
        for first in reversed(segment_firsts(self.directory) if self.is_there else []):
            bytes_most -= segment_path(self.directory, first).stat().st_size
            if bytes_most < 0:
                break
            near = min(near, first)
        return max(near, end - records_most)

    @property
    def consumers(self) -> Consumers:
        return ConsumerOffsets(self.directory)

    def reader(self, offset: int = 0) -> LogReader:
        return JournalReader(self.directory, offset)

    def writer(self) -> LogWriter:
        return Journal(self.directory, self._segment_bytes)


def embedded(directory: Path) -> Log:
    """The log that a data directory has by itself."""
    return EmbeddedLog(directory)
