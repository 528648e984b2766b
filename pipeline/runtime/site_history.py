"""The site as the log has it at each of its places: changed record by record, compiled for all shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.compiled_site import CompiledSite
from pipeline.engine.shard import Shard
from pipeline.host.collection import collected_later, nothing_collected
from pipeline.log.site_record import devices_put
from pipeline.runtime.beginning import Beginning, BeginningAt
from pipeline.sites.changed_site import changed_site
from pipeline.sites.concerned_rows import concerned_rows
from pipeline.sites.edits import Edit, about, apply_edits
from pipeline.sites.records import Site
from pipeline.sites.site_versions import ChangingSite
from pipeline.stream.division import SHARDS
from pipeline.stream.items import Router

#: A change that concerns no more ids than that is spliced in, however small the site is.
_FEW = 200


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

    ``beginning_at(record)`` gives the site as it was after a record of the log; ``listen`` gets the first.
    """

    def __init__(
        self,
        beginning_at: BeginningAt | None = None,
        listen: Callable[[CompiledSite], None] = lambda _: None,
        shards: int = SHARDS,
    ) -> None:
        self._beginning_at = beginning_at
        self._listen = listen
        self._shards = shards
        self.router = Router()
        self._rows: ChangingSite | None = None
        self._compiled: CompiledSite | None = None
        self._begun: CompiledSite | None = None
        #: Edits since all was compiled whole.
        self._since: list[Edit] = []
        self.devices = DeviceNames([])

    @property
    def compiled(self) -> CompiledSite:
        """The site as it is now; after ``begin``."""
        assert self._compiled is not None, "begun before anything is judged"
        return self._compiled

    def make_shard(self, number: int) -> Shard:
        """A shard before all changes, which it gets in their order."""
        assert self._begun is not None, "begun before anything is judged"
        return Shard(self._begun, number)

    def begin(self, offset: int) -> CompiledSite:
        """The site at a place of the log: with all changes of records before ``offset``. Once; later nothing.

        Raises SiteError where this version of the program finds it unsound.
        """
        if self._compiled is None:
            assert self._beginning_at is not None, "else it is begun with a site"
            with nothing_collected():
                self.begin_with(self._beginning_at(offset - 1))
                self.compiled.fences.make_room()
        return self.compiled

    def begin_with(self, beginning: Beginning) -> None:
        """Begin with a site that was read already."""
        self._rows = beginning.rows
        self._listen(self._take_over(beginning.site, is_begin=True))

    def know(self, device_ids: Iterable[str]) -> None:
        """Devices that rows may name though the site is yet to; before it is begun."""
        self.devices.ids += dict.fromkeys(device_ids)

    def take(self, edits: list[Edit], at_ms: int, *, is_judged: bool = True) -> SiteMoved:
        """The next change in the order of the log; ``is_judged``: something came before that was judged."""
        with collected_later(), self.rows.read_ahead(map(about, edits)):
            return self._taken(edits, at_ms, is_judged=is_judged)

    def _taken(self, edits: list[Edit], at_ms: int, *, is_judged: bool) -> SiteMoved:
        rows = self.rows
        before = {about(edit): rows.versions(about(edit)) for edit in edits}
        apply_edits(rows, edits)
        known = self.compiled.division.device_number
        self.devices.ids += [name for name in devices_put(edits) if name not in known]
        self._since += edits
        concerned = None
        if is_judged:
            concerned = concerned_rows(rows, before, max(_FEW, len(self.compiled.site.people) // 4))
        self.compiled.division.know(self.devices.ids[len(known) :])
        compiled = None if concerned is None else self.compiled.changed(concerned)
        if compiled is None or concerned is None:
            site = changed_site(self.compiled.site, rows, self._since)
            return SiteMoved(self._take_over(site, is_begin=not is_judged), at_ms)
        self.devices.ids += compiled.division.device_ids[len(self.devices.ids) :]
        self.router.also(compiled.division, concerned.devices)
        self._compiled = compiled
        return SiteMoved(compiled, at_ms)

    @property
    def rows(self) -> ChangingSite:
        """The site by its rows, as a change is resolved with."""
        assert self._rows is not None, "begun before anything changes"
        return self._rows

    def _take_over(self, site: Site, *, is_begin: bool) -> CompiledSite:
        compiled = CompiledSite.of(site, self._shards, self.devices.ids)
        self.devices.ids += compiled.division.device_ids[len(self.devices.ids) :]
        self.router.move(compiled.division)
        self._compiled = compiled
        self._since = []
        if is_begin:
            self._begun = compiled
        return compiled
