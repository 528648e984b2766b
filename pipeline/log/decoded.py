"""The log as the engine reads it: batches of rows and clock marks in the order of the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pipeline.log.marks import ClockMark
from pipeline.log.protocol import BYTES_MOST, RECORDS_MOST, LogReader
from pipeline.log.record import SITE, STREAM_OF, Record
from pipeline.log.rows import RowDecoder
from pipeline.log.site_record import SiteRecord, devices_put
from pipeline.reading.raw_batch import RawBatch


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """Rows that follow each other, a clock mark or a change of the site, and the ``offset`` behind them.

    How rows are cut into batches is chance; their order is not, nor what marks stand between them.
    """

    content: RawBatch | ClockMark | SiteRecord
    offset: int


def logged(records: Sequence[Record], decoder: RowDecoder) -> list[Logged]:
    """Records as the engine takes them; rows between two others are one batch.

    A device is known from the record on that names it.
    """
    found: list[Logged] = []
    for is_rows, run in groupby(records, lambda record: record.kind in STREAM_OF):
        same = list(run)
        if is_rows:
            found.append(Logged(decoder.batch(same), same[-1].number + 1))
            continue
        for record in same:
            content = SiteRecord.of(record) if record.kind == SITE else ClockMark.of(record)
            if isinstance(content, SiteRecord):
                decoder.learn(devices_put(content.change.edits))
            found.append(Logged(content, record.number + 1))
    return found


class DecodedLog:
    """A reader and a decoder together.

    What is polled ends with a change of the site, so that what follows from it waits for no row behind it.
    """

    def __init__(self, reader: LogReader, decoder: RowDecoder) -> None:
        self._reader = reader
        self._decoder = decoder
        #: Records that were read and not polled yet.
        self._behind: list[Record] = []

    @property
    def offset(self) -> int:
        """Where the next poll goes on: what a resumed run opens its reader at."""
        return self._behind[0].number if self._behind else self._reader.offset

    @property
    def records_behind(self) -> int:
        """Durable records that were not polled yet."""
        return self._reader.end_offset - self.offset

    def poll(self, records_most: int = RECORDS_MOST, bytes_most: int = BYTES_MOST) -> list[Logged]:
        """What is new in the log, nothing where there is nothing; never waits. Raises as the reader does."""
        records = self._behind or self._reader.poll(records_most, bytes_most)
        end = next((place for place, record in enumerate(records, 1) if record.kind == SITE), len(records))
        found = logged(records[:end], self._decoder)
        self._behind = list(records[end:])
        return found

    def close(self) -> None:
        """Lets go of the file; a later poll opens it again."""
        self._reader.close()
