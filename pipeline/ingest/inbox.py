"""A watched directory as a source of rows: whole files, taken one after the other, each row exactly once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from pipeline.errors import InputError
from pipeline.ingest.errors import ClockInDoubt, WriterStopped
from pipeline.ingest.file_rows import PIECE_ROWS, FileRows, PieceReader
from pipeline.ingest.inbox_folder import Claim, InboxFolder
from pipeline.ingest.journal_writer import JournalWriter
from pipeline.log.errors import RecordsGoneError
from pipeline.log.protocol import LogWriter
from pipeline.log.record import STREAM_OF
from pipeline.log.rows import row_span
from pipeline.reading import Challenges, DeviceIds, open_stream

#: Real seconds between two looks at a directory in which nothing waits.
POLL_S = 0.5
#: A longer name could not be given an offset or a number on every system.
_NAME_BYTES_MOST = 200


class Inbox:
    """A thread that takes the files of a folder into the log, until ``stop`` is set.

    A file is put away only when all its rows are durable. ``report`` gets a line about each file that was
    refused or has something odd. Where rows cannot be made durable the thread sets ``stop`` itself.
    """

    def __init__(
        self,
        folder: InboxFolder,
        journal: LogWriter,
        writer: JournalWriter,
        devices: Callable[[], DeviceIds],
        *,
        report: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._writer = writer
        self._devices = devices
        self._report = report
        self._stop = stop
        self._left: set[str] = set()  # entries reported already
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def start(self) -> None:
        """Begins with the file that an earlier process did not finish."""
        self._thread.start()

    def finish(self) -> None:
        """Waits for the piece at hand after ``stop`` was set; the rest of its file is for the next start."""
        self._thread.join()

    def reraise(self) -> None:
        """Raises what ended the thread, if it was not ``stop``."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            for claim in self._folder.claimed():
                self._ingest(claim, rows_in_log(self._journal, claim))
            while not self._stop.is_set():
                self._ingest_all()
                self._stop.wait(POLL_S)
        except BaseException as failure:
            self._failure = failure
            self._stop.set()

    def _ingest_all(self) -> None:
        """Every file that waits now; without any, at least that rows could be written."""
        if not self._writer.is_writing:
            raise WriterStopped(f"the log cannot be written: {self._writer.failure}")
        for path in self._folder.waiting(self._leave):
            if self._stop.is_set():
                return
            if len(os.fsencode(path.name)) > _NAME_BYTES_MOST:
                self._refuse(path, path.name, f"a name of more than {_NAME_BYTES_MOST} bytes")
            elif (claim := self._folder.claim(path, self._journal.end_offset, self._leave)) is not None:
                self._ingest(claim, 0)

    def _leave(self, name: str, error: OSError) -> None:
        """An entry that cannot be looked at or moved stays where it is, and is reported once."""
        if name not in self._left:
            self._left.add(name)
            self._report(
                _one_line(f"{_shown(name)}: cannot be taken: {error.strerror}; it is left where it is")
            )

    def _ingest(self, claim: Claim, after_row: int) -> None:
        """The rows of a file after its first ``after_row``, which the log has already."""
        pieces, taken = self._pieces(claim, after_row), after_row
        while not self._stop.is_set():
            try:
                rows = next(pieces, None)
            except Exception as fault:  # whatever a file does to its reader, the others are still taken
                self._refuse(claim.path, claim.name, _fault_text(source_of(claim), fault, taken))
                return
            if rows is None:
                if self._folder.put_away(claim.path, claim.name, self._folder.done) is None:
                    self._report(
                        _one_line(
                            f"{source_of(claim)}: was removed while it was taken; its rows are in the log"
                        )
                    )
                return
            while not self._stop.is_set():
                try:
                    self._writer.submit(rows, source_of(claim)).result()
                except ClockInDoubt:  # the file waits, as a sender would
                    self._stop.wait(POLL_S)
                else:
                    taken = rows.first_row + len(rows) - 1
                    break

    def _pieces(self, claim: Claim, after_row: int) -> Iterator[FileRows]:
        """What is left of a file, and a line for each oddity at its end."""
        challenges, devices = Challenges(), self._devices()
        stream = open_stream(
            claim.path,
            kind=claim.kind,
            number=0,
            devices=devices,
            challenges=challenges,
            chunk_rows=PIECE_ROWS,
            name=source_of(claim),
        )
        yield from PieceReader(stream, devices, challenges).after(after_row)
        for warning in stream.warnings():
            self._report(_one_line(warning))

    def _refuse(self, path: Path, name: str, why: str) -> None:
        now = self._folder.put_away(path, name, self._folder.refused)
        self._report(_one_line(f"{why}; it is {'not there any more' if now is None else f'in {now}'}"))


def source_of(claim: Claim) -> str:
    """What rejects and texts call a file: the name it came by, as far as Unicode can say it."""
    return _shown(claim.name)


def rows_in_log(journal: LogWriter, claim: Claim) -> int:
    """How many rows of a file an earlier process made durable.

    A log that ends before the file was begun is another one, and has none.
    """
    rows = 0
    try:
        with closing(journal.reader(claim.offset)) as reader:
            while records := reader.poll():
                for record in records:
                    if record.kind in STREAM_OF and (span := row_span(record)).source == source_of(claim):
                        rows = span.first_row + span.rows - 1
    except RecordsGoneError:
        return 0
    return rows


def _fault_text(source: str, fault: Exception, taken: int) -> str:
    """Why a file was refused; what the reader does not expect is named with its kind."""
    text = str(fault) if isinstance(fault, InputError) else f"{source}: {type(fault).__name__}: {fault}"
    return f"{text}; its rows up to {taken} are taken" if taken else text


def _shown(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")


def _one_line(text: str) -> str:
    """The text without what would break or disturb a line of a log."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in " ".join(text.split()))
