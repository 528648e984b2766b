"""What the console needs of whoever keeps the running site and takes its changes, wherever they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.ingest import JournalWriter
from pipeline.sites.documents import Document
from pipeline.sites.records import Site
from pipeline.sites.site_versions import Key


class Taken(Protocol):
    """A change that was taken: the record of the log that it is, the log's clock there, its edits.

    ``number`` is None where nothing differed from what stood there; then nothing was written.
    """

    @property
    def number(self) -> int | None: ...

    @property
    def at_ms(self) -> int: ...

    @property
    def edits(self) -> Sequence[Mapping[str, Any]]: ...


class Made(Taken, Protocol):
    """The same out of the history, with who made it and why."""

    @property
    def by(self) -> str: ...

    @property
    def reason(self) -> str: ...


class TakesChanges(Protocol):
    """Whoever has the log written."""

    def submit(
        self,
        operations: list[Any],
        *,
        by: str,
        reason: str,
        id: str | None = None,
        expected: Mapping[Key, int | None] | None = None,
        timeout_s: float = 30.0,
    ) -> Taken:
        """Takes a change, durably, or raises ChangeRefused and takes nothing.

        ``expected``: which record made each of these rows what it is (None: there is no such row); another
        is a fault of the code ``changed_meanwhile``. A change whose id is known is answered as it was.
        """


class KeepsSite(Protocol):
    """The registry of the site. A record of 0 stands for what was there before the first change."""

    def versions(self, key: Key) -> Sequence[Document]:
        """All versions of a row; none where there is no such row."""

    def made_by(self, key: Key) -> int | None:
        """The record that last changed a row; None where there is no such row."""

    def history(
        self,
        id: str | None = None,
        table: str | None = None,
        by: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Made]:
        """Changes before a record, the newest first."""


@dataclass(frozen=True, slots=True)
class SiteDesk:
    """Both of a running system; ``follow`` tells a listener of each later site and the record that made it.

    ``number`` is the record up to which the site that the console was started with has come. ``start`` is
    called when the log can be written, with whoever writes it here (None: another process does), ``stop``
    before it no longer can.
    """

    changes: TakesChanges
    registry: KeepsSite
    follow: Callable[[Callable[[Site, int], object]], object]
    number: int = 0
    start: Callable[[JournalWriter | None], object] = lambda _: None
    stop: Callable[[], object] = lambda: None
