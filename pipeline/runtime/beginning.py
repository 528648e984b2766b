"""The site that judging begins with, at a place of the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from pipeline.registry.recorded_site import RecordedSite
from pipeline.registry.registry import Registry
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.load import sound_site
from pipeline.sites.records import Site
from pipeline.sites.site_versions import ChangingSite, IndexedSite


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """A site as it is read, and its rows by id, by which changes are understood; None: there are none."""

    site: Site
    rows: ChangingSite | None

    @classmethod
    def of(cls, documents: SiteDocuments) -> Self:
        """A site that no registry keeps. Raises SiteError where it is unsound."""
        return cls(sound_site(documents), IndexedSite(documents))


#: The site as it was when a record of the log had been taken.
BeginningAt = Callable[[int], Beginning]


def recorded(registry: Registry, newest: tuple[int, Site] | None = None) -> BeginningAt:
    """The sites of a registry; ``newest`` is the last record that changed it, and the site since then.

    Each raises SiteError where this version of the program finds the site unsound.
    """

    def at(record: int) -> Beginning:
        if newest is not None and record >= newest[0]:
            return Beginning(newest[1], RecordedSite(registry, newest[0]))
        return Beginning(registry.site_at(record), RecordedSite(registry, record))

    return at
