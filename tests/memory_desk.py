"""Changes of a console's site in memory: resolved, checked and taken as a running system does, and no log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.site_desk import SiteDesk
from pipeline.sites.change_faults import ChangeFault, ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import Document
from pipeline.sites.edits import apply_edits, edited, place_of
from pipeline.sites.findings import Findings
from pipeline.sites.load import load_documents, site_of
from pipeline.sites.records import Site
from pipeline.sites.site_versions import IndexedSite, Key


@dataclass(frozen=True)
class Kept:
    """A change that was taken."""

    number: int | None
    at_ms: int
    id: str
    by: str
    reason: str
    operations: Sequence[Any]
    edits: Sequence[Mapping[str, Any]]


@dataclass
class MemoryDesk:
    """Both the desk and the registry; the log's clock is whatever ``now_ms`` says."""

    site: Path
    now_ms: Callable[[], int]
    kept: list[Kept] = field(default_factory=list)
    listeners: list[Callable[[Site, int], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mutex = threading.Lock()
        self.documents = load_documents(self.site)
        self._indexed = IndexedSite(self.documents)
        self._made: dict[Key, int] = {}

    def submit(
        self,
        operations: list[Any],
        *,
        by: str,
        reason: str,
        id: str | None = None,
        expected: Mapping[Key, int | None] | None = None,
        timeout_s: float = 30.0,
    ) -> Kept:
        with self._mutex:
            for known in self.kept:
                if id is not None and known.id == id:
                    return known
            self._check(expected or {})
            now_ms = self.now_ms()
            edits = resolved(self._indexed, operations, now_ms)
            number = 1 + len(self.kept) if edits else None
            kept = Kept(number, now_ms, id or f"change-{number}", by, reason, operations, edits.edits)
            if number is not None:
                self._take(kept, number)
            return kept

    def versions(self, key: Key) -> Sequence[Document]:
        return self._indexed.versions(key)

    def made_by(self, key: Key) -> int | None:
        return self._made.get(key, 0) if self._indexed.versions(key) else None

    def history(
        self,
        id: str | None = None,
        table: str | None = None,
        by: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Kept]:
        found = [
            kept
            for kept in reversed(self.kept)
            if by in (None, kept.by)
            and (from_ms is None or kept.at_ms >= from_ms)
            and (to_ms is None or kept.at_ms < to_ms)
            and (before is None or (kept.number or 0) < before)
            and any(table in (None, edit["table"]) and id in (None, place_of(edit)[0]) for edit in kept.edits)
        ]
        return found[:limit]

    def _check(self, expected: Mapping[Key, int | None]) -> None:
        faults = [
            ChangeFault(0, *key, "", f"was made by {self.made_by(key)}", f"{record}", "changed_meanwhile")
            for key, record in expected.items()
            if self.made_by(key) != record
        ]
        if faults:
            raise ChangeRefused(faults)

    def _take(self, kept: Kept, number: int) -> None:
        self.kept.append(kept)
        self.documents = edited(self.documents, kept.edits)
        apply_edits(self._indexed, kept.edits)
        for edit in kept.edits:
            self._made[edit["table"], place_of(edit)[0]] = number
        site = site_of(self.documents, Findings())
        assert site is not None, "a change that was taken leaves a sound site"
        for listener in self.listeners:
            listener(site, number)


def memory_desk(site: Path, now_ms: Callable[[], int]) -> SiteDesk:
    """The site of a directory, open to changes; the directory stays as it is."""
    desk = MemoryDesk(site, now_ms)
    return SiteDesk(desk, desk, desk.listeners.append)
