"""The site as the log has it at each of its places: changed record by record, compiled for all shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.compiled_site import CompiledSite
from pipeline.errors import SiteError
from pipeline.log.site_record import devices_put
from pipeline.sites.changed_site import changed_site
from pipeline.sites.documents import SiteDocuments
from pipeline.sites.edits import Edit, apply_edits
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.records import Site
from pipeline.sites.site_versions import IndexedSite
from pipeline.stream.division import SHARDS
from pipeline.stream.items import Router


@dataclass(frozen=True, slots=True, eq=False)
class SiteMoved:
    """Another site in force from an instant of the log's clock on."""

    compiled: CompiledSite
    at_ms: int


class DeviceNames:
    """The ids of the devices by number; the list is only ever added to."""

    generation = 0

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def rows_from(self, first: int) -> Mapping[str, NDArray[Any]]:
        """The ids from a number on, as a checkpoint keeps them."""
        ids = np.empty(len(self.ids) - first, np.object_)
        ids[:] = self.ids[first:]
        return {"id": ids}


class SiteHistory:
    """One site after another, with the router that sends by it.

    ``documents_at(record)`` gives the site as it was after a record of the log; ``listen`` gets the first.
    """

    def __init__(
        self,
        documents_at: Callable[[int], SiteDocuments] | None = None,
        listen: Callable[[CompiledSite], None] = lambda _: None,
        shards: int = SHARDS,
        newest: tuple[int, Site] | None = None,
    ) -> None:
        """``newest`` is the last record that changed the site, and the site since: read once already."""
        self._newest = newest
        self._documents_at = documents_at
        self._listen = listen
        self._shards = shards
        self.router = Router()
        self._rows: IndexedSite | None = None
        self._compiled: CompiledSite | None = None
        self.devices = DeviceNames([])

    @property
    def compiled(self) -> CompiledSite:
        """The site as it is now; after ``begin``."""
        assert self._compiled is not None, "begun before anything is judged"
        return self._compiled

    def begin(self, offset: int) -> CompiledSite:
        """The site at a place of the log: with all changes of records before ``offset``. Once; later nothing.

        Raises SiteError where this version of the program finds it unsound.
        """
        if self._compiled is None:
            assert self._documents_at is not None, "else it is begun with a site"
            documents = self._documents_at(offset - 1)
            self.begin_with(self._site_at(offset - 1, documents), documents)
        return self.compiled

    def _site_at(self, record: int, documents: SiteDocuments) -> Site:
        if self._newest is not None and record >= self._newest[0]:
            return self._newest[1]
        site = site_of(documents, findings := Findings())
        if site is None:
            raise SiteError(findings.faults)
        return site

    def begin_with(self, site: Site, documents: SiteDocuments | None) -> None:
        """Begin with a site that was read already; without ``documents`` it cannot change."""
        self._rows = None if documents is None else IndexedSite(documents)
        self._listen(self._take_over(site))

    def know(self, device_ids: Iterable[str]) -> None:
        """Devices that rows may name though the site is yet to; before it is begun."""
        self.devices.ids += dict.fromkeys(device_ids)

    def take(self, edits: list[Edit], at_ms: int) -> SiteMoved:
        """The next change in the order of the log."""
        assert self._rows is not None, "begun before anything changes"
        apply_edits(self._rows, edits)
        self.devices.ids += [
            name for name in devices_put(edits) if name not in self.compiled.division.device_number
        ]
        return SiteMoved(self._take_over(changed_site(self.compiled.site, self._rows, edits)), at_ms)

    @property
    def rows(self) -> IndexedSite:
        """The site by its rows, as a change is resolved with."""
        assert self._rows is not None, "begun before anything changes"
        return self._rows

    def _take_over(self, site: Site) -> CompiledSite:
        compiled = CompiledSite.of(site, self._shards, self.devices.ids)
        self.devices.ids += compiled.division.device_ids[len(self.devices.ids) :]
        self.router.move(compiled.division)
        self._compiled = compiled
        return compiled
