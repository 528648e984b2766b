"""The files of a directory as a site that is given, compared with what a registry holds."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pipeline.host.clock import clock_of
from pipeline.registry.file_difference import differing_rows
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.line_difference import difference_of_lines
from pipeline.sites.load import load_documents
from pipeline.sites.plain_files import plain_files
from pipeline.sites.site_difference import SiteDifference


class GivenSite:
    """The site that files make. They are read once, and what of them need not be checked is not."""

    def __init__(self, directory: Path, data: Path) -> None:
        """``data`` is the data directory that they are for. Raises SiteError where the files are broken.

        What is broken where the registry has something else is only found by ``difference``.
        """
        self.directory = directory
        self._data = data
        self._plain = plain_files(directory) if (data / REGISTRY).exists() else None
        if self._plain is None:
            _ = self.documents

    @cached_property
    def documents(self) -> SiteDocuments:
        """All rows, checked. Raises SiteError."""
        return load_documents(self.directory)

    def difference(self, registry: Registry) -> SiteDifference:
        """What they would change at the present. Raises SiteError with every fault of every file."""
        if self._plain is not None and (found := differing_rows(registry, self._plain)) is not None:
            return found.at(present_ms(registry, self._data))
        self._plain = None
        now = registry.lines_at(registry.last_record)
        return difference_of_lines(now, self.documents, present_ms(registry, self._data))


def present_ms(registry: Registry, data: Path) -> int:
    """The present of a site: the clock, and no time before the last change."""
    return max(clock_of(data).now_ms(), registry.changed_ms)
