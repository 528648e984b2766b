"""The rows of the registry read beside other work: who reads a site need not wait for its last table.

SQLite lets other threads work while it reads, so the tables that were read are made columns of meanwhile.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import overload

from pipeline.json_text import json_value
from pipeline.registry import site_rows
from pipeline.sites.documents import POLICIES, TABLES
from pipeline.sites.joined_lines import JoinedLines, Placed, in_order
from pipeline.sites.site_lines import SiteLines
from pipeline.sites.site_versions import FENCES, KEPT_BY_ROW
from sinks.sqlite import sqlite3

#: The reader needs the interpreter for a moment after each part, and is not to wait long for it.
_TURN_S = 0.0005


class OutOfOrder(Exception):  # noqa: N818 - the name says what is the matter
    """A table goes on behind another that was to follow it."""


class ComingLines(Sequence[str]):
    """The rows of a table, for which whoever asks waits."""

    def __init__(self) -> None:
        self.coming: Future[JoinedLines] = Future()

    def joined(self) -> JoinedLines:
        """All of them. Raises what kept them from being read, or OutOfOrder."""
        return self.coming.result()

    def __len__(self) -> int:
        return len(self.joined())

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        return self.joined()[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self.joined())


@contextmanager
def coming_lines(connect: Callable[[], sqlite3.Connection], record: int) -> Iterator[SiteLines]:
    """``site_rows.lines_at``, read by a thread of its own while the block runs.

    Raises OutOfOrder, whatever the block came to, where the rows do not stand as an import writes them: what
    was read was not all, and they must be read by ``lines_at``. ``connect`` gives a connection of the
    caller's own.
    """
    lines = {kind: ComingLines() for kind in (*TABLES, FENCES)}
    faults: list[BaseException] = []
    with closing(connect()) as connection, closing(connect()) as others:
        reader = threading.Thread(target=_read, args=(others, record, lines, faults), name="rows")
        turn_s = sys.getswitchinterval()
        sys.setswitchinterval(_TURN_S)
        reader.start()
        try:
            policies = site_rows.lines_of(connection, POLICIES, record)
            yield SiteLines(
                {kind: lines[kind] for kind in TABLES},
                lines[FENCES],
                policies=tuple(map(json_value, policies)),
                **site_rows.texts_at(connection, record),
            )
        finally:
            reader.join()
            sys.setswitchinterval(turn_s)
            for fault in faults:
                if isinstance(fault, OutOfOrder):
                    raise fault


def _read(
    connection: sqlite3.Connection, record: int, lines: dict[str, ComingLines], faults: list[BaseException]
) -> None:
    try:
        for kind, rows in _tables(connection, record):
            if kind in lines:
                lines[kind].coming.set_result(in_order(rows))
    except BaseException as fault:  # whoever asks for the rows is told
        faults.append(fault)
        for waiting in lines.values():
            if not waiting.coming.done():
                waiting.coming.set_exception(fault)


def _tables(connection: sqlite3.Connection, record: int) -> Iterator[tuple[str, list[Placed]]]:
    """Each table, once all of it was read, in the order of an import.

    Raises OutOfOrder. What came by changes stands behind all that was imported, and is read first.
    """
    imported, last = site_rows.ends(connection)
    changed = site_rows.joined_rows(connection, record, imported, last)
    found: dict[str, list[Placed]] = {kind: [] for kind in KEPT_BY_ROW}
    at = 0
    for kind, rows in site_rows.parts(connection, record, 0, imported):
        number = KEPT_BY_ROW.index(kind)
        if number < at:
            raise OutOfOrder
        for done in KEPT_BY_ROW[at:number]:
            yield done, found.pop(done) + changed[done]
        at = number
        found[kind].append(rows)
    for done in KEPT_BY_ROW[at:]:
        yield done, found.pop(done) + changed[done]
